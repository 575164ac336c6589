//! Vectors of chain, tree, checkpoint and proof.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::log::witness_name;
use suyuan_core::note;
use suyuan_core::tile::{TileId, TileTree};
use suyuan_core::tree as merkle;

use super::Cases;
use crate::fixture::{World, bytes32, secret};

fn entries(count: usize) -> Vec<[u8; 32]> {
    (0..count).map(|number| bytes32(&format!("entry {number}"))).collect()
}

fn consistency(leaves: &[[u8; 32]], old: u64) -> Vec<String> {
    let read = |tile: TileId| -> Result<Vec<[u8; 32]>, ()> { Ok(if tile.level == 0 { leaves.to_vec() } else { Vec::new() }) };
    TileTree::new(leaves.len() as u64, read).consistency(old).unwrap().iter().map(encode).collect()
}

pub fn tree() -> Value {
    let mut cases = Cases::new("log", "log.md#tree");
    for count in [0, 1, 2, 3, 7, 8] {
        let entries: Vec<_> = entries(count).iter().map(encode).collect();
        cases.ok(&format!("root of {count}"), "root", json!({ "entries": entries }));
    }
    let first_two: Vec<_> = entries(2).iter().map(encode).collect();
    cases.ok("chain of two", "chain", json!({ "alliance": encode([1; 32]), "author": encode([2; 32]), "incarnation": 0, "entries": first_two }));
    cases.ok(
        "chain of none in incarnation 1",
        "chain",
        json!({ "alliance": encode([1; 32]), "author": encode([2; 32]), "incarnation": 1, "entries": [] }),
    );
    let entries = entries(7);
    let leaves: Vec<_> = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
    for (size, index) in [(1, 0), (7, 0), (7, 4), (7, 6)] {
        let path: Vec<_> = merkle::inclusion_path(&leaves[..size], index).iter().map(encode).collect();
        let case =
            json!({ "entry": encode(entries[index]), "index": index, "size": size, "path": path, "root": encode(merkle::root(&leaves[..size])) });
        cases.ok(&format!("entry {index} of {size}"), "inclusion", case.clone());
        let mut wrong = |name: &str, member: &str, value: Value| {
            let mut wrong = case.clone();
            wrong[member] = value;
            cases.fault(&format!("entry {index} of {size}: {name}"), "inclusion", wrong, "inclusion");
        };
        wrong("another entry", "entry", json!(encode([0; 32])));
        wrong("index outside", "index", json!(size));
        wrong("a hash too many", "path", json!([path.clone(), vec![encode([0; 32])]].concat()));
        wrong("another root", "root", json!(encode([0; 32])));
        wrong("a node as entry", "entry", json!(encode([encode([1; 32]), encode([2; 32])].concat())));
        if size > 1 {
            wrong("the neighbour's index", "index", json!(index ^ 1));
            wrong("a hash missing", "path", json!(path[1..]));
            wrong("path reversed", "path", json!(path.iter().rev().collect::<Vec<_>>()));
        }
    }
    for (old, new) in [(1, 7), (3, 7), (4, 7), (6, 7), (7, 7), (0, 7), (0, 0)] {
        let path = consistency(&leaves[..new], old as u64);
        let case = json!({ "old": old, "new": new, "old_root": encode(merkle::root(&leaves[..old])), "new_root": encode(merkle::root(&leaves[..new])), "path": path });
        cases.ok(&format!("from {old} to {new}"), "consistency", case.clone());
        let mut wrong = |name: &str, member: &str, value: Value| {
            let mut wrong = case.clone();
            wrong[member] = value;
            cases.fault(&format!("from {old} to {new}: {name}"), "consistency", wrong, "consistency");
        };
        wrong("another old root", "old_root", json!(encode([0; 32])));
        if old > 0 || new == 0 {
            wrong("another new root", "new_root", json!(encode([0; 32])));
        }
        wrong("a hash too many", "path", json!([path.clone(), vec![encode([0; 32])]].concat()));
        wrong("old above new", "old", json!(new + 1));
        if !path.is_empty() {
            wrong("no path", "path", json!([]));
        }
    }
    let (zeros, leaf) = (encode([0; 32]), encode(leaves[0]));
    for (name, old, new) in
        [("from nothing to nothing, both roots another", &zeros, &zeros), ("from nothing to nothing, the first leaf as both roots", &leaf, &leaf)]
    {
        cases.fault(name, "consistency", json!({ "old": 0, "new": 0, "old_root": old, "new_root": new, "path": [] }), "consistency");
    }
    cases.finish()
}

pub fn checkpoint(world: &World) -> Value {
    let mut cases = Cases::new("log", "log.md#checkpoint");
    let note = world.checkpoint(5);
    let (log, witness) = (secret(0, "log"), secret(0, "witness"));
    let name = witness_name(&world.log.alliance, &world.log.member);
    let case = |note: &str| {
        json!({ "note": note, "origin": world.log.origin(), "log": encode(log.public().to_bytes()),
        "witness": [name, encode(witness.public().to_bytes())] })
    };
    let mut unknown = case(&note);
    unknown.as_object_mut().unwrap().remove("witness");
    cases.ok("log and own witness", "checkpoint", case(&note));
    cases.ok("a witness that is not known is ignored", "checkpoint", unknown);
    let body = note::checkpoint_body(&world.log.origin(), &world.head(5));
    let stranger = note::cosign(&body, "stranger.example/w", &secret(9, "witness"), 1);
    cases.ok("a stranger's line is ignored", "checkpoint", case(&format!("{note}{stranger}")));
    let lines: Vec<&str> = note.lines().collect();
    let only_cosigned = format!("{body}\n{}\n", lines[5]);
    let mut faults = |name: &str, note: String, fault: &str| cases.fault(name, "checkpoint", case(&note), fault);
    faults("another size", note.replacen("\n5\n", "\n6\n", 1), "checkpoint-signature");
    faults("log's line missing", only_cosigned, "checkpoint-signature");
    let twisted = lines[4].replace("/0 ", "/0 AAAA");
    faults("log's line of another key id", note.replacen(lines[4], &twisted, 1), "checkpoint-signature");
    let other = note::cosign(&body, &name, &witness, 1_795_219_501);
    let mixed = [&base64_line(&other)[..12], &base64_line(lines[5])[12..]].concat();
    faults("cosignature at another time", format!("{body}\n{}\n{}\n", lines[4], line(&name, &mixed)), "cosignature");
    faults("size with a leading zero", note.replacen("\n5\n", "\n05\n", 1), "note");
    faults("size above 2^53 - 1", note.replacen("\n5\n", "\n9007199254740992\n", 1), "note");
    faults("negative size", note.replacen("\n5\n", "\n-5\n", 1), "note");
    faults("an extension line", note.replacen("\n5\n", "\n5\n5\n", 1), "note");
    faults("carriage returns", note.replace('\n', "\r\n"), "note");
    faults("no blank line", note.replacen("\n\n", "\n", 1), "note");
    faults("no signatures", format!("{body}\n"), "note");
    faults("no newline at the end", note.trim_end().to_owned(), "note");
    faults("a hyphen for the dash", note.replace('—', "-"), "note");
    faults("base64 without padding", note.replacen(lines[2], lines[2].trim_end_matches('='), 1), "note");
    faults("root of 31 bytes", note.replacen(lines[2], &base64(&[0; 31]), 1), "note");
    faults("1025 signature lines", format!("{note}{}", format!("{}\n", line("s", &[0; 5])).repeat(1023)), "note");
    let elsewhere = world.log.origin().replace("/0", "/1");
    let other_log = note::sign_checkpoint(&elsewhere, &world.head(5), &log, (&name, &witness), 1);
    faults("the log's next incarnation", other_log, "origin");
    lines_of_keys(&mut cases, world, &case);

    let proof = world.proof(2, 5).to_string();
    cases.ok("proof", "proof", json!({ "proof": proof }));
    cases.ok("a proof without a path", "proof", json!({ "proof": world.proof(0, 1).to_string() }));
    cases.ok(
        "what stands for the checkpoint is not looked at",
        "proof",
        json!({ "proof": format!("{}\n\nanything\t", proof.split("\n\n").next().unwrap()) }),
    );
    let mut faults = |name: &str, proof: String| cases.fault(name, "proof", json!({ "proof": proof }), "proof");
    faults("another header", proof.replacen("@v1", "@v2", 1));
    faults("an extra line", proof.replacen("@v1\n", "@v1\nextra AA==\n", 1));
    faults("index with a leading zero", proof.replacen("index 2", "index 02", 1));
    faults("index missing", proof.replacen("index 2\n", "", 1));
    faults("a hash of 31 bytes", proof.replacen("index 2\n", &format!("index 2\n{}\n", base64(&[0; 31])), 1));
    faults("no checkpoint", proof.split("\n\n").next().unwrap().to_owned());
    faults("64 hashes", format!("c2sp.org/tlog-proof@v1\nindex 2\n{}\n{note}", format!("{}\n", base64(&[0; 32])).repeat(64)));
    cases.finish()
}

/// Which lines are accepted, passed over or refused, whoever's they are and in whatever order.
fn lines_of_keys(cases: &mut Cases, world: &World, case: &dyn Fn(&str) -> Value) {
    let body = note::checkpoint_body(&world.log.origin(), &world.head(5));
    let name = witness_name(&world.log.alliance, &world.log.member);
    let witness = secret(0, "witness");
    let note = world.checkpoint(5);
    let [own, cosigned] = &note.lines().skip(4).collect::<Vec<_>>()[..] else { panic!("two lines") };
    let timed = |seconds: u64| note::cosign(&body, &name, &witness, seconds).trim_end().to_owned();
    let noted = |lines: &[&str]| case(&format!("{body}\n{}\n", lines.join("\n")));
    // The blob of a line of ours with other bytes after the key id.
    let with = |line_of: &str, signature: &[u8]| line(line_of.split(' ').nth(1).unwrap(), &[&base64_line(line_of)[..4], signature].concat());

    cases.ok("without cosignature", "checkpoint", noted(&[own]));
    cases.ok("the cosignature first", "checkpoint", noted(&[cosigned, own]));
    cases.ok("two cosignatures of one witness: the first one's time", "checkpoint", noted(&[own, &timed(7), &timed(5), cosigned]));
    cases.ok("the log's line twice", "checkpoint", noted(&[own, own]));
    cases.ok("cosigned in the year 285428751", "checkpoint", noted(&[own, &timed((1 << 53) - 1)]));
    cases.ok("a witness's key id under another name", "checkpoint", noted(&[own, &line("elsewhere", &base64_line(cosigned)[..10])]));
    let odd = ["\u{7f}", "\u{80}", "\u{200b}", "\u{feff}", "\u{180e}", "—"].map(|name| line(name, &[0; 5]));
    cases.ok(
        "strangers with odd names, one byte of signature each",
        "checkpoint",
        noted(&[&[*own], &odd.each_ref().map(String::as_str)[..]].concat()),
    );
    for (what, name) in [
        ("a no-break space", "a\u{a0}b"),
        ("a wide space", "a\u{3000}b"),
        ("U+0085", "a\u{85}b"),
        ("U+2028", "a\u{2028}b"),
        ("a plus sign", "a+b"),
        ("a tab", "a\tb"),
        ("U+001F", "a\u{1f}b"),
    ] {
        cases.fault(&format!("{what} in a stranger's name"), "checkpoint", noted(&[own, &line(name, &[0; 68])]), "note");
    }
    cases.fault("a stranger without a name", "checkpoint", noted(&[own, &line("", &[0; 68])]), "note");
    cases.fault("a stranger's line of four bytes", "checkpoint", noted(&[own, &line("stranger", &[0; 4])]), "note");
    cases.fault("a stranger's line of two words more", "checkpoint", noted(&[own, &format!("{} AAAA", line("stranger", &[0; 68]))]), "note");
    cases.fault("base64 with bits left over", "checkpoint", noted(&[own, "— stranger AAAAAAB="]), "note");

    let bytes = |line: &str| base64_line(line)[4..].to_vec();
    let mut bad = bytes(own);
    bad[40] ^= 1;
    for (what, lines) in [
        ("the log's line good, then bad", [*own, &with(own, &bad)]),
        ("the log's line bad, then good", [&with(own, &bad), *own]),
        ("the log's line cut by a byte", [&with(own, &bytes(own)[..63]), *cosigned]),
        ("the log's line one byte long", [&with(own, &[0]), *cosigned]),
        ("the log's line as a cosignature", [&with(own, &[&[0; 8], &bytes(own)[..]].concat()), *cosigned]),
    ] {
        cases.fault(what, "checkpoint", noted(&lines), "checkpoint-signature");
    }
    for (what, lines) in [
        ("a cosignature good, then bad", vec![*own, cosigned, &with(cosigned, &bytes(cosigned)[8..])]),
        ("a cosignature bad, then good", vec![*own, &with(cosigned, &[0; 72]), cosigned]),
        ("a cosignature cut by a byte", vec![*own, &with(cosigned, &bytes(cosigned)[..71])]),
        ("a cosignature one byte too long", vec![*own, &with(cosigned, &[&bytes(cosigned)[..], &[0]].concat())]),
        ("a cosignature one byte long", vec![*own, &with(cosigned, &[0])]),
        ("a cosignature at 2^53", vec![*own, &timed(1 << 53)]),
        ("a cosignature at 2^63", vec![*own, &timed(1 << 63)]),
    ] {
        cases.fault(what, "checkpoint", noted(&lines), "cosignature");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn base64_line(line: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(line.trim().rsplit(' ').next().unwrap()).unwrap()
}

fn line(name: &str, bytes: &[u8]) -> String {
    format!("— {name} {}", base64(bytes))
}
