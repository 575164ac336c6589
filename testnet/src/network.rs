//! `suyuan-testnet network`: members on hosts of their own; one is cut off and comes back, and a stranger attacks.

mod attack;

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Founder, Ground, NodeProcess};
use crate::hosts::{self, Host, Passed};

pub use attack::Flags as AttackFlags;
pub use attack::strike;

/// A and B stay; C is cut off.
const FOUNDERS: [Founder; 3] =
    [Founder::new("A", "A", "leader", &[]), Founder::new("B", "B", "upstream", &[]), Founder::new("C", "C", "downstream", &[])];
/// Records in one request.
const AT_ONCE: usize = 100;
/// How long nodes that hear each other may take to the same logs.
const SETTLE: Duration = Duration::from_secs(60);
/// How long a node may take to notice that a connection is silent: a ping every 15 s, answered within 20 s, the console's second, and a busy machine.
const NOTICE: Duration = Duration::from_secs(50);
/// Bytes that a connection may cost beside what was missed: handshakes, heads and counters, and their headers.
const CONNECTING: u64 = 128 * 1024;
/// Bytes that may be on their way when a cable is pulled, and are sent again: the largest batch, and its headers.
const ON_THE_WAY: u64 = 5 * 1024 * 1024;

/// `suyuan-testnet network`.
#[derive(Debug, Args)]
pub struct Flags {
    /// Records that each side writes while the cable is out.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(100..))]
    records: u32,
    /// Records that are on their way when the cable is pulled once more.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..))]
    bulk: u32,
}

/// One thing that was looked at, with its numbers.
struct Finding {
    name: &'static str,
    ok: bool,
    numbers: Value,
}

/// Runs the campaign. Says whether everything held.
///
/// # Errors
/// What failed, in words.
pub fn run(flags: &Flags, as_json: bool) -> Result<bool, String> {
    hosts::move_apart()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let say = |what: &str| eprintln!("{what}");
    let mut cluster = Cluster::found(folder.path(), &FOUNDERS, Ground::Hosts, &say)?;
    cluster.settle(SETTLE)?;
    let mut campaign = Campaign { cluster: &cluster, findings: Vec::new() };
    say("the same records with the cable in, for comparison");
    let whole = campaign.whole(flags.records)?;
    say("C is cut off, and everybody writes");
    campaign.cut_off(flags.records, whole)?;
    say("the cable is pulled in the middle of a transfer");
    campaign.interrupted(flags.bulk, whole.received / u64::from(flags.records) / 2)?;
    say("a stranger attacks A");
    let stranger = Host::new(u8::try_from(FOUNDERS.len()).unwrap_or(0).saturating_add(1))?;
    campaign.attacked(&stranger)?;
    let mut findings = campaign.findings;
    cluster.stop();
    let reports = cluster.nodes.iter().map(|node| cluster.fsck(node)).collect::<Result<Vec<_>, _>>()?;
    let whole = reports.iter().all(|report| report["ok"] == json!(true));
    findings.push(Finding { name: "every store is whole", ok: whole, numbers: json!(reports) });
    report(&findings, as_json);
    Ok(findings.iter().all(|finding| finding.ok))
}

fn report(findings: &[Finding], as_json: bool) {
    if as_json {
        let list: Vec<Value> = findings.iter().map(|one| json!({ "name": one.name, "ok": one.ok, "numbers": one.numbers })).collect();
        println!("{}", json!({ "findings": list, "ok": findings.iter().all(|finding| finding.ok) }));
    } else {
        for finding in findings {
            println!("{} {}: {}", if finding.ok { "ok  " } else { "FAIL" }, finding.name, finding.numbers);
        }
    }
}

struct Campaign<'a> {
    cluster: &'a Cluster,
    findings: Vec<Finding>,
}

impl Campaign<'_> {
    fn node(&self, key: &str) -> Result<&NodeProcess, String> {
        self.cluster.node(key)
    }

    fn host(&self, key: &str) -> Result<&Host, String> {
        self.node(key)?.host.as_ref().ok_or_else(|| format!("{key} has no host of its own"))
    }

    fn found(&mut self, name: &'static str, ok: bool, numbers: Value) {
        self.findings.push(Finding { name, ok, numbers });
    }

    /// What C's cable carries when A, B and C write while it is in.
    fn whole(&mut self, records: u32) -> Result<Passed, String> {
        let before = self.host("C")?.passed()?;
        for key in ["A", "B", "C"] {
            write(self.node(key)?, records)?;
        }
        self.cluster.settle(SETTLE)?;
        let whole = self.host("C")?.passed()?.since(before);
        self.found("the same logs with the cable in", self.identical()?, numbers(whole));
        Ok(whole)
    }

    /// C is cut off, silently; all write; C notices and is noticed, and is brought up to date for what it missed.
    fn cut_off(&mut self, records: u32, whole: Passed) -> Result<(), String> {
        let held = self.node("C")?.log_sizes()?;
        self.host("C")?.cut()?;
        let begun = Instant::now();
        for key in ["A", "B"] {
            write(self.node(key)?, records)?;
        }
        wait("A and B to agree without C", SETTLE, || Ok(self.node("A")?.log_sizes()? == self.node("B")?.log_sizes()?))?;
        self.found("A and B go on without C", self.node("C")?.log_sizes()? == held, json!({ "seconds": begun.elapsed().as_secs_f64() }));
        write(self.node("C")?, records)?;
        let noticed = |by: &str, who: &str| Ok::<_, String>(!connected(self.node(by)?, who)?);
        let seen =
            wait("the silence to be noticed", NOTICE, || Ok(noticed("A", "C")? && noticed("B", "C")? && noticed("C", "A")? && noticed("C", "B")?));
        self.found("a silent cable is noticed by both ends", seen.is_ok(), json!({ "seconds": begun.elapsed().as_secs_f64() }));

        let before = self.host("C")?.passed()?;
        self.host("C")?.heal()?;
        let begun = Instant::now();
        // A dialler pauses for up to 90 s.
        self.cluster.settle(Duration::from_secs(120))?;
        let took = begun.elapsed();
        let healed = self.host("C")?.passed()?.since(before);
        // A tenth more than the same records cost with the cable in, and the connections.
        let within = |healed: u64, whole: u64| healed <= whole.saturating_add(whole / 10).saturating_add(CONNECTING);
        let ok = self.identical()? && within(healed.received, whole.received) && within(healed.sent, whole.sent);
        self.found(
            "healed, C gets what it missed and gives what the others missed, and little more",
            ok,
            json!({ "seconds": took.as_secs_f64(), "healed": numbers(healed), "withTheCableIn": numbers(whole) }),
        );
        Ok(())
    }

    /// The cable is pulled in the middle of a long transfer: what had arrived is not sent again.
    fn interrupted(&mut self, records: u32, bytes_of_one: u64) -> Result<(), String> {
        let cable = self.host("C")?;
        cable.cut()?;
        write(self.node("A")?, records)?;
        let expected = u64::from(records).saturating_mul(bytes_of_one);
        let before = cable.passed()?;
        cable.heal()?;
        let arrived = || Ok::<_, String>(cable.passed()?.since(before).received);
        wait("a third to arrive", Duration::from_secs(120), || Ok(arrived()? > expected / 3))?;
        cable.cut()?;
        let at_the_cut = arrived()?;
        std::thread::sleep(Duration::from_secs(2));
        cable.heal()?;
        self.cluster.settle(Duration::from_secs(120))?;
        let all = arrived()?;
        let most = expected.saturating_add(expected / 10).saturating_add(ON_THE_WAY);
        let ok = self.identical()? && at_the_cut < expected && all <= most;
        self.found(
            "an interrupted transfer goes on where it was",
            ok,
            json!({ "expectedBytes": expected, "bytesAtTheCut": at_the_cut, "bytes": all, "atMost": most }),
        );
        Ok(())
    }

    /// A stranger's host throws at A what it can; A's memory stays bounded, its log as it was, and its members are served.
    fn attacked(&mut self, stranger: &Host) -> Result<(), String> {
        let target = self.node("A")?;
        let (before, resident) = (self.roots("A")?, target.resident()?);
        let mut attack = attack::start(stranger, target)?;
        std::thread::sleep(Duration::from_millis(500));
        let (mut slowest, mut most) = (Duration::ZERO, resident);
        for _ in 0..10 {
            let begun = Instant::now();
            write(self.node("B")?, 100)?;
            self.cluster.settle(SETTLE)?;
            slowest = slowest.max(begun.elapsed());
            most = most.max(target.resident()?);
            std::thread::sleep(Duration::from_millis(500));
        }
        let struck = attack.end()?;
        let after = self.roots("A")?;
        // A's own log, and C's, are untouched; B's has grown by what B wrote.
        let untouched = ["A", "C"].iter().all(|key| before.get(*key) == after.get(*key));
        let grown = most.saturating_sub(resident);
        let ok = untouched && grown <= 64 << 20 && slowest < Duration::from_secs(5) && struck["sockets"].as_u64() > Some(400);
        self.found(
            "a stranger costs bounded memory and changes nothing",
            ok,
            json!({ "attack": struck, "memoryGrownBytes": grown, "slowestRoundSeconds": slowest.as_secs_f64(), "untouched": untouched }),
        );
        Ok(())
    }

    /// Whether every node has the same root over every log.
    fn identical(&self) -> Result<bool, String> {
        let first = self.roots("A")?;
        Ok(first.as_object().is_some_and(|logs| logs.len() == FOUNDERS.len()) && self.roots("B")? == first && self.roots("C")? == first)
    }

    /// Size and root of every log, by the author's name.
    fn roots(&self, key: &str) -> Result<Value, String> {
        let text = self.node(key)?.client()?.json("/api/v1/logs").map_err(|error| error.to_string())?;
        let logs: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let one = |log: &Value| Some((log["member"]["name"].as_str()?.to_owned(), json!([log["size"], log["root"]])));
        Ok(Value::Object(logs.as_array().into_iter().flatten().filter_map(one).collect()))
    }
}

fn numbers(passed: Passed) -> Value {
    json!({ "bytesSent": passed.sent, "bytesReceived": passed.received })
}

/// Writes records of about a kilobyte.
fn write(node: &NodeProcess, records: u32) -> Result<(), String> {
    let client = node.client()?;
    let text = "x".repeat(800);
    let one = format!(r#"{{"type":"note","sections":[{{"for":"alliance","fields":{{"text":"{text}"}}}}]}}"#);
    let mut left = usize::try_from(records).unwrap_or(usize::MAX);
    while left > 0 {
        let now = left.min(AT_ONCE);
        let body = format!(r#"{{"records":[{}]}}"#, vec![one.as_str(); now].join(","));
        let submitted = client.submit(&body, None).map_err(|error| format!("{}: {error}", node.founder.name))?;
        submitted.written().ok_or_else(|| format!("{}: a submission waits", node.founder.name))?;
        left -= now;
    }
    Ok(())
}

/// Whether a node says that it is connected with a member.
fn connected(node: &NodeProcess, member: &str) -> Result<bool, String> {
    let text = node.client()?.json("/api/v1/members").map_err(|error| error.to_string())?;
    let members: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(members.as_array().into_iter().flatten().any(|one| one["name"] == json!(member) && one["node"]["connected"] == json!(true)))
}

fn wait(what: &str, patience: Duration, mut until: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if until()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("waited {} s in vain for {what}", patience.as_secs()))
}
