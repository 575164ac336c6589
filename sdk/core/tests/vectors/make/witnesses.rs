//! Vectors of quorums, policies and witnessed checkpoints.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::charter::{Alliance, Charter, CharterFile, Role};
use suyuan_core::log::LogId;
use suyuan_core::note::{self, NamedKey, TreeHead};
use suyuan_core::policy::{Policy, witness_key};

use super::Cases;
use crate::fixture::{World, bytes32, charter, entry, secret, sign_charter};

const TIME: u64 = 1_795_219_500;

/// Four partners and a regulator: of the three others, two have to cosign, and one may lie.
struct Partners {
    file: CharterFile,
    alliance: Alliance,
    log: LogId,
}

impl Partners {
    fn new() -> Self {
        let names = [("G", Role::Leader), ("Z", Role::Downstream), ("R", Role::Regulator), ("M", Role::Midstream), ("U", Role::Upstream)];
        let members = names.iter().enumerate().map(|(index, (name, role))| entry(index, name, *role)).collect();
        let file = sign_charter(&Charter { members, ..charter() });
        let alliance = file.verify(None).unwrap();
        let log = LogId { alliance: alliance.id(), member: alliance.members()[0].id, incarnation: 0 };
        Self { file, alliance, log }
    }

    fn body(&self) -> String {
        note::checkpoint_body(&self.log.origin(), &TreeHead { size: 5, root: bytes32("root") })
    }

    fn key(&self, member: usize) -> NamedKey {
        witness_key(&self.alliance, &self.alliance.members()[member])
    }

    fn line(&self, member: usize, seconds: u64) -> String {
        note::cosign(&self.body(), &self.key(member).name, &secret(member, "witness"), seconds)
    }

    /// The checkpoint as its author signs it, with these lines after it.
    fn note(&self, lines: &[String]) -> String {
        let head = TreeHead { size: 5, root: bytes32("root") };
        let note = note::sign_checkpoint(&self.log.origin(), &head, &secret(0, "log"), (&self.key(0).name, &secret(0, "witness")), TIME);
        format!("{note}{}", lines.concat())
    }
}

pub fn standing(world: &World) -> Value {
    let mut cases = Cases::new("witness", "witness.md#quorum");
    for members in [1, 2, 3, 4, 5, 6, 7, 10, 94, 512] {
        cases.ok(&format!("quorum of {members}"), "quorum", json!({ "members": members }));
    }
    let partners = Partners::new();
    let file = |partners: &Partners| encode(partners.file.to_bytes());
    let case = |note: &str| json!({ "file": file(&partners), "author": partners.log.member.to_string(), "incarnation": 0, "note": note });
    let line = |member, seconds| partners.line(member, seconds);
    let mut ok = |name: &str, lines: &[String]| cases.ok(name, "standing", case(&partners.note(lines)));
    ok("nobody but the author", &[]);
    ok("one of two", &[line(1, TIME + 1)]);
    ok("two of two: the later one's time, since one of them may lie", &[line(3, TIME + 9), line(1, TIME + 1)]);
    ok("all three: the second one's time", &[line(1, TIME + 1), line(3, TIME + 2), line(4, TIME + 3)]);
    ok("a liar's time far ahead is not believed", &[line(1, TIME + 1), line(3, TIME + 2), line(4, (1 << 53) - 1)]);
    ok("a regulator's is shown and does not count", &[line(1, TIME + 1), line(2, TIME + 2)]);
    ok("a witness twice is one witness", &[line(1, TIME + 1), line(1, TIME + 2)]);
    ok("a stranger's is passed over", &[line(1, 7), note::cosign(&partners.body(), "stranger.example/w", &secret(9, "witness"), 8)]);
    let world_log =
        json!({ "file": encode(world.file.to_bytes()), "author": world.log.member.to_string(), "incarnation": 0, "note": world.checkpoint(5) });
    cases.ok("two partners, not cosigned", "standing", world_log);
    let mut fault = |name: &str, note: String, fault: &str| cases.fault(name, "standing", case(&note), fault);
    let elsewhere = partners.line(3, TIME).replace("/witness ", "/Witness ");
    fault("good lines and one of a witness that does not verify", partners.note(&[line(1, 1), line(3, 2), broken(&line(4, 3))]), "cosignature");
    fault("a witness's line good, then bad", partners.note(&[line(1, 1), broken(&line(1, 2))]), "cosignature");
    fault("a regulator's line that does not verify", partners.note(&[broken(&line(2, 1))]), "cosignature");
    fault("a cosignature at 2^53", partners.note(&[line(1, 1 << 53)]), "cosignature");
    fault("not signed by the log", format!("{}\n{}", partners.body(), line(1, 1)), "checkpoint-signature");
    fault("the size changed after it was cosigned", partners.note(&[line(1, 1)]).replacen("\n5\n", "\n6\n", 1), "checkpoint-signature");
    fault("another incarnation's", partners.note(&[line(1, 1)]).replacen("/0\n", "/1\n", 1), "origin");
    fault("a line without a signature", partners.note(&["— nobody \n".into()]), "note");
    let swapped = partners.note(&[partners.line(1, 1).replacen(&partners.key(1).name, &partners.key(3).name, 1)]);
    cases.ok("a line under another member's name is nobody's", "standing", case(&swapped));
    cases.ok("a line under a name in capitals is nobody's", "standing", case(&partners.note(&[elsewhere])));
    cases.finish()
}

/// A line whose signature has a bit flipped: the sixth character from the end lies within it.
fn broken(line: &str) -> String {
    let at = line.len() - 8;
    let other = if &line[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &line[..at], &line[at + 1..])
}

pub fn policy(world: &World) -> Value {
    let mut cases = Cases::new("witness", "witness.md#policy");
    let partners = Partners::new();
    for author in 0..5 {
        let member = partners.alliance.members()[author].id.to_string();
        cases.ok(
            &format!("policy of member {author}'s log"),
            "derive",
            json!({ "file": encode(partners.file.to_bytes()), "author": member, "incarnation": 0 }),
        );
    }
    let derived = Policy::of_log(&world.alliance, &world.log).unwrap().to_bytes();
    cases.ok(
        "derived from a charter of two and a regulator",
        "derive",
        json!({ "file": encode(world.file.to_bytes()), "author": world.log.member.to_string(), "incarnation": 0 }),
    );
    assert!(derived.ends_with(b"quorum partners\n"));
    evaluated(&mut cases, &partners);
    refused(&mut cases, &partners);
    cases.finish()
}

fn vkeys(partners: &Partners) -> (String, [String; 4]) {
    let log = NamedKey::new(partners.log.origin(), secret(0, "log").public()).log_vkey();
    (log, [1, 2, 3, 4].map(|member| partners.key(member).witness_vkey()))
}

fn evaluated(cases: &mut Cases, partners: &Partners) {
    let (log, [z, r, m, u]) = vkeys(partners);
    let note = partners.note(&[partners.line(1, TIME), partners.line(3, TIME)]);
    let mut ok = |name: &str, policy: String| cases.ok(name, "policy", json!({ "policy": encode(policy), "note": note }));
    let known = format!("log {log}\nwitness Z {z}\nwitness R {r}\nwitness M {m}\nwitness U {u}\n");
    ok("no witness needed", format!("log {log}\nquorum none\n"));
    ok("one witness, who cosigned", format!("{known}quorum Z\n"));
    ok("one witness, who did not", format!("{known}quorum U\n"));
    ok("any, one did", format!("{known}group g any U Z\nquorum g\n"));
    ok("any, none did", format!("{known}group g any U R\nquorum g\n"));
    ok("all, one did not", format!("{known}group g all Z M U\nquorum g\n"));
    ok("all did", format!("{known}group g all Z M\nquorum g\n"));
    ok("two of four", format!("{known}group g 2 Z R M U\nquorum g\n"));
    ok("three of four", format!("{known}group g 3 Z R M U\nquorum g\n"));
    ok("groups of groups", format!("{known}group a any Z R\ngroup b any M U\ngroup both all a b\nquorum both\n"));
    ok("groups of groups, one not", format!("{known}group a any Z M\ngroup b any R U\ngroup both all a b\nquorum both\n"));
    ok(
        "comments, empty lines, tabs, spaces, URLs",
        format!(" # über\n\n\tlog\t{log}  https://example.com/log \nwitness Z {z} https://例.example\nquorum\tZ\t\n"),
    );
    ok("names are octets", format!("log {log}\nwitness K {z}\nwitness \u{212a} {u}\ngroup 鲜 1 K\nquorum 鲜\n"));
    ok("the quorum before other definitions", format!("log {log}\nwitness Z {z}\nquorum Z\nwitness U {u}\n"));
    ok("a name that is a keyword", format!("log {log}\nwitness any {z}\ngroup all any any\nquorum all\n"));
    ok("a group that is not the quorum", format!("{known}group g all U R\nquorum Z\n"));
    let plain = partners.note(&[]);
    let policy = format!("{known}group g 2 Z R M U\nquorum g\n");
    cases.ok("not cosigned", "policy", json!({ "policy": encode(&policy), "note": plain }));
    let mut fault = |name: &str, policy: &str, note: &str, fault: &str| {
        cases.fault(name, "policy", json!({ "policy": encode(policy), "note": note }), fault);
    };
    fault("of a log that is not listed", &format!("witness Z {z}\nquorum Z\n"), &note, "origin");
    fault("no note", &policy, "", "note");
    let other = NamedKey::new(partners.log.origin(), secret(1, "log").public()).log_vkey();
    fault("signed by another key than the listed one", &format!("log {other}\nquorum none\n"), &note, "checkpoint-signature");
    fault("a known witness's line that does not verify", &policy, &partners.note(&[broken(&partners.line(1, 1))]), "cosignature");
}

fn refused(cases: &mut Cases, partners: &Partners) {
    let (log, [z, r, m, _]) = vkeys(partners);
    let note = partners.note(&[]);
    let mut fault = |name: &str, policy: &[u8]| cases.fault(name, "policy", json!({ "policy": encode(policy), "note": note }), "policy");
    let known = format!("log {log}\nwitness Z {z}\nwitness R {r}\n");
    let mut with = |name: &str, lines: &str| fault(name, format!("{known}{lines}").as_bytes());
    with("no quorum", "");
    with("two quorums", "quorum Z\nquorum Z\n");
    with("two quorums of none", "quorum none\nquorum none\n");
    with("no newline at the end", "quorum Z");
    with("a quorum that is not defined", "quorum X\n");
    with("a quorum defined later", "quorum M\nwitness M vkey\n");
    with("a quorum of two names", "quorum Z R\n");
    with("a quorum without a name", "quorum\n");
    with("a keyword in capitals", "Quorum Z\n");
    with("an unknown keyword", "quorum Z\nhost Z\n");
    with("a group without members", "group g any\nquorum g\n");
    with("a group of nobody, all of them", "group g all\nquorum g\n");
    with("none of two", "group g 0 Z R\nquorum g\n");
    with("three of two", "group g 3 Z R\nquorum g\n");
    with("a threshold with a leading zero", "group g 01 Z R\nquorum g\n");
    with("a threshold in words", "group g one Z R\nquorum g\n");
    with("a threshold of minus one", "group g -1 Z R\nquorum g\n");
    with("a member twice in a group", "group g 1 Z Z\nquorum g\n");
    with("a member of two groups", "group g any Z\ngroup h any Z R\nquorum g\n");
    with("a member that is not defined", "group g any X\nquorum g\n");
    with("a group of itself", "group g any g\nquorum g\n");
    with("a group named as a witness", "group Z any R\nquorum Z\n");
    with("a group named none", "group none any R\nquorum none\n");
    with("a member named none", "group g any none\nquorum g\n");
    with("a witness named none", &format!("witness none {m}\nquorum Z\n"));
    with("a witness named as another", &format!("witness Z {m}\nquorum Z\n"));
    with("a witness's key twice", &format!("witness M {z}\nquorum Z\n"));
    with("a log's key twice", &format!("log {log}\nquorum Z\n"));
    with("a witness with four words", &format!("witness M {m} https://a https://b\nquorum Z\n"));
    with("a witness without a key", "witness M\nquorum Z\n");
    with("a log without a key", "log\nquorum Z\n");
    with("a carriage return", "quorum Z\r\n");
    with("a zero octet", "# \0\nquorum Z\n");
    with("a DEL", "# \u{7f}\nquorum Z\n");
    with("a log's key for a witness", &format!("witness M {}\nquorum Z\n", NamedKey::new("M", secret(3, "witness").public()).log_vkey()));
    with("a witness's key for a log", &format!("log {m}\nquorum Z\n"));
    with("a vkey of another id", &format!("witness M {}\nquorum Z\n", m.replacen("/witness+", "/Witness+", 1)));
    let parts: Vec<&str> = m.splitn(3, '+').collect();
    with("a vkey's id in capitals", &format!("witness M {}+{}+{}\nquorum Z\n", parts[0], parts[1].to_uppercase(), parts[2]));
    with("a vkey cut short", &format!("witness M {}+{}\nquorum Z\n", parts[0], parts[1]));
    with("a vkey with a byte more", &format!("witness M {}+{}+{}AAAA\nquorum Z\n", parts[0], parts[1], parts[2]));
    with("a key of small order", &format!("witness M {}\nquorum Z\n", small_order()));
    fault("empty", b"");
    fault("not UTF-8 in a key's name", &[&known.into_bytes()[..], b"witness M \xff+00000000+AAAA\nquorum Z\n"].concat());
}

/// A vkey of the identity, with the right id.
fn small_order() -> String {
    use base64::Engine;
    use sha2::Digest;
    let mut key = [0; 32];
    key[0] = 1;
    let id = sha2::Sha256::digest([&b"M\n\x04"[..], &key].concat());
    format!("M+{}+{}", encode(&id[..4]), base64::engine::general_purpose::STANDARD.encode([&[4][..], &key].concat()))
}
