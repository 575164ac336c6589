//! Seeded changes of valid inputs, and the inputs themselves from the shared vectors.

use std::time::{Duration, Instant};

use serde_json::Value;

/// How long one answer may take. Thousands of times what it takes, so that a busy machine does not fail the test; an answer that grows faster
/// than its input does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs one decoder on one input and gives its verdict.
pub fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let verdict = run();
    assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
    verdict
}

/// The values of one member of the cases of a vector file.
pub fn vectors(file: &str, op: &str, member: &str) -> Vec<String> {
    let path = format!("{}/../../specs/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap().iter().filter(|case| case["op"] == op);
    let inputs: Vec<String> = cases.map(|case| case["in"][member].as_str().unwrap().to_owned()).collect();
    assert!(!inputs.is_empty(), "{file} {op} {member}");
    inputs
}

pub fn vector_bytes(file: &str, op: &str, member: &str) -> Vec<Vec<u8>> {
    vectors(file, op, member).iter().map(|input| hex::decode(input).unwrap()).collect()
}

/// SplitMix64: small, seeded, the same everywhere.
pub struct Rng(pub u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

/// Heads that promise more than there is, bounds of the profile and their neighbours, and what separates lines.
const PIECES: [&[u8]; 16] = [
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9a\x00\x01\x00\x00",
    b"\x9a\x00\x01\x00\x01",
    b"\x1b\x00\x1f\xff\xff\xff\xff\xff\xff",
    b"\x1b\x00\x20\x00\x00\x00\x00\x00\x00",
    b"\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81\x81",
    b"\x9f\xff",
    b"\xf6",
    b"\x00",
    b"\x18\x17",
    b"\n\n",
    "\n— ".as_bytes(),
    b" ",
    b"9007199254740992",
    b"==",
];

/// One to three changes of `input`, seldom more; `other` lends parts.
pub fn mutated(rng: &mut Rng, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + rng.below(40)).min(bytes.len());
        match rng.below(9) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 if at < bytes.len() => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => drop(bytes.splice(at..at, PIECES[rng.below(PIECES.len())].iter().copied())),
            6 => drop(bytes.splice(at..end, PIECES[rng.below(PIECES.len())].iter().copied())),
            7 => {
                let copy = bytes[at..end].to_vec();
                let to = rng.below(bytes.len() + 1);
                drop(bytes.splice(to..to, copy));
            }
            _ => {
                let from = rng.below(other.len() + 1);
                let until = (from + rng.below(80)).min(other.len());
                drop(bytes.splice(at..end, other[from..until].iter().copied()));
            }
        }
    }
    bytes
}

/// Calls `run` with `count` changed inputs.
pub fn storm(what: &str, inputs: &[Vec<u8>], count: u64, mut run: impl FnMut(&[u8])) {
    for seed in 0..count {
        let mut rng = Rng(seed);
        let input = &inputs[rng.below(inputs.len())];
        let other = &inputs[rng.below(inputs.len())];
        let changed = mutated(&mut rng, input, other);
        timed(&format!("{what}, seed {seed}"), || run(&changed));
    }
}

/// The same for text; what is no UTF-8 any more is made so.
pub fn storm_text(what: &str, inputs: &[String], count: u64, mut run: impl FnMut(&str)) {
    let inputs: Vec<Vec<u8>> = inputs.iter().map(|input| input.clone().into_bytes()).collect();
    storm(what, &inputs, count, |bytes| run(&String::from_utf8_lossy(bytes)));
}
