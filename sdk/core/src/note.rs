//! Signed notes, checkpoints and cosignatures (`specs/log.md`, C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::id::Hash;
use crate::key::{PublicKey, SecretKey, Signature};
use crate::limits;

const ED25519: u8 = 0x01;
const COSIGNATURE: u8 = 0x04;
/// A time and an Ed25519 signature.
const COSIGNATURE_BYTES: usize = 72;

/// Size and root of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// A key with the name under which it signs notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// Name: no spaces, no plus sign.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

impl NamedKey {
    /// A key under a name.
    pub fn new(name: impl Into<String>, key: PublicKey) -> Self {
        Self { name: name.into(), key }
    }

    /// The C2SP verifier key (vkey) of a log key.
    pub fn log_vkey(&self) -> String {
        self.vkey(ED25519)
    }

    /// The C2SP verifier key (vkey) of a witness key.
    pub fn witness_vkey(&self) -> String {
        self.vkey(COSIGNATURE)
    }

    /// Reads a log's vkey; nothing where it is none, or of another kind of key.
    pub fn from_log_vkey(vkey: &str) -> Option<Self> {
        Self::from_vkey(vkey, ED25519)
    }

    /// Reads a witness's vkey; nothing where it is none, or of another kind of key.
    pub fn from_witness_vkey(vkey: &str) -> Option<Self> {
        Self::from_vkey(vkey, COSIGNATURE)
    }

    fn from_vkey(vkey: &str, algorithm: u8) -> Option<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, material) = (parts.next()?, parts.next()?, BASE64.decode(parts.next()?).ok()?);
        let key = material.strip_prefix(&[algorithm])?.try_into().ok()?;
        let named = Self::new(name, PublicKey::new(key).ok()?);
        (is_key_name(name) && hex::encode(note_key_id(name, algorithm, &named.key)) == id).then_some(named)
    }

    fn vkey(&self, algorithm: u8) -> String {
        let mut material = vec![algorithm];
        material.extend_from_slice(&self.key.to_bytes());
        format!("{}+{}+{}", self.name, hex::encode(note_key_id(&self.name, algorithm, &self.key)), BASE64.encode(material))
    }
}

fn note_key_id(name: &str, algorithm: u8, key: &PublicKey) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', algorithm]);
    hasher.update(key.to_bytes());
    let hash: Hash = hasher.finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The note text of a checkpoint.
pub fn checkpoint_body(origin: &str, head: &TreeHead) -> String {
    format!("{origin}\n{}\n{}\n", head.size, BASE64.encode(head.root))
}

/// Signs a checkpoint with the log key, and adds the author's own timestamped cosignature.
pub fn sign_checkpoint(origin: &str, head: &TreeHead, log: &SecretKey, witness: (&str, &SecretKey), seconds: u64) -> String {
    let body = checkpoint_body(origin, head);
    let own = signature_line(origin, ED25519, &log.public(), &log.sign(body.as_bytes()));
    let cosigned = cosign(&body, witness.0, witness.1, seconds);
    format!("{body}\n{own}{cosigned}")
}

/// Signs a checkpoint with the log key alone.
pub fn sign_head(origin: &str, head: &TreeHead, log: &SecretKey) -> String {
    let body = checkpoint_body(origin, head);
    format!("{body}\n{}", signature_line(origin, ED25519, &log.public(), &log.sign(body.as_bytes())))
}

/// A note with one more cosignature, at a time in seconds. Nothing where it is no note.
pub fn add_cosignature(note: &str, name: &str, key: &SecretKey, seconds: u64) -> Option<String> {
    let parsed = UnverifiedCheckpoint::parse(note).ok()?;
    Some(format!("{note}{}", cosign(parsed.body, name, key, seconds)))
}

/// The signature line of a cosignature over a checkpoint body at a time in seconds.
pub fn cosign(body: &str, name: &str, key: &SecretKey, seconds: u64) -> String {
    cosignature_line(&NamedKey::new(name, key.public()), seconds, &sign_cosignature(body, key, seconds))
}

/// The bare signature of a cosignature.
pub fn sign_cosignature(body: &str, key: &SecretKey, seconds: u64) -> Signature {
    key.sign(cosigned_message(body, seconds).as_bytes())
}

/// Judges a bare cosignature over a checkpoint body.
///
/// # Errors
/// [`Fault::Cosignature`], also for a time above [`limits::INTEGER`].
pub fn verify_cosignature(body: &str, witness: &PublicKey, seconds: u64, signature: &Signature) -> Result<(), Fault> {
    if seconds > limits::INTEGER {
        return Err(Fault::Cosignature);
    }
    witness.verify(cosigned_message(body, seconds).as_bytes(), signature).map_err(|_| Fault::Cosignature)
}

/// The line that a log's bare signature makes.
pub fn log_line(log: &NamedKey, signature: &Signature) -> String {
    signature_line(&log.name, ED25519, &log.key, signature)
}

/// The line that a witness's bare cosignature makes.
pub fn cosignature_line(witness: &NamedKey, seconds: u64, signature: &Signature) -> String {
    let mut timed = seconds.to_be_bytes().to_vec();
    timed.extend_from_slice(signature);
    signature_line(&witness.name, COSIGNATURE, &witness.key, &timed)
}

fn cosigned_message(body: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{body}")
}

fn signature_line(name: &str, algorithm: u8, key: &PublicKey, signature: &[u8]) -> String {
    let mut bytes = note_key_id(name, algorithm, key).to_vec();
    bytes.extend_from_slice(signature);
    format!("— {name} {}\n", BASE64.encode(bytes))
}

/// A checkpoint of the right shape whose signatures are still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedCheckpoint<'a> {
    body: &'a str,
    origin: &'a str,
    head: TreeHead,
    lines: Vec<SignatureLine<'a>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SignatureLine<'a> {
    name: &'a str,
    key: [u8; 4],
    signature: Vec<u8>,
}

impl<'a> UnverifiedCheckpoint<'a> {
    /// Parses a note as received.
    ///
    /// # Errors
    /// [`Fault::Note`].
    pub fn parse(note: &'a str) -> Result<Self, Fault> {
        let clean = note.len() <= limits::NOTE && !note.bytes().any(|byte| byte < b' ' && byte != b'\n');
        let end = if clean { note.rfind("\n\n").ok_or(Fault::Note)? } else { return Err(Fault::Note) };
        let (body, signatures) = note.split_at_checked(end.saturating_add(1)).ok_or(Fault::Note)?;
        let (origin, head) = parse_body(body).ok_or(Fault::Note)?;
        let lines = signatures.strip_prefix('\n').and_then(|text| text.strip_suffix('\n')).ok_or(Fault::Note)?;
        let lines = lines
            .split('\n')
            .take(limits::NOTE_SIGNATURES.saturating_add(1))
            .map(|line| parse_line(line).ok_or(Fault::Note))
            .collect::<Result<Vec<_>, _>>()?;
        if lines.len() > limits::NOTE_SIGNATURES {
            return Err(Fault::Note);
        }
        Ok(Self { body, origin, head, lines })
    }

    /// The origin line, not yet to be believed.
    pub fn origin(&self) -> &'a str {
        self.origin
    }

    /// The size it claims, not yet to be believed.
    pub fn claimed_size(&self) -> u64 {
        self.head.size
    }

    /// The root it claims, not yet to be believed.
    pub fn claimed_root(&self) -> Hash {
        self.head.root
    }

    /// Size and root that it claims, not yet to be believed.
    pub fn claimed_head(&self) -> TreeHead {
        self.head
    }

    /// The signature in the first line of a log key, not judged.
    pub fn claimed_log_signature(&self, log: &NamedKey) -> Option<Signature> {
        self.lines_of(log, ED25519).next()?.signature.as_slice().try_into().ok()
    }

    /// Time and signature in the first line of a witness key, not judged.
    pub fn claimed_cosignature(&self, witness: &NamedKey) -> Option<(u64, Signature)> {
        let (seconds, signature) = self.lines_of(witness, COSIGNATURE).next()?.signature.split_at_checked(8)?;
        Some((u64::from_be_bytes(seconds.try_into().ok()?), signature.try_into().ok()?))
    }

    /// The time in the first cosignature under a name, not yet to be believed.
    pub fn claimed_seconds(&self, name: &str) -> Option<u64> {
        let line = self.lines.iter().find(|line| line.name == name && line.signature.len() == COSIGNATURE_BYTES)?;
        let (seconds, _) = line.signature.split_first_chunk::<8>()?;
        Some(u64::from_be_bytes(*seconds))
    }

    /// The same note with the first signature line of the log's key and the first of its author's own witness key, and no other.
    pub fn trimmed(&self, log: &NamedKey, witness: &NamedKey) -> String {
        let mut note = format!("{}\n", self.body);
        let lines = self.lines_of(log, ED25519).take(1).chain(self.lines_of(witness, COSIGNATURE).take(1));
        for SignatureLine { name, key, signature } in lines {
            let bytes = [&key[..], signature].concat();
            note.push_str(&format!("— {name} {}\n", BASE64.encode(bytes)));
        }
        note
    }

    /// Accepts the checkpoint of the log whose origin is `log.name`; of the witnesses known, those that cosigned it are returned with their times.
    ///
    /// # Errors
    /// [`Fault::Origin`], [`Fault::CheckpointSignature`], [`Fault::Cosignature`].
    pub fn verify(&self, log: &NamedKey, witnesses: &[NamedKey]) -> Result<Checkpoint, Fault> {
        if self.origin != log.name {
            return Err(Fault::Origin);
        }
        let mut signed = false;
        for line in self.lines_of(log, ED25519) {
            let signature = line.signature.as_slice().try_into().map_err(|_| Fault::CheckpointSignature)?;
            log.key.verify(self.body.as_bytes(), &signature).map_err(|_| Fault::CheckpointSignature)?;
            signed = true;
        }
        if !signed {
            return Err(Fault::CheckpointSignature);
        }
        let mut cosignatures = Vec::new();
        for witness in witnesses {
            // A witness that stands there twice is still one witness: each line must verify, the first one counts.
            let mut first = None;
            for line in self.lines_of(witness, COSIGNATURE) {
                let seconds = self.verify_cosignature(witness, &line.signature).ok_or(Fault::Cosignature)?;
                first = first.or(Some(seconds));
            }
            cosignatures.extend(first.map(|seconds| (witness.name.clone(), seconds)));
        }
        Ok(Checkpoint { head: self.head, cosignatures })
    }

    /// Whether there is a line under the log's name by another key than this one, and none by this one: who has the other may tell whose it is.
    pub fn is_by_another_key(&self, log: &NamedKey) -> bool {
        self.origin == log.name && self.lines_of(log, ED25519).next().is_none() && self.lines.iter().any(|line| line.name == log.name)
    }

    /// Whether the log's line is there, and whatever goes beyond a known note over the same body verifies: lines of the log that it does not have, and of each
    /// witness those that are newer.
    fn adds_to(&self, known: &Self, log: &NamedKey, witnesses: &[NamedKey]) -> bool {
        let signed = |line: &SignatureLine<'_>| {
            let signature = line.signature.as_slice().try_into();
            signature.is_ok_and(|signature| log.key.verify(self.body.as_bytes(), &signature).is_ok())
        };
        let cosigned = |witness: &NamedKey| {
            let newest = known.newest_of(witness).map(|line| line.signature.as_slice());
            let mut newer = self.lines_of(witness, COSIGNATURE).filter(|line| Some(line.signature.as_slice()) > newest);
            newer.all(|line| self.verify_cosignature(witness, &line.signature).is_some())
        };
        self.lines_of(log, ED25519).next().is_some()
            && self.lines_of(log, ED25519).filter(|line| !known.lines.contains(line)).all(signed)
            && witnesses.iter().all(cosigned)
    }

    /// What verifying would say of a note whose every line of a known key is known to verify.
    fn claimed(&self, witnesses: &[NamedKey]) -> Checkpoint {
        let first = |witness: &NamedKey| Some((witness.name.clone(), self.claimed_cosignature(witness)?.0));
        Checkpoint { head: self.head, cosignatures: witnesses.iter().filter_map(first).collect() }
    }

    /// The newest line of a witness: the time stands in front, big-endian, so that it is the greatest.
    fn newest_of(&self, witness: &NamedKey) -> Option<&SignatureLine<'a>> {
        self.lines_of(witness, COSIGNATURE).max_by_key(|line| line.signature.as_slice())
    }

    fn lines_of(&self, key: &NamedKey, algorithm: u8) -> impl Iterator<Item = &SignatureLine<'a>> {
        let id = note_key_id(&key.name, algorithm, &key.key);
        self.lines.iter().filter(move |line| line.name == key.name && line.key == id)
    }

    fn verify_cosignature(&self, witness: &NamedKey, timed: &[u8]) -> Option<u64> {
        let (seconds, signature) = timed.split_at_checked(8)?;
        let seconds = u64::from_be_bytes(seconds.try_into().ok()?);
        verify_cosignature(self.body, &witness.key, seconds, signature.try_into().ok()?).ok()?;
        Some(seconds)
    }
}

/// Two notes over one body as one: the log's line, and of each witness known the line with the newest time, the newest ones where there is no room for all.
/// Nothing where the bodies differ or what the other note has beyond the first does not verify. The first is one that was verified under these keys before; of the
/// other no line is looked at that is older than what the first has of the same witness.
pub fn merge(verified: &str, other: &str, log: &NamedKey, witnesses: &[NamedKey]) -> Option<(String, Checkpoint)> {
    let notes = [UnverifiedCheckpoint::parse(verified).ok()?, UnverifiedCheckpoint::parse(other).ok()?];
    let [first, second] = &notes;
    if first.body != second.body || !second.adds_to(first, log, witnesses) {
        return None;
    }
    let signed = first.lines_of(log, ED25519).next()?;
    let mut cosigned: Vec<&SignatureLine<'_>> = Vec::with_capacity(witnesses.len());
    for witness in witnesses {
        cosigned.extend(notes.iter().filter_map(|note| note.newest_of(witness)).max_by_key(|line| line.signature.as_slice()));
    }
    cosigned.sort_by(|one, other| other.signature.cmp(&one.signature));
    cosigned.truncate(limits::NOTE_SIGNATURES.saturating_sub(1));
    cosigned.sort_by(|one, other| one.name.cmp(other.name));
    let lines: String = std::iter::once(signed).chain(cosigned).map(SignatureLine::to_text).collect();
    let merged = format!("{}\n{lines}", first.body);
    let checkpoint = UnverifiedCheckpoint::parse(&merged).ok()?.claimed(witnesses);
    Some((merged, checkpoint))
}

impl SignatureLine<'_> {
    fn to_text(&self) -> String {
        format!("— {} {}\n", self.name, BASE64.encode([&self.key[..], &self.signature].concat()))
    }
}

/// A checkpoint that its log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Size and root.
    pub head: TreeHead,
    /// Known witnesses that cosigned, each once, by name, with the time in seconds of its first line.
    pub cosignatures: Vec<(String, u64)>,
}

fn parse_body(body: &str) -> Option<(&str, TreeHead)> {
    let mut lines = body.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    if origin.is_empty() || lines.next().is_some() {
        return None;
    }
    let root = BASE64.decode(root).ok()?.try_into().ok()?;
    Some((origin, TreeHead { size: parse_decimal(size)?, root }))
}

/// ASCII decimal without leading zeros, at most [`limits::INTEGER`].
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= limits::INTEGER)
}

fn is_key_name(name: &str) -> bool {
    // Most names are plain, and those that are not are looked at letter by letter.
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    !name.is_empty() && !name.contains('+') && (plain || !name.contains(char::is_whitespace))
}

fn parse_line(line: &str) -> Option<SignatureLine<'_>> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    if !is_key_name(name) {
        return None;
    }
    let bytes = BASE64.decode(signature).ok()?;
    let (key, signature) = bytes.split_at_checked(4)?;
    if signature.is_empty() {
        return None;
    }
    Some(SignatureLine { name, key: key.try_into().ok()?, signature: signature.to_vec() })
}
