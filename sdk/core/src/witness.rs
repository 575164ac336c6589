//! The witness's side of a log: an add-checkpoint request, and the decision on it (`specs/witness.md`, C2SP `tlog-witness`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::id::Hash;
use crate::limits;
use crate::note::{NamedKey, TreeHead, UnverifiedCheckpoint, parse_decimal};
use crate::tree;

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness cosigned last, as the client believes.
    pub old: u64,
    /// Consistency path from there to the new one.
    pub proof: Vec<Hash>,
    /// The new checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a witness does not cosign, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: it is no such request, or the old size lies above the checkpoint's.
    Malformed,
    /// 404: the checkpoint's origin is none of the logs that are witnessed.
    UnknownLog,
    /// 403: the log's own signature is missing, or one does not verify.
    NotSigned,
    /// 409: the size that was cosigned last is this one, and not the old size.
    Conflict(u64),
    /// 422: the trees contradict each other, or the proof does not show that they do not.
    Inconsistent,
}

impl Refusal {
    /// The HTTP status that the specification gives it.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownLog => 404,
            Self::NotSigned => 403,
            Self::Conflict(_) => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// The hash by which a log is named in a witness's monitoring interface.
pub fn origin_hash(origin: &str) -> Hash {
    Sha256::digest(origin.as_bytes()).into()
}

/// The tree of a log that was never cosigned.
pub fn empty_head() -> TreeHead {
    TreeHead { size: 0, root: tree::root(&[]) }
}

impl std::fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl AddCheckpoint {
    /// Parses the body of a request. The checkpoint is taken as it is.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= limits::ADD_CHECKPOINT);
        text.and_then(Self::parts).ok_or(Refusal::Malformed)
    }

    fn parts(text: &str) -> Option<Self> {
        let (lines, checkpoint) = text.split_once("\n\n")?;
        let mut lines = lines.split('\n');
        let old = parse_decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof =
            lines.take(limits::PATH.saturating_add(1)).map(|line| BASE64.decode(line).ok()?.try_into().ok()).collect::<Option<Vec<Hash>>>()?;
        (proof.len() <= limits::PATH).then(|| Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// The origin of the checkpoint, by which its log is looked up.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn origin(&self) -> Result<&str, Refusal> {
        UnverifiedCheckpoint::parse(&self.checkpoint).map(|checkpoint| checkpoint.origin()).map_err(|_| Refusal::Malformed)
    }
}

/// Decides on a request: the tree to be recorded and, once that is on the disk, cosigned. `log` is the key that is trusted for the origin, if any is;
/// `latest` the tree that was cosigned last, [`empty_head`] where none was.
///
/// # Errors
/// [`Refusal`], the first that holds in the order of `specs/witness.md`.
pub fn judge(request: &AddCheckpoint, log: Option<&NamedKey>, latest: &TreeHead) -> Result<TreeHead, Refusal> {
    let checkpoint = UnverifiedCheckpoint::parse(&request.checkpoint).map_err(|_| Refusal::Malformed)?;
    let log = log.filter(|log| log.name == checkpoint.origin()).ok_or(Refusal::UnknownLog)?;
    let head = checkpoint.verify(log, &[]).map_err(|_| Refusal::NotSigned)?.head;
    if request.old > head.size {
        return Err(Refusal::Malformed);
    }
    if request.old != latest.size {
        return Err(Refusal::Conflict(latest.size));
    }
    continues(latest, &head, &request.proof).map_err(|_| Refusal::Inconsistent)?;
    Ok(head)
}

/// Whether a tree continues the one cosigned last, by a consistency path.
///
/// # Errors
/// [`Fault::Consistency`].
pub fn continues(latest: &TreeHead, head: &TreeHead, proof: &[Hash]) -> Result<(), Fault> {
    if head.size == 0 && head.root != empty_head().root {
        return Err(Fault::Consistency);
    }
    tree::verify_consistency(latest.size, head.size, &latest.root, &head.root, proof)
}
