//! A cluster of real node processes, founded and driven through the same binary and API as anybody's.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use suyuan_client::Client;
use suyuan_core::AllianceId;
use suyuan_runtime::keyring::{Keyring, Passphrase};

use crate::hosts::Host;

/// How long a node may take to answer after its start.
const START: Duration = Duration::from_secs(30);

/// Ports for the listeners.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A member to be founded.
#[derive(Clone, Debug)]
pub struct Founder {
    /// Folder name, one letter or so.
    pub key: Cow<'static, str>,
    /// Name in the charter.
    pub name: Cow<'static, str>,
    /// Role in the charter.
    pub role: &'static str,
    /// Types that a regulator may read.
    pub scope: &'static [&'static str],
}

impl Founder {
    /// A founder.
    pub const fn new(key: &'static str, name: &'static str, role: &'static str, scope: &'static [&'static str]) -> Self {
        Self { key: Cow::Borrowed(key), name: Cow::Borrowed(name), role, scope }
    }
}

/// Where the nodes of a cluster run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// All on this machine's loopback, with keyrings that need no passphrase.
    Loopback,
    /// Each on a host of its own, with a passphrase. This program must have been moved apart before.
    Hosts,
}

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    /// Who.
    pub founder: Founder,
    /// Its data folder.
    pub data: PathBuf,
    /// Admin listener.
    pub admin: SocketAddr,
    /// Public listener.
    pub public: SocketAddr,
    /// Password of the console's operator.
    pub password: String,
    /// The host that it has to itself.
    pub host: Option<Host>,
    p2p: SocketAddr,
    passphrase: Option<String>,
    child: Option<Child>,
}

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes in the order of founding; the first is the leader.
    pub nodes: Vec<NodeProcess>,
    /// The alliance.
    pub alliance: AllianceId,
    binary: PathBuf,
}

/// The `suyuan` that was built beside this program.
///
/// # Errors
/// Where it ought to be.
pub fn binary() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    // A test's executable lies one folder deeper.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("suyuan")).find(|path| path.is_file());
    beside.ok_or_else(|| "the program `suyuan` is not built; run: cargo build --release --workspace".to_owned())
}

/// A loopback address that is free now, below the ports that systems give to outgoing connections, and never the same twice in one run.
///
/// # Errors
/// That none is.
pub fn free_address() -> Result<SocketAddr, String> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    for _ in 0..PORTS.len() {
        let mut random = [0; 2];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        // The first port is drawn, so that two runs at once do not meet; then they are taken in turn.
        let _ = NEXT.compare_exchange(0, u16::from_be_bytes(random) % 8000 + 1, Ordering::Relaxed, Ordering::Relaxed);
        let port = PORTS.start.saturating_add(NEXT.fetch_add(1, Ordering::Relaxed) % 9000);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port is free on this machine".to_owned())
}

impl Cluster {
    /// Makes keys, charter and data folders in `folder`, and starts every node.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn found(folder: &Path, founders: &[Founder], ground: Ground, say: &impl Fn(&str)) -> Result<Self, String> {
        let binary = binary()?;
        let mut nodes = Vec::new();
        for (number, founder) in (1..).zip(founders) {
            say(&format!("keys of {}", founder.name));
            let host = if ground == Ground::Hosts { Some(Host::new(number)?) } else { None };
            nodes.push(NodeProcess::init(&binary, folder, founder, host)?);
        }
        say("charter, signed by all");
        let charter = folder.join("charter");
        let mut new = Command::new(&binary);
        new.args(["charter", "new", path(&charter)?, "--name", "绿色农业链", "--purpose", "从田园到餐桌", "--chain", "绿色农业"]);
        for node in &nodes {
            new.args(["--entry", path(&node.data.join("entry"))?]);
        }
        if let Some(deputy) = founders.get(1) {
            new.args(["--deputy", &deputy.name]);
        }
        output(&mut new)?;
        for node in &nodes {
            output(node.command(&binary)?.args(["charter", "sign", path(&charter)?]))?;
        }
        let checked: Value = json(Command::new(&binary).args(["--json", "charter", "check", path(&charter)?]))?;
        let alliance = checked["alliance"].as_str().and_then(|id| id.parse().ok()).ok_or("the charter is not complete")?;
        for node in &mut nodes {
            say(&format!("starting {}", node.founder.name));
            node.start(&binary, Some(&charter))?;
        }
        let mut cluster = Self { nodes, alliance, binary };
        for node in &mut cluster.nodes {
            node.wait()?;
        }
        Ok(cluster)
    }

    /// Invites somebody in the name of `inviter`, lets it join while `approve` makes the members decide, and starts its node.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn admit(
        &mut self,
        folder: &Path,
        newcomer: &Founder,
        inviter: &str,
        approve: impl FnOnce(&Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let number = u8::try_from(self.nodes.len()).unwrap_or(u8::MAX).saturating_add(1);
        let apart = self.nodes.first().is_some_and(|node| node.host.is_some());
        let host = if apart { Some(Host::new(number)?) } else { None };
        let mut node = NodeProcess::init(&self.binary, folder, newcomer, host)?;
        let now = suyuan_runtime::node::now();
        let request = serde_json::json!({ "name": newcomer.name, "role": newcomer.role, "expires": now.saturating_add(86_400_000) });
        let invitation = self.node(inviter)?.client()?.invite(&request).map_err(|error| error.to_string())?;
        let file = folder.join(format!("{}.invitation", newcomer.key));
        std::fs::write(&file, invitation).map_err(|error| error.to_string())?;
        let mut join = node.command(&self.binary)?;
        join.args(["--json", "join", path(&file)?, "--wait", "60"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let joining = join.spawn().map_err(|error| error.to_string())?;
        let approved = approve(self);
        let joined = joining.wait_with_output().map_err(|error| error.to_string())?;
        approved?;
        if !joined.status.success() {
            return Err(format!("{} has not joined: {}", newcomer.name, String::from_utf8_lossy(&joined.stderr).trim()));
        }
        node.start(&self.binary, None)?;
        node.wait()?;
        self.nodes.push(node);
        Ok(())
    }

    /// Lets a running node exchange all its keys, and waits until that is final.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn rotate(&self, key: &str) -> Result<Value, String> {
        let node = self.node(key)?;
        json(node.command(&self.binary)?.args(["--json", "--node", &format!("http://{}", node.admin), "keyring", "rotate", "--wait", "60"]))
    }

    /// The node of a founder.
    ///
    /// # Errors
    /// That there is none.
    pub fn node(&self, key: &str) -> Result<&NodeProcess, String> {
        self.nodes.iter().find(|node| node.founder.key == key).ok_or_else(|| format!("no node {key}"))
    }

    /// Waits until every node has as much of every log as every other one.
    ///
    /// # Errors
    /// Who is behind after `patience`.
    pub fn settle(&self, patience: Duration) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let sizes = self.nodes.iter().map(NodeProcess::log_sizes).collect::<Result<Vec<_>, _>>()?;
            if sizes.iter().all(|size| sizes.first() == Some(size)) {
                return Ok(());
            }
            if begun.elapsed() > patience {
                return Err(format!("the nodes have not come to the same logs: {sizes:?}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts a node that was stopped or killed, and waits until it answers.
    ///
    /// # Errors
    /// The end of its log, when it does not.
    pub fn restart(&mut self, key: &str) -> Result<(), String> {
        let binary = self.binary.clone();
        let node = self.node_mut(key)?;
        node.start(&binary, None)?;
        node.wait()
    }

    /// The node of a founder, to be stopped or killed.
    ///
    /// # Errors
    /// That there is none.
    pub fn node_mut(&mut self, key: &str) -> Result<&mut NodeProcess, String> {
        self.nodes.iter_mut().find(|node| node.founder.key == key).ok_or_else(|| format!("no node {key}"))
    }

    /// Stops every node in order.
    pub fn stop(&mut self) {
        for node in &mut self.nodes {
            node.stop();
        }
    }

    /// Runs `suyuan fsck` on a stopped node.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn fsck(&self, node: &NodeProcess) -> Result<Value, String> {
        json(node.command(&self.binary)?.args(["--json", "fsck"]))
    }

    /// Runs `suyuan` with these words; its exit code and standard output.
    ///
    /// # Errors
    /// That it could not be run.
    pub fn suyuan(&self, words: &[&str]) -> Result<(Option<i32>, String), String> {
        let done = Command::new(&self.binary).args(words).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        Ok((done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

impl NodeProcess {
    fn init(binary: &Path, folder: &Path, founder: &Founder, host: Option<Host>) -> Result<Self, String> {
        let (admin, public, p2p) = match &host {
            None => (free_address()?, free_address()?, free_address()?),
            Some(host) => ((host.control, 7400).into(), (host.address, 7480).into(), (host.address, 7401).into()),
        };
        let passphrase = host.is_some().then(random_text).transpose()?;
        let data = folder.join(&*founder.key);
        let node = Self { founder: founder.clone(), data, admin, public, password: random_text()?, host, p2p, passphrase, child: None };
        let mut init = node.command(binary)?;
        init.args(["init", "--name", &founder.name, "--role", founder.role, "--address", &multiaddr(p2p)]);
        if node.passphrase.is_none() {
            init.arg("--development");
        }
        for kind in founder.scope {
            init.args(["--scope", kind]);
        }
        output(&mut init)?;
        let mut child =
            node.command(binary)?.arg("operator").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
        let written = child.stdin.take().map(|mut stdin| writeln!(stdin, "{}", node.password));
        written.transpose().map_err(|error| error.to_string())?;
        let set = child.wait().map_err(|error| error.to_string())?;
        if set.success() { Ok(node) } else { Err(format!("the operator of {} could not be set", founder.name)) }
    }

    /// `suyuan` for this node, on its host.
    fn command(&self, binary: &Path) -> Result<Command, String> {
        let mut command = match &self.host {
            None => Command::new(binary),
            Some(host) => {
                let [enter, namespace] = host.enter();
                let mut command = Command::new(enter);
                command.arg(namespace).arg(binary);
                command
            }
        };
        if let Some(passphrase) = &self.passphrase {
            command.env("SUYUAN_PASSPHRASE", passphrase).env("SUYUAN_ROOT_PASSPHRASE", passphrase);
        }
        command.args(["--data", path(&self.data)?]);
        Ok(command)
    }

    /// Starts the process; what it logs goes to `node.log` in its folder.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn start(&mut self, binary: &Path, charter: Option<&Path>) -> Result<(), String> {
        let log = File::options().create(true).append(true).open(self.log()).map_err(|error| error.to_string())?;
        let mut run = self.command(binary)?;
        run.args(["run", "--admin", &self.admin.to_string(), "--public", &self.public.to_string()]);
        if self.host.is_some() {
            run.args(["--host", &self.admin.ip().to_string()]);
        }
        // The phases of every commit stand in the log, so that a crash can be told by where it struck.
        run.env("SUYUAN_LOG", "info,suyuan::commit=debug");
        run.args(["--p2p", &multiaddr(self.p2p), "--public-url", &format!("http://{}", self.public)]);
        if let Some(charter) = charter {
            run.args(["--charter", path(charter)?]);
        }
        let child = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Waits until the node answers.
    ///
    /// # Errors
    /// The end of its log, when it does not.
    pub fn wait(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            if self.client().is_ok_and(|client| client.node().is_ok()) {
                return Ok(());
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let end: Vec<&str> = log.lines().rev().take(8).collect();
        Err(format!("{} does not answer; its log ends with:\n{}", self.founder.name, end.into_iter().rev().collect::<Vec<_>>().join("\n")))
    }

    /// A client with the token that the node left for this machine's operator.
    ///
    /// # Errors
    /// That there is no token yet.
    pub fn client(&self) -> Result<Client, String> {
        Ok(Client::new(&format!("http://{}", self.admin), &self.token()?))
    }

    /// That token.
    ///
    /// # Errors
    /// That there is none yet.
    pub fn token(&self) -> Result<String, String> {
        std::fs::read_to_string(self.data.join("token")).map_err(|error| format!("{}: {error}", self.founder.name))
    }

    /// Sizes of all logs that it holds, by member.
    ///
    /// # Errors
    /// That it does not answer.
    pub fn log_sizes(&self) -> Result<Vec<(String, u64)>, String> {
        let text = self.client()?.json("/api/v1/logs").map_err(|error| error.to_string())?;
        let logs: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let logs = logs.get("logs").unwrap_or(&logs);
        let size = |log: &Value| Some((log["member"]["id"].as_str().or(log["member"].as_str())?.to_owned(), log["size"].as_u64()?));
        let mut sizes: Vec<_> = logs.as_array().into_iter().flatten().filter_map(size).collect();
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// Its keyring, opened from a copy that is removed again: the node has the original.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn copied_keyring(&self, copy: &Path) -> Result<Keyring, String> {
        std::fs::create_dir_all(copy).map_err(|error| error.to_string())?;
        for name in ["keyring", "device"] {
            std::fs::copy(self.data.join(name), copy.join(name)).map_err(|error| error.to_string())?;
        }
        let passphrase = self.passphrase.clone().map(Passphrase::new).transpose().map_err(|error| error.to_string())?;
        let passphrase = passphrase.unwrap_or_else(Passphrase::none);
        let keyring = Keyring::open(copy, &passphrase).map_err(|error| error.to_string());
        std::fs::remove_dir_all(copy).map_err(|error| error.to_string())?;
        keyring
    }

    /// Listener for the other members.
    pub fn p2p(&self) -> SocketAddr {
        self.p2p
    }

    /// Memory that the process takes up, bytes.
    ///
    /// # Errors
    /// That it does not run.
    pub fn resident(&self) -> Result<u64, String> {
        let pid = self.child.as_ref().ok_or("the node does not run")?.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| error.to_string())?;
        let kilobytes =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.map(|count| count.saturating_mul(1024)).ok_or_else(|| "the kernel does not say how much memory it takes".to_owned())
    }

    /// Kills the process as a power switch would, and waits for its end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What the node logs.
    pub fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// Ends the process as an operator would, and waits for it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(10) {
                if matches!(child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn random_text() -> Result<String, String> {
    let mut random = [0; 9];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A socket address as the network's addresses are written.
pub fn multiaddr(address: SocketAddr) -> String {
    format!("/ip4/{}/tcp/{}", address.ip(), address.port())
}

fn path(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()))
}

fn output(command: &mut Command) -> Result<String, String> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
}

fn json(command: &mut Command) -> Result<Value, String> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&done.stdout).map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&done.stderr)))
}
