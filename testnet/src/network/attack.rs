//! A stranger's host: sockets full of garbage, sockets that say nothing, and lengths that never end, against the listeners that anybody can reach.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::cluster::NodeProcess;
use crate::hosts::Host;

/// Threads that attack at once.
const THREADS: usize = 64;
/// How long a socket is kept at most.
const PATIENCE: Duration = Duration::from_secs(3);

/// `suyuan-testnet attack`: what runs on the stranger's host until its standard input ends.
#[derive(Debug, Args)]
pub struct Flags {
    /// The listener for members.
    p2p: SocketAddr,
    /// The listener for the public.
    public: SocketAddr,
}

/// An attack under way.
pub struct Attack(Child);

/// Starts the attack on a host.
///
/// # Errors
/// That it could not be started.
pub fn start(from: &Host, target: &NodeProcess) -> Result<Attack, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let [enter, namespace] = from.enter();
    let mut attack = Command::new(enter);
    attack.arg(namespace).arg(program).arg("attack").args([target.p2p().to_string(), target.public.to_string()]);
    let child = attack.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    child.map(Attack).map_err(|error| error.to_string())
}

impl Attack {
    /// Ends it; what it says that it did.
    ///
    /// # Errors
    /// That it does not say.
    pub fn end(&mut self) -> Result<Value, String> {
        drop(self.0.stdin.take());
        let mut told = String::new();
        let read = self.0.stdout.take().map(|mut stdout| stdout.read_to_string(&mut told));
        let _ = self.0.wait();
        read.transpose().map_err(|error| error.to_string())?;
        serde_json::from_str(&told).map_err(|error| error.to_string())
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What one socket is used for.
type Weapon = fn(&mut TcpStream) -> std::io::Result<()>;

/// Against the listener for members.
const ON_MEMBERS: [Weapon; 5] = [
    |socket| socket.write_all(&[0xa5; 100_000]),
    |socket| socket.write_all(&[0xff; 64]),
    // A true beginning, and a noise message of the greatest length that does not come.
    |socket| socket.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff"),
    // A true beginning that is sent over and over.
    |socket| (0..10_000).try_for_each(|_| socket.write_all(b"\x13/multistream/1.0.0\n")),
    |socket| socket.write_all(b"\x13"),
];

/// Against the listener for the public.
const ON_PUBLIC: [Weapon; 5] = [
    |socket| socket.write_all(&[0; 100_000]),
    |socket| socket.write_all(b"GET / HTTP/1.1\r\nhost: a"),
    |socket| (0..100_000).try_for_each(|_| socket.write_all(b"a: b\r\n")),
    |socket| socket.write_all(b"POST /01/06901234567892/10/A HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n"),
    |socket| socket.write_all(b"GET /01/06901234567892/10/%ff%00%2e%2e%2f HTTP/1.1\r\nhost: a\r\n\r\n"),
];

/// Attacks until standard input ends, and prints what was done.
///
/// # Errors
/// That nothing could be printed.
pub fn strike(flags: &Flags) -> Result<bool, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sockets, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(0u64)));
    let targets: Vec<(SocketAddr, Weapon)> =
        ON_MEMBERS.map(|weapon| (flags.p2p, weapon)).into_iter().chain(ON_PUBLIC.map(|weapon| (flags.public, weapon))).collect();
    let threads: Vec<_> = targets
        .into_iter()
        .cycle()
        .take(THREADS)
        .map(|(target, weapon)| {
            let (stop, sockets, answered) = (stop.clone(), sockets.clone(), answered.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let bytes = throw(target, weapon).unwrap_or(0);
                    sockets.fetch_add(1, Ordering::Relaxed);
                    let mut most = answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    *most = (*most).max(bytes);
                }
            })
        })
        .collect();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| drop(thread.join()));
    let most = *answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{}", json!({ "sockets": sockets.load(Ordering::Relaxed), "mostBytesAnswered": most }));
    Ok(true)
}

/// Uses one socket, and reads what comes until the other end closes or patience ends. The number of bytes that came.
fn throw(target: SocketAddr, weapon: Weapon) -> std::io::Result<u64> {
    let mut socket = TcpStream::connect_timeout(&target, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    weapon(&mut socket)?;
    let (mut answered, mut buffer) = (0, [0; 4096]);
    while let Ok(read @ 1..) = socket.read(&mut buffer) {
        answered += read as u64;
    }
    Ok(answered)
}
