//! Data folders, commands, and nodes that run until they are dropped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ports::free_port;

const PASSPHRASE: &str = "a passphrase for tests";

/// The binary, for one data folder, with nothing from the environment of whoever runs the tests.
pub fn suyuan(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_suyuan"));
    command.env_clear().arg("--data").arg(data).stdin(Stdio::null());
    for variable in ["SUYUAN_PASSPHRASE", "SUYUAN_ROOT_PASSPHRASE", "SUYUAN_BACKUP_PASSPHRASE"] {
        command.env(variable, PASSPHRASE);
    }
    command
}

pub fn run(data: &Path, arguments: &[&str]) -> Output {
    suyuan(data).args(arguments).output().unwrap()
}

/// What a command that has to succeed prints.
pub fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command says on standard error; it ended by itself and did not panic.
pub fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some(), "ended by a signal: {text}");
    assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
    text
}

/// What a command that has to fail on this machine's account says.
pub fn refused(data: &Path, arguments: &[&str]) -> String {
    fails(data, 5, arguments)
}

/// What a command says that has to fail with an exit code; with `--json`, it says the same as an object on standard output.
pub fn fails(data: &Path, exit: u8, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(exit.into()), "{arguments:?}: {text}");
    let output = suyuan(data).arg("--json").args(arguments).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    assert_eq!((output.status.code(), &json["exit"]), (Some(exit.into()), &exit.into()), "{arguments:?}: {json}");
    assert!(json["error"].as_str().is_some_and(|error| !error.is_empty()), "{arguments:?}: {json}");
    text
}

/// Members with a complete charter, the leader first. Returns its file.
pub fn found(members: &[&Path], development: bool) -> PathBuf {
    let file = members[0].with_extension("charter");
    let path = file.to_str().unwrap();
    let mut new: Vec<String> = ["charter", "new", path, "--name", "链", "--chain", "绿色农业"].map(str::to_owned).into();
    for (index, member) in members.iter().enumerate() {
        let name = format!("member {index}");
        let role = if index == 0 { "leader" } else { "downstream" };
        let mut init = vec!["init", "--name", &name, "--role", role];
        let address = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        init.extend(["--address", &address]);
        if development {
            init.push("--development");
        }
        done(member, &init);
        new.extend(["--entry".to_owned(), member.join("entry").to_str().unwrap().to_owned()]);
    }
    done(members[0], &new.iter().map(String::as_str).collect::<Vec<_>>());
    for member in members {
        done(member, &["charter", "sign", path]);
    }
    file
}

/// A node that runs.
pub struct Node {
    data: PathBuf,
    process: Child,
    pub admin: SocketAddr,
    pub public: SocketAddr,
    /// Where the other members' nodes reach it.
    pub p2p: String,
}

impl Node {
    /// Starts a node and waits until its console answers.
    pub fn start(data: &Path, charter: &Path, flags: &[&str]) -> Self {
        let ports = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let p2p = address_of(&std::fs::read(data.join("entry")).unwrap());
        let mut command = suyuan(data);
        command.args(["run", "--charter"]).arg(charter).args(["--admin", &ports[0], "--public", &ports[1], "--p2p", &p2p]).args(flags);
        let journal = std::fs::File::create(data.with_extension("journal")).unwrap();
        let process = command.stdout(Stdio::null()).stderr(journal).spawn().unwrap();
        let mut node = Self { data: data.to_owned(), process, admin: ports[0].parse().unwrap(), public: ports[1].parse().unwrap(), p2p };
        let begun = Instant::now();
        while !node.get(node.admin, "/healthz").ends_with("ok\n") {
            assert!(begun.elapsed() < Duration::from_secs(60) && node.process.try_wait().unwrap().is_none(), "{}", node.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
        node
    }

    pub fn journal(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("journal")).unwrap()
    }

    /// The answer to a GET with the token that the node left for its operator; empty where nobody answers.
    pub fn get(&self, at: SocketAddr, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(at) else { return String::new() };
        let token = std::fs::read_to_string(self.data.join("token")).unwrap_or_default();
        let token = token.trim();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Runs a command against the node.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        suyuan(&self.data).arg("--node").arg(format!("http://{}", self.admin)).args(arguments).output().unwrap()
    }

    /// What a command that succeeds answers with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {} {}", said(&output), String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn status(&self) -> Value {
        self.json(&["status"])
    }

    /// Waits up to a minute until something is so.
    pub fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {}", self.journal());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Proposes something, approves it here and on others, and waits until it is final. Says the proposal.
    pub fn decide(&self, others: &[&Self], words: &[&str]) -> String {
        // While the circle's next epoch is not in force, nothing is sealed for it.
        let proposed = std::cell::RefCell::new(Vec::new());
        self.wait("it is proposed", || {
            let output = self.ask(&[&["--json", "resolution", "propose"], words].concat());
            *proposed.borrow_mut() = output.stdout;
            output.status.success()
        });
        let proposal: Value = serde_json::from_slice(&proposed.borrow()).unwrap();
        let id = proposal["id"].as_str().unwrap().to_owned();
        for node in std::iter::once(&self).chain(others) {
            node.wait("the proposal comes", || node.ask(&["resolution", "approve", &id]).status.success());
        }
        self.wait("it is final", || self.json(&["resolution", "show", &id])["state"] == "final");
        id
    }

    /// Codes of what the status says is not as it should be.
    pub fn troubles(&self) -> Vec<String> {
        let status = self.status();
        status["trouble"].as_array().unwrap().iter().map(|trouble| trouble["code"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the node takes records.
    pub fn ready(&self) {
        let begun = Instant::now();
        while !self.get(self.admin, "/readyz").ends_with("ready\n") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}\n{}", self.get(self.admin, "/readyz"), self.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the leader's node has opened the alliance circle, which it does by itself once it takes records.
    pub fn founded(&self) {
        self.ready();
        let begun = Instant::now();
        while self.status()["size"] == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it as a service manager does.
    pub fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "{}", self.journal());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address that a member gave in its entry.
pub fn address_of(entry: &[u8]) -> String {
    let text = String::from_utf8_lossy(entry);
    let from = text.find("/ip4/127.0.0.1/tcp/").unwrap();
    text[from..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.')).collect()
}
