"""Plants bugs into a copy of the engine, one at a time, and lets the simulator find them: python3 testnet/planted.py [--seeds N]

Only the pure crates and the simulator are built, in a folder of their own (--target keeps it). Without a bug every seed must pass; with one, some seed must fail.
A bug whose place is not found any more is a failure as well."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESOLUTION, ACT, FOLD = "sdk/core/src/resolution.rs", "node/engine/src/decisions/act.rs", "node/engine/src/decisions/fold.rs"
COMMIT, WRITER, CIRCLE = "node/engine/src/writer/commit.rs", "node/engine/src/writer.rs", "node/engine/src/writer/circle.rs"
TELL = "        self.outlet.tell(waiting.into_iter().map(|waiting| (waiting.ticket, Ok(Done::Written(waiting.receipt)))).collect());\n"
WRITE = "        self.disk.write(&changes)?;\n"
KEEP = "        self.disk.add_epoch_secret(circle, epoch, secret.clone())?;\n"

# What is wrong, and the replacements that make it so.
BUGS = [
    ("acknowledged before the write", [(COMMIT, TELL, ""), (COMMIT, WRITE, TELL + WRITE)]),
    ("published without the anchor", [(WRITER, "            self.disk.anchor(&published).map_err", "            Ok::<(), String>(()).map_err")]),
    ("the statement before its secret", [
        (CIRCLE, KEEP, ""),
        (CIRCLE, "        let ledger = self.write_epoch(new)?;\n",
         "        let secret = new.secret.clone();\n        let ledger = self.write_epoch(new)?;\n"
         "        self.disk.add_epoch_secret(circle, number, secret).map_err(|error| Fatal(error.to_string()))?;\n"),
    ]),
    ("authoring before the own tail is back", [("node/engine/src/sync/own.rs", "heard && everybody && !more &&", "heard && everybody && (!more || heard) &&")]),
    ("a batch taken without checking the tree", [(
        "node/engine/src/replica.rs",
        "tree::verify_consistency(ours.size, checkpoint.head.size, &ours.root, &checkpoint.head.root, &batch.consistency)?;",
        "let _ = tree::verify_consistency(ours.size, checkpoint.head.size, &ours.root, &checkpoint.head.root, &batch.consistency);",
    )]),
    ("a request that comes again is written again", [(COMMIT, "                once::remember(once,", "                let _ = |changes| once::remember(once,"),
                                                     (COMMIT, "self.disk.keys().local, &mut changes);\n            }\n", "self.disk.keys().local, changes);\n            }\n")]),
    ("an epoch without its secret is not missed", [("node/engine/src/mend.rs", " || unopened).then", " || (unopened && false)).then")]),
    ("decided by one approval too few", [(RESOLUTION, "self.reached >= self.needed && self.reached > 0", "self.reached + 1 >= self.needed && self.reached > 0")]),
    ("decided after its time", [(RESOLUTION, "        refuse(time > self.expires, Refused::Expired)?;\n", "")]),
    ("a member votes twice in a ballot", [("node/engine/src/decisions/draw.rs", "decisions.approvals(other).contains_key(me)) {", "decisions.approvals(other).contains_key(me) && now == 0) {")]),
    ("a head cosigned after a vote to freeze its term", [(ACT, "        if tip.keeper == *me || self.promise.term > tip.term {\n", "        if tip.keeper == *me {\n")]),
    ("a promise that is not durable", [("node/engine/src/writer/decide.rs", "promise.to_bytes());\n        self.disk.write(&changes)?;\n        let mut ledger", "promise.to_bytes());\n        let mut ledger")]),
    ("no next epoch when a member has left", [(ACT, "(settled && circle.written.is_none()", "(settled && tip.term == 0 && circle.written.is_none()")]),
    ("sealed for whoever has left", [("node/engine/src/author.rs", "known.members().any(|(member, _)| ledger.alliance.active(member).is_none())", "known.members().any(|_| false)"),
                                     (ACT, "(settled && circle.written.is_none()", "(settled && tip.term == 0 && circle.written.is_none()")]),
    ("an invitation is good with any secret", [("node/engine/src/decisions/invitation.rs", "    if !open || held.invitation.digest != digest(secret) {", "    if !open {")]),
    ("a witness cosigns what does not continue", [("sdk/core/src/witness.rs", "    continues(latest, &head, &request.proof).map_err(|_| Refusal::Inconsistent)?;", "")]),
    ("a disk that says it has synced and has not", [("planted/src/sim/disk.rs", "            platter.sync();\n", "")]),
]

MAIN = """//! The simulator alone.
mod sim;
#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    flags: sim::Flags,
}
fn main() {
    let cli = <Cli as clap::Parser>::parse();
    if let Err(why) = sim::run(&cli.flags, true) {
        eprintln!("{why}");
    }
}
"""
CARGO = """[package]
name = "planted"
version = "0.0.0"
edition = "2024"
[dependencies]
"""
CRATES = ["suyuan-core", "suyuan-engine", "rand", "blake3", "serde_json", "clap"]


def copy(to):
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if name.startswith(("sdk/core", "sdk/trace", "node/engine", "Cargo", "clippy")):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    manifest = (to / "Cargo.toml").read_text()
    head, rest = manifest.split("members = [", 1)
    (to / "Cargo.toml").write_text(head + 'members = ["sdk/core", "sdk/trace", "node/engine", "planted"' + rest[rest.index("]"):])
    shutil.copytree(ROOT / "testnet/src/sim", to / "planted/src/sim")
    shutil.copy(ROOT / "testnet/src/sim.rs", to / "planted/src/sim.rs")
    (to / "planted/src/main.rs").write_text(MAIN)
    (to / "planted/Cargo.toml").write_text(CARGO + "".join(f"{crate}.workspace = true\n" for crate in CRATES))


def play(folder, target, seeds):
    build = ["cargo", "build", "--release", "--quiet", "--package", "planted", "--target-dir", str(target)]
    subprocess.run(build, cwd=folder, check=True, capture_output=True, text=True)
    done = subprocess.run([str(target / "release/planted"), "--seeds", str(seeds)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def plant(folder, changes):
    before = {name: (folder / name).read_text() for name, _, _ in changes}
    for name, old, new in changes:
        text = (folder / name).read_text()
        if text.count(old) != 1:
            sys.exit(f"{name}: the place of a planted bug was found {text.count(old)} times: {old.strip()}")
        (folder / name).write_text(text.replace(old, new))
    return before


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--seeds", type=int, default=100)
    flags.add_argument("--target", type=pathlib.Path)
    flags = flags.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "copy"
        target = flags.target or pathlib.Path(temporary) / "target"
        copy(folder)
        sound = play(folder, target, flags.seeds)
        print(f"{'nothing planted':46} {len(sound['failures'])} of {flags.seeds} seeds fail", flush=True)
        ok = not sound["failures"]
        for name, changes in BUGS:
            before = plant(folder, changes)
            found = play(folder, target, flags.seeds)["failures"]
            for file, text in before.items():
                (folder / file).write_text(text)
            first = f"first seed {found[0]['seed']}: {found[0]['invariant']}" if found else "NOT FOUND"
            print(f"{name:46} {len(found)} of {flags.seeds} seeds fail; {first}", flush=True)
            ok &= bool(found)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr}")
