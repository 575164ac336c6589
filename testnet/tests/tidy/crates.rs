//! Rules about crates: which may use which, and what keeps the pure ones pure.

use std::process::Command;

use serde_json::Value;

use crate::hold;
use crate::tree::root;

/// The crates as drawn in `specs/ARCHITECTURE.md`: each may use those above it. The pure ones decide; the others move bytes.
const ORDER: [&str; 10] = ["core", "trace", "client", "engine", "store", "runtime", "net", "api", "daemon", "testnet"];
const PURE: [&str; 3] = ["core", "trace", "engine"];

/// Pairs that the order would allow and the drawing does not: the first may not use the second.
const STRANGERS: [(&str, &str); 4] = [("api", "net"), ("engine", "client"), ("runtime", "client"), ("store", "client")];

/// What only one crate may know of, in any kind of dependency.
const ONE_HOME: [(&str, &str); 4] = [("rocksdb", "store"), ("libp2p", "net"), ("axum", "api"), ("clap", "daemon")];

/// Crates that tests hold ours against. They bring an older generation of cryptography, so they never reach a binary.
const ORACLES: [&str; 6] = ["ciborium", "coset", "ct-merkle", "minicbor", "signed_note", "tlog_tiles"];

/// What a pure crate may be built from: arithmetic and formats. `rand_core` is traits alone.
const PURE_DEPENDENCIES: [&str; 17] = [
    "aes-gcm",
    "base64",
    "blake3",
    "curve25519-dalek",
    "ed25519-dalek",
    "hex",
    "hkdf",
    "hpke",
    "rand_core",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "suyuan-core",
    "suyuan-trace",
    "x25519-dalek",
    "zeroize",
];

/// What the clippy.toml of a pure crate must forbid.
const FORBIDDEN: [&str; 14] = [
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::env::var",
    "std::fs::File",
    "std::fs::read",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::thread::spawn",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "rand::rng",
];

struct Dependency {
    from: String,
    on: String,
    dev: bool,
}

/// Every direct dependency of every crate of the workspace; names of our own crates without the prefix.
fn dependencies() -> Vec<Dependency> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo).current_dir(root()).args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).output().unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let of = |package: &Value| -> Vec<Dependency> {
        let from = short(package["name"].as_str().unwrap());
        let on = package["dependencies"].as_array().unwrap().iter();
        on.map(|on| Dependency { from: from.clone(), on: short(on["name"].as_str().unwrap()), dev: on["kind"] == "dev" }).collect()
    };
    let found: Vec<_> = packages.iter().flat_map(of).collect();
    assert!(found.len() > 50, "cargo metadata told of {} dependencies only", found.len());
    found
}

fn short(name: &str) -> String {
    name.strip_prefix("suyuan-").filter(|name| ORDER.contains(name)).unwrap_or(name).into()
}

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|other| *other == name)
}

/// Folder of a crate.
fn folder(name: &str) -> String {
    match name {
        "core" | "trace" | "client" => format!("sdk/{name}"),
        "testnet" => name.into(),
        _ => format!("node/{name}"),
    }
}

#[test]
fn every_crate_is_drawn() {
    let mut found: Vec<_> = dependencies().into_iter().map(|dependency| dependency.from).collect();
    found.sort();
    found.dedup();
    let breaches: Vec<_> = found.iter().filter(|name| rank(name).is_none()).map(|name| format!("{name} has no place in the order")).collect();
    hold(
        "a crate of the workspace has a place in ORDER (tidy) and in specs/ARCHITECTURE.md; a module is enough where no boundary must hold",
        &breaches,
    );
    for name in ORDER {
        assert!(
            root().join(folder(name)).join("Cargo.toml").exists(),
            "{name} is drawn, but {} has no Cargo.toml: build it or take it off ORDER",
            folder(name)
        );
    }
}

#[test]
fn arrows_are_as_drawn() {
    let upward = |d: &Dependency| rank(&d.on).is_some_and(|on| rank(&d.from) <= Some(on)) || STRANGERS.contains(&(&d.from, &d.on));
    let breaches: Vec<_> = dependencies().iter().filter(|d| upward(d)).map(|d| format!("{} uses {}", d.from, d.on)).collect();
    hold("a crate uses only crates above it (ORDER, STRANGERS): move what is shared up, or hand it in as an argument", &breaches);
}

#[test]
fn shells_keep_to_their_library() {
    let elsewhere =
        |d: &Dependency| ONE_HOME.iter().any(|(library, home)| d.on == *library && d.from != *home && !(d.on == "clap" && d.from == "testnet"));
    let breaches: Vec<_> = dependencies().iter().filter(|d| elsewhere(d)).map(|d| format!("{} uses {}", d.from, d.on)).collect();
    hold("only store knows rocksdb, only net libp2p, only api axum, only the binaries clap: go through that crate's own types", &breaches);
}

#[test]
fn oracles_stay_in_tests() {
    let breaches: Vec<_> =
        dependencies().iter().filter(|d| !d.dev && ORACLES.contains(&d.on.as_str())).map(|d| format!("{} is built with {}", d.from, d.on)).collect();
    hold("an independent implementation that tests compare with is a dev-dependency: move it under [dev-dependencies]", &breaches);
}

#[test]
fn pure_crates_are_built_from_pure_ones() {
    let allowed = |on: &str| PURE_DEPENDENCIES.contains(&on) || (PURE.contains(&on) && PURE_DEPENDENCIES.contains(&format!("suyuan-{on}").as_str()));
    let impure = |d: &Dependency| PURE.contains(&d.from.as_str()) && !d.dev && !allowed(&d.on);
    let breaches: Vec<_> = dependencies().iter().filter(|d| impure(d)).map(|d| format!("{} is built with {}", d.from, d.on)).collect();
    hold("a pure crate does no IO and reads no clock: see that the dependency does neither, then add it to PURE_DEPENDENCIES", &breaches);
}

#[test]
fn pure_crates_forbid_the_rest() {
    let read =
        |path: String| std::fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}; copy it from another pure crate"));
    let thresholds = read("clippy.toml".into());
    let first = read(format!("{}/clippy.toml", folder(PURE[0])));
    let mut breaches = Vec::new();
    for name in PURE {
        let file = format!("{}/clippy.toml", folder(name));
        let text = read(file.clone());
        if text != first {
            breaches.push(format!("{file} is not the same as {}/clippy.toml", folder(PURE[0])));
        }
        breaches.extend(FORBIDDEN.iter().filter(|path| !text.contains(&format!("\"{path}\""))).map(|path| format!("{file} allows {path}")));
        let settings = thresholds.lines().filter(|line| line.contains('=') && !line.starts_with('#'));
        breaches.extend(settings.filter(|line| !text.lines().any(|other| other == *line)).map(|line| format!("{file} lacks {line}")));
    }
    hold("pure crates share one clippy.toml, which forbids clock, files, network and random order and repeats the root's settings", &breaches);
}

#[test]
fn pure_crates_switch_nothing_back_on() {
    let switch = concat!("clippy::", "disallowed_");
    let inside = |path: &str| PURE.iter().any(|name| path.starts_with(&format!("{}/src/", folder(name))));
    let breaches: Vec<_> =
        crate::tree::files_of(&["rs"]).iter().filter(|file| inside(&file.path) && file.text.contains(switch)).map(|file| file.path.clone()).collect();
    hold("src of a pure crate takes clock, files, network and randomness as arguments; only its tests may allow disallowed methods", &breaches);
}

#[test]
fn the_map_names_every_pure_module() {
    let map = std::fs::read_to_string(root().join("specs/ARCHITECTURE.md")).unwrap();
    let mut breaches = Vec::new();
    for name in PURE {
        let path = format!("{}/src/lib.rs", folder(name));
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let declared = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
        breaches.extend(declared.filter(|module| !map.contains(&format!("`{module}`"))).map(|module| format!("{path}: {module}")));
    }
    hold("specs/ARCHITECTURE.md says of every module of a pure crate what it decides: add it to its crate's table", &breaches);
}
