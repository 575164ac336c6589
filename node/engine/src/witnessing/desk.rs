//! The witness's desk: one row for each log, and every decision against it. What is accepted is signed only after it was written.

use std::collections::BTreeMap;

use suyuan_core::MemberId;
use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::id::Hash;
use suyuan_core::key::{SecretKey, Signature};
use suyuan_core::log::LogId;
use suyuan_core::note::{self, NamedKey, TreeHead};
use suyuan_core::policy::checkpoint_key;
use suyuan_core::witness::{self, AddCheckpoint, Refusal, origin_hash};

use super::{Contradiction, Cosignature, VerifiedCosignature, contradiction, held_root};
use crate::ledger::Ledger;
use crate::schema::Table;
use crate::view::{Changes, StoreError, View};

/// The checkpoint of a log that this node cosigned last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The log's name.
    pub origin: String,
    /// Its tree.
    pub head: TreeHead,
    /// When, seconds since 1970-01-01 UTC.
    pub seconds: u64,
    /// The log's signature lines.
    pub signed: String,
}

impl Cosigned {
    /// The body of the checkpoint.
    pub fn body(&self) -> String {
        note::checkpoint_body(&self.origin, &self.head)
    }

    /// The cosignature; deterministic, so that it can be given again.
    pub fn sign(&self, key: &SecretKey) -> Signature {
        note::sign_cosignature(&self.body(), key, self.seconds)
    }

    /// The checkpoint as a note, with the log's lines and this cosignature's.
    pub fn note(&self, name: &str, key: &SecretKey) -> String {
        let line = note::cosignature_line(&NamedKey::new(name, key.public()), self.seconds, &self.sign(key));
        format!("{}\n{}{line}", self.body(), self.signed)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(512);
        writer.array(5).text(&self.origin).uint(self.head.size).bytes(&self.head.root).uint(self.seconds).text(&self.signed);
        writer.finish()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::open(bytes).ok()?;
        reader.array(5).ok()?;
        let origin = reader.text(1..=suyuan_core::limits::NOTE).ok()?.to_owned();
        let head = TreeHead { size: reader.uint().ok()?, root: reader.fixed().ok()? };
        Some(Self { origin, head, seconds: reader.uint().ok()?, signed: reader.text(1..=suyuan_core::limits::NOTE).ok()?.to_owned() })
    }
}

/// What was cosigned last of the log with this origin hash.
///
/// # Errors
/// [`StoreError`].
pub fn cosigned(key: &Hash, view: &impl View) -> Result<Option<Cosigned>, StoreError> {
    let Some(row) = view.row(Table::Cosigned, key)? else { return Ok(None) };
    let found = Cosigned::decode(&row).filter(|found| origin_hash(&found.origin) == *key);
    found.map(Some).ok_or_else(|| StoreError(format!("what was cosigned of log {}", hex::encode(key))))
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What it proves about its log, if anything.
    pub evidence: Option<Box<Contradiction>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, evidence: None }
    }
}

/// Decisions that go into one write, each against what those before it leave.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    accepted: BTreeMap<Hash, Cosigned>,
}

impl Desk {
    /// Decides on an add-checkpoint request at a time in seconds. `named` is the key of its log where the operator has named it beside the members'.
    ///
    /// # Errors
    /// [`StoreError`]; within, why it is refused.
    pub fn add(
        &mut self,
        request: &AddCheckpoint,
        named: Option<&NamedKey>,
        ledger: &Ledger,
        view: &impl View,
        seconds: u64,
    ) -> Result<Result<Cosigned, Refused>, StoreError> {
        let origin = match request.origin() {
            Ok(origin) => origin.to_owned(),
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let size = note::UnverifiedCheckpoint::parse(&request.checkpoint).map_or(0, |note| note.claimed_size());
        let member = member_log(&origin, size, ledger);
        let key = member.as_ref().map(|(_, key)| key).or(named);
        let latest = self.latest(&origin, view)?.map_or_else(witness::empty_head, |latest| latest.head);
        let head = match witness::judge(request, key, &latest) {
            Ok(head) => head,
            Err(refusal) => return self.refuse(refusal, request, key, member.as_ref().map(|(log, _)| log), ledger, view).map(Err),
        };
        if let Some((log, _)) = &member
            && held_root(log, head.size, ledger, view)?.is_some_and(|root| root != head.root)
        {
            let evidence = contradiction(log, &head, &request.checkpoint, ledger, None, view)?.map(Box::new);
            return Ok(Err(Refused { refusal: Refusal::Inconsistent, evidence }));
        }
        // Of a log that was given two histories nothing is cosigned beyond the last common point.
        if member.as_ref().is_some_and(|(log, _)| !ledger.convictions.admits(log, head.size)) {
            return Ok(Err(Refusal::Inconsistent.into()));
        }
        let Some(signed) = key.and_then(|key| log_lines(&request.checkpoint, key)) else { return Ok(Err(Refusal::NotSigned.into())) };
        Ok(Ok(self.accept(Cosigned { origin, head, seconds, signed })))
    }

    /// A refusal, with what the checkpoint proves where its log has signed it.
    fn refuse(
        &self,
        refusal: Refusal,
        request: &AddCheckpoint,
        key: Option<&NamedKey>,
        log: Option<&LogId>,
        ledger: &Ledger,
        view: &impl View,
    ) -> Result<Refused, StoreError> {
        let evidence = match (refusal, key, log) {
            (Refusal::Inconsistent | Refusal::Conflict(_), Some(key), Some(log)) => {
                let parsed = note::UnverifiedCheckpoint::parse(&request.checkpoint);
                match parsed.and_then(|note| note.verify(key, &[])) {
                    Ok(found) => contradiction(log, &found.head, &request.checkpoint, ledger, None, view)?,
                    Err(_) => None,
                }
            }
            _ => None,
        };
        Ok(Refused { refusal, evidence: evidence.map(Box::new) })
    }

    /// Decides on a member's checkpoint that came through the members' network, under which every entry must be held. Nothing is cosigned where there
    /// are fewer, or more was cosigned before.
    ///
    /// # Errors
    /// [`StoreError`]; within, what a checkpoint proves that contradicts what is held or was cosigned.
    pub fn follow(
        &mut self,
        shown: &VerifiedCosignature,
        ledger: &Ledger,
        view: &impl View,
        seconds: u64,
    ) -> Result<Result<Option<Cosigned>, Option<Box<Contradiction>>>, StoreError> {
        let (log, head) = (&shown.log, shown.head);
        let known = ledger.alliance.active(&log.member).filter(|member| member.id != ledger.me);
        let (Some(author), Some(root)) = (known, held_root(log, head.size, ledger, view)?) else { return Ok(Ok(None)) };
        let Ok(key) = checkpoint_key(log, author, head.size) else { return Ok(Ok(None)) };
        let signed = note::log_line(&key, &shown.signed);
        if root != head.root {
            let note = format!("{}\n{signed}", shown.body());
            return Ok(Err(contradiction(log, &head, &note, ledger, None, view)?.map(Box::new)));
        }
        if !ledger.convictions.admits(log, head.size) {
            return Ok(Ok(None));
        }
        if let Some(latest) = self.latest(&log.origin(), view)? {
            if latest.head.size > head.size {
                return Ok(Ok(None));
            }
            // By the HTTP call more may have been cosigned than was here then.
            if held_root(log, latest.head.size, ledger, view)?.is_some_and(|root| root != latest.head.root) {
                let note = format!("{}\n{}", latest.body(), latest.signed);
                return Ok(Err(contradiction(log, &latest.head, &note, ledger, None, view)?.map(Box::new)));
            }
        }
        Ok(Ok(Some(self.accept(Cosigned { origin: log.origin(), head, seconds, signed }))))
    }

    /// What is cosigned by now, those decisions included that are not written yet.
    fn latest(&self, origin: &str, view: &impl View) -> Result<Option<Cosigned>, StoreError> {
        let key = origin_hash(origin);
        self.accepted.get(&key).cloned().map_or_else(|| cosigned(&key, view), |found| Ok(Some(found)))
    }

    fn accept(&mut self, cosigned: Cosigned) -> Cosigned {
        self.accepted.insert(origin_hash(&cosigned.origin), cosigned.clone());
        cosigned
    }

    /// The rows to be written before anything is signed.
    pub fn save(&self, changes: &mut Changes) {
        for (key, cosigned) in &self.accepted {
            changes.put(Table::Cosigned, *key, cosigned.to_bytes());
        }
    }
}

impl Cosigned {
    /// The cosignature of a member's log, as it is told to others: verified, since this node has just made it.
    pub fn told(&self, shown: &VerifiedCosignature, me: MemberId, key: &SecretKey) -> VerifiedCosignature {
        let found = Cosignature { witness: me, seconds: self.seconds, signature: self.sign(key), ..shown.found.clone() };
        VerifiedCosignature { found, key: key.public() }
    }
}

/// The log of another member with this origin, and the key that signs it at a size.
fn member_log(origin: &str, size: u64, ledger: &Ledger) -> Option<(LogId, NamedKey)> {
    let mut others = ledger.alliance.members().iter().filter(|member| member.id != ledger.me);
    let member = others.find(|member| ledger.alliance.log_of(&member.id).origin() == origin)?;
    let log = ledger.alliance.log_of(&member.id);
    Some((log, checkpoint_key(&log, member, size).ok()?))
}

/// The log's signature lines alone: what others put on the note is not kept.
fn log_lines(note: &str, key: &NamedKey) -> Option<String> {
    let signature = note::UnverifiedCheckpoint::parse(note).ok()?.claimed_log_signature(key)?;
    Some(note::log_line(key, &signature))
}
