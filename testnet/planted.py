"""Plants the bugs of planted_bugs.py into a copy of the pure crates, one at a time:

python3 testnet/planted.py [--only REGEX] [--list] [--seeds N] [--target FOLDER]

Each has to be caught by the test that is named beside it, by that name, or by the simulator in some seed; without any bug all of these pass. A bug
that does not compile, or whose place is not found any more, is not caught. Only the pure crates and the simulator are built, in a folder of their own
(--target keeps it)."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from planted_bugs import BUGS, SIMULATOR

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Seeds that are played before it is looked whether one has failed.
GROUP = 10
# Seconds for one build or test.
PATIENCE = 1800

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
# Built forty times and run for a moment each: what the crates themselves take to compile counts, most of all where a test follows and no long play.
OURS = ["suyuan-core", "suyuan-trace", "suyuan-engine", "planted"]
PROFILE = "".join(f'\n[profile.release.package."{crate}"]\nopt-level = 1\ndebug = false\n' for crate in OURS)
PLAIN = [word for crate in OURS for word in ("--config", f'profile.release.package."{crate}".opt-level=0')]
ENVIRONMENT = {**os.environ, "CARGO_INCREMENTAL": "1", "RUST_BACKTRACE": "0"}


class NotCaught(Exception):
    """Why."""


def write(path, content):
    """Leaves what is the same as it is, so that it is not compiled again."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def copy(to):
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if name.startswith(("sdk/core", "sdk/trace", "node/engine", "specs", "Cargo.lock", "clippy")):
            write(to / name, (ROOT / name).read_bytes())
    manifest = (ROOT / "Cargo.toml").read_text()
    head, rest = manifest.split("members = [", 1)
    rest = re.sub(r'\n\[profile\.release\.package\.librocksdb-sys\]\n[^\[]*', "\n", rest[rest.index("]"):])
    write(to / "Cargo.toml", (head + 'members = ["sdk/core", "sdk/trace", "node/engine", "planted"' + rest + PROFILE).encode())
    for path in [ROOT / "testnet/src/sim.rs", *(ROOT / "testnet/src/sim").rglob("*.rs")]:
        write(to / "planted" / path.relative_to(ROOT / "testnet"), path.read_bytes())
    write(to / "planted/src/main.rs", MAIN.encode())
    write(to / "planted/Cargo.toml", (CARGO + "".join(f"{crate}.workspace = true\n" for crate in CRATES)).encode())


def run(command, folder):
    try:
        return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise NotCaught(f"no end within {PATIENCE} s") from error


def build(command, folder):
    done = run(command, folder)
    if done.returncode:
        why = re.search(r"^error.*", done.stderr, re.MULTILINE)
        raise NotCaught(f"does not compile: {why and why[0]}")


def play(folder, target, seeds):
    """The first seed that fails, with the invariant; nothing where all pass."""
    build(["cargo", "build", "--release", "--quiet", "--package", "planted", "--target-dir", str(target)], folder)
    for first in range(1, seeds + 1, GROUP):
        count = min(GROUP, seeds + 1 - first)
        done = run([str(target / "release/planted"), "--seeds", str(count), "--first", str(first), "--lines", "0"], folder)
        if done.returncode:
            raise NotCaught(f"the simulator itself ended: {done.stderr.strip()[-200:]}")
        failures = json.loads(done.stdout)["failures"]
        if failures:
            return f"seed {failures[0]['seed']}: {failures[0]['invariant']}"
    return None


def test(folder, target, crate, binary, names):
    """The names that fail, each with what it says. All have to have run."""
    where = ["--lib"] if binary == "lib" else ["--test", binary]
    command = ["cargo", "test", "--release", "--package", crate, *where, "--target-dir", str(target), *PLAIN]
    build([*command, "--no-run"], folder)
    done = run([*command, "--", "--exact", *names, "--format", "pretty", "--test-threads", "1"], folder)
    verdicts = dict(re.findall(r"^test (\S+) \.\.\. (?:.*\n)*?.*?(ok|FAILED)$", done.stdout, re.MULTILINE))
    if set(verdicts) != set(names):
        raise NotCaught(f"of {', '.join(names)} only {len(verdicts)} ran")
    said = re.findall(r"panicked at [^\n]*:\n(.*)", done.stdout)
    return {name: said[0].strip()[:80] if said else "failed" for name, verdict in verdicts.items() if verdict == "FAILED"}


def catch(folder, target, by, seeds):
    """What caught it, in words."""
    if by is SIMULATOR:
        found = play(folder, target, seeds)
    else:
        crate, binary, name = by
        found = test(folder, target, crate, binary, [name]).get(name)
    if found is None:
        raise NotCaught(f"all {seeds} seeds pass" if by is SIMULATOR else "the test passes")
    return found


def sound(folder, target, bugs, seeds):
    """Everything that has to catch a bug passes where there is none."""
    tests = {}
    for _, by, _ in bugs:
        tests.setdefault(by and by[:2], set()).add(by and by[2])
    for place, names in tests.items():
        found = play(folder, target, seeds) if place is None else test(folder, target, *place, sorted(names))
        if found:
            sys.exit(f"without any bug: {found}")
        print(f"nothing planted, {named(place and (*place, len(names)))}: passes", flush=True)


def plant(folder, changes):
    before = {name: (folder / name).read_text() for name, _, _ in changes}
    try:
        for name, old, new in changes:
            text = (folder / name).read_text()
            if text.count(old) != 1:
                raise NotCaught(f"{name}: its place was found {text.count(old)} times: {old.strip()}")
            (folder / name).write_text(text.replace(old, new))
    except NotCaught:
        restore(folder, before)
        raise
    return before


def restore(folder, before):
    for name, text in before.items():
        (folder / name).write_text(text)


def line(name, by):
    return f"{name:50} {named(by)}"


def named(by):
    return "simulator" if by is SIMULATOR else f"{by[0].removeprefix('suyuan-')} {by[1]} {by[2]}"


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--seeds", type=int, default=100, help="played at most for one bug")
    flags.add_argument("--only", default="", help="only bugs whose line in the list has this regular expression in it")
    flags.add_argument("--list", action="store_true", help="says what would be planted")
    flags.add_argument("--target", type=pathlib.Path, help="Cargo's target folder, kept for the next time")
    flags = flags.parse_args()
    bugs = [bug for bug in BUGS if re.search(flags.only, line(*bug[:2]))]
    if flags.list:
        for name, by, _ in bugs:
            print(line(name, by))
        return
    caught = 0
    with tempfile.TemporaryDirectory() as temporary:
        target = flags.target or pathlib.Path(temporary)
        folder = target / "copy"
        copy(folder)
        sound(folder, target, bugs, flags.seeds)
        for number, (name, by, changes) in enumerate(bugs, 1):
            begun = time.monotonic()
            try:
                before = plant(folder, changes)
                try:
                    verdict = f"caught: {catch(folder, target, by, flags.seeds)}"
                    caught += 1
                finally:
                    restore(folder, before)
            except NotCaught as why:
                verdict = f"NOT CAUGHT: {why}"
            print(f"{number:2}/{len(bugs)} {line(name, by)} ({time.monotonic() - begun:.0f} s) {verdict}", flush=True)
    print(f"{caught} caught, {len(bugs) - caught} not")
    sys.exit(0 if bugs and caught == len(bugs) else 1)


if __name__ == "__main__":
    main()
