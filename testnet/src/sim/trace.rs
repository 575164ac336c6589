//! What happened in a run, line by line: all of it goes into a digest, and the last of it can be shown.

use std::collections::VecDeque;
use std::fmt::{Arguments, Write};

use suyuan_core::log::LogId;

/// The record of one run.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    line: String,
    /// Lines that are kept to be shown at most, and the last ones.
    kept: usize,
    last: VecDeque<String>,
}

impl Trace {
    /// Keeps so many of the last lines.
    pub fn new(kept: usize) -> Self {
        Self { hasher: blake3::Hasher::new(), line: String::new(), kept, last: VecDeque::new() }
    }

    pub fn note(&mut self, now: u64, what: Arguments<'_>) {
        self.line.clear();
        // Writing to memory does not fail.
        let _ = writeln!(self.line, "{now:>8} {what}");
        self.hasher.update(self.line.as_bytes());
        if self.kept > 0 {
            if self.last.len() >= self.kept {
                self.last.pop_front();
            }
            self.last.push_back(self.line.trim_end().to_owned());
        }
    }

    /// First 16 hexadecimal digits of the hash over all lines.
    pub fn digest(&self) -> String {
        self.hasher.finalize().to_hex().chars().take(16).collect()
    }

    pub fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

/// The first digits of a name.
pub fn short(bytes: &[u8; 32]) -> String {
    bytes.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// Whose log.
pub fn whose(log: &LogId) -> String {
    short(&log.member.0)
}
