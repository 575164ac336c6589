//! A proof that an entry is in a log, as text (`specs/log.md`, Proof; C2SP `tlog-proof`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::fault::Fault;
use crate::id::Hash;
use crate::limits;
use crate::note::parse_decimal;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// The parts of a proof: index, inclusion path, and the checkpoint as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Index of the entry.
    pub index: u64,
    /// Inclusion path from the leaf's sibling up.
    pub path: Vec<Hash>,
    /// The checkpoint note, verbatim.
    pub checkpoint: String,
}

impl std::fmt::Display for LogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl LogProof {
    /// Parses a proof as received. The checkpoint is taken as it is.
    ///
    /// # Errors
    /// [`Fault::Proof`].
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::parts(text).ok_or(Fault::Proof)
    }

    fn parts(text: &str) -> Option<Self> {
        let (lines, checkpoint) = text.strip_prefix(HEADER)?.split_once("\n\n")?;
        let mut lines = lines.split('\n');
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let path = lines.take(limits::PATH.saturating_add(1)).map(|line| BASE64.decode(line).ok()?.try_into().ok()).collect::<Option<Vec<Hash>>>()?;
        if path.len() > limits::PATH {
            return None;
        }
        Some(Self { index, path, checkpoint: checkpoint.to_owned() })
    }
}
