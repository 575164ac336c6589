//! Hosts of their own for nodes: network namespaces on one bridge, with cables that can be pulled and that count what passes.
//!
//! Everything is made inside a namespace that this program moves into, so nothing of it is seen outside, and all of it is gone when the program ends.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the environment of the program that was moved.
const MOVED: &str = "SUYUAN_TESTNET_APART";
/// Hosts that the two networks have addresses for.
pub const MOST: u8 = 200;

/// A host. Dropping it takes it off the network; processes on it end by themselves or are ended by whoever started them.
#[derive(Debug)]
pub struct Host {
    /// Its address in the network that all hosts share, 10.77.0.0/24. Its cable can be pulled.
    pub address: IpAddr,
    /// Its address for whoever operates it, 10.78.0.0/24. That cable always stays.
    pub control: IpAddr,
    number: u8,
    /// Keeps the namespace.
    keeper: Child,
}

/// What passed a cable, bytes with all headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// From the host.
    pub sent: u64,
    /// To the host.
    pub received: u64,
}

/// Moves this program into a network namespace of its own, unless it is in one already: it begins again there, with the same arguments. To be called before any
/// thread is started. Then lays the two networks.
///
/// # Errors
/// Why no namespace could be made.
pub fn move_apart() -> Result<(), String> {
    if std::env::var_os(MOVED).is_none() {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let user: &[&str] = if root { &[] } else { &["--map-root-user"] };
        let error = Command::new("unshare").arg("--net").args(user).arg(program).args(std::env::args_os().skip(1)).env(MOVED, "1").exec();
        return Err(format!("cannot run unshare: {error}; install util-linux"));
    }
    ip("link set lo up")?;
    for (name, network) in [("shared", "10.77.0.254/24"), ("control", "10.78.0.254/24")] {
        ip(&format!("link add {name} type bridge"))?;
        ip(&format!("addr add {network} dev {name}"))?;
        ip(&format!("link set {name} up"))?;
    }
    Ok(())
}

impl Host {
    /// A new host on both networks. Numbers begin with 1.
    ///
    /// # Errors
    /// Why it could not be made.
    pub fn new(number: u8) -> Result<Self, String> {
        if !(1..=MOST).contains(&number) {
            return Err(format!("a network has room for {MOST} hosts"));
        }
        let keeper = Command::new("unshare").args(["--net", "sleep", "infinity"]).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let keeper = keeper.map_err(|error| format!("cannot run unshare: {error}; install util-linux"))?;
        let host = Self { address: Ipv4Addr::new(10, 77, 0, number).into(), control: Ipv4Addr::new(10, 78, 0, number).into(), number, keeper };
        host.wait_for_namespace()?;
        let pid = host.keeper.id();
        host.run("link set lo up")?;
        for (cable, bridge, inside, address) in
            [(host.cable(), "shared", "eth0", host.address), (host.operator_cable(), "control", "eth1", host.control)]
        {
            ip(&format!("link add {cable} type veth peer name {inside} netns {pid}"))?;
            ip(&format!("link set {cable} master {bridge} up"))?;
            host.run(&format!("addr add {address}/24 dev {inside}"))?;
            host.run(&format!("link set {inside} up"))?;
        }
        Ok(host)
    }

    /// The words that make a command run on this host.
    pub fn enter(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.keeper.id())]
    }

    /// Pulls the cable to the other hosts. Connections stay open and silent.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn cut(&self) -> Result<(), String> {
        ip(&format!("link set {} down", self.cable()))
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn heal(&self) -> Result<(), String> {
        ip(&format!("link set {} up", self.cable()))
    }

    /// What has passed the cable to the other hosts so far, by the kernel's count.
    ///
    /// # Errors
    /// That the kernel does not say.
    pub fn passed(&self) -> Result<Passed, String> {
        let devices = std::fs::read_to_string("/proc/net/dev").map_err(|error| error.to_string())?;
        let head = format!("{}:", self.cable());
        let line = devices.lines().find_map(|line| line.trim().strip_prefix(&head)).ok_or("the cable is not there")?;
        let count =
            |column: usize| line.split_whitespace().nth(column).and_then(|count| count.parse().ok()).ok_or("the kernel's count cannot be read");
        // Seen from the bridge's end: what the host sends arrives here.
        Ok(Passed { sent: count(0)?, received: count(8)? })
    }

    fn cable(&self) -> String {
        format!("host{}", self.number)
    }

    fn operator_cable(&self) -> String {
        format!("operator{}", self.number)
    }

    /// Runs `ip` on the host.
    fn run(&self, words: &str) -> Result<(), String> {
        let [enter, namespace] = self.enter();
        checked(Command::new(enter).arg(namespace).arg("ip").args(words.split(' ')))
    }

    /// The keeper's namespace is its own only when `unshare` has made it.
    fn wait_for_namespace(&self) -> Result<(), String> {
        let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let made = namespace(&self.keeper.id().to_string());
            if made.is_some() && made != namespace("self") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("no network namespace could be made; run as root".to_owned())
    }
}

impl Passed {
    /// What has passed since then.
    pub fn since(self, before: Self) -> Self {
        Self { sent: self.sent.saturating_sub(before.sent), received: self.received.saturating_sub(before.received) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn ip(words: &str) -> Result<(), String> {
    checked(Command::new("ip").args(words.split(' ')))
}

fn checked(command: &mut Command) -> Result<(), String> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run ip: {error}; install iproute2"))?;
    if done.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr).trim())) }
}
