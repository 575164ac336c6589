//! A member that has lost its keys or its log begins anew with others' consent, and what may have been signed by others than itself is marked
//! (`specs/membership.md`, Recovery).

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::cbor::Writer;
use crate::charter::{Alliance, ClosedLog, LogKey, Member, MemberKeys, Pin};
use crate::domain;
use crate::id::{AllianceId, Hash, KeyId, MemberId, StatementId};
use crate::key::{self, PublicKey, SecretKey};
use crate::limits;
use crate::membership::{ChangeFault, verify};
use crate::statement::sig_structure;

/// A member's log is closed, and it goes on with other keys, and with the next incarnation of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// Who.
    pub member: MemberId,
    /// All its keys from now on.
    pub keys: RecoveredKeys,
    /// Entries of its log of today that are accepted.
    pub size: u64,
    /// Root over them.
    pub root: StatementId,
    /// Signatures by the new root, log, witness and transport key over [`recovery_message`], base64.
    pub signatures: Vec<String>,
}

/// Five new keys, hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveredKeys {
    /// Decides on the others.
    pub root: StatementId,
    /// Signs statements and checkpoints.
    pub log: StatementId,
    /// Cosigns.
    pub witness: StatementId,
    /// Connections.
    pub transport: StatementId,
    /// Slips are sealed to it.
    pub encryption: StatementId,
}

/// Entries of a member's log that somebody else may have signed, since its key was in other hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compromise {
    /// Whose.
    pub member: MemberId,
    /// Which of its logs.
    pub incarnation: u64,
    /// First entry that is marked.
    pub from: u64,
    /// First entry after it that is not marked any more.
    pub size: u64,
}

impl Compromise {
    /// Whether it marks an entry.
    pub fn marks(&self, incarnation: u64, sequence: u64) -> bool {
        self.incarnation == incarnation && (self.from..self.size).contains(&sequence)
    }
}

impl From<RecoveredKeys> for MemberKeys {
    fn from(keys: RecoveredKeys) -> Self {
        let RecoveredKeys { root, log, witness, transport, encryption } = keys;
        Self { root: root.0, log: log.0, witness: witness.0, transport: transport.0, encryption: encryption.0 }
    }
}

impl From<MemberKeys> for RecoveredKeys {
    fn from(keys: MemberKeys) -> Self {
        let MemberKeys { root, log, witness, transport, encryption } = keys;
        let [root, log, witness, transport, encryption] = [root, log, witness, transport, encryption].map(StatementId);
        Self { root, log, witness, transport, encryption }
    }
}

impl Recovery {
    /// Signs for the new keys; `keys` are root, log, witness and transport. Where the log is closed, they do not say: the members decide it.
    pub fn sign(alliance: &AllianceId, member: &MemberId, encryption: Hash, keys: [&SecretKey; 4], at: Pin) -> Self {
        let [root, log, witness, transport] = keys.map(|key| key.public().to_bytes());
        let new = MemberKeys { root, log, witness, transport, encryption };
        let sign = |key: &SecretKey| BASE64.encode(key.sign(&recovery_message(alliance, member, &new, key.public().id())));
        Self { member: *member, keys: new.into(), size: at.size, root: StatementId(at.root), signatures: keys.map(sign).to_vec() }
    }

    fn is_proven(&self, alliance: &AllianceId) -> bool {
        let new = MemberKeys::from(self.keys);
        let keys = new.signing();
        let signed = |(key, signature): (&Hash, &String)| verify(key, signature, |id| recovery_message(alliance, &self.member, &new, id)).is_some();
        keys.len() == self.signatures.len() && keys.into_iter().zip(&self.signatures).all(signed)
    }
}

/// What the new keys of a recovery sign.
pub fn recovery_message(alliance: &AllianceId, member: &MemberId, keys: &MemberKeys, key: KeyId) -> Vec<u8> {
    let mut payload = Writer::structure(8);
    payload.bytes(&alliance.0).bytes(&member.0);
    for new in keys.signing().into_iter().chain([&keys.encryption]) {
        payload.bytes(new);
    }
    sig_structure(domain::TYP_RECOVERY, key, &payload.finish())
}

impl Member {
    /// Whether others than this member may have signed an entry, as the members have decided.
    pub fn is_compromised(&self, incarnation: u64, sequence: u64) -> bool {
        self.compromises.iter().any(|mark| mark.marks(incarnation, sequence))
    }
}

impl Alliance {
    pub(crate) fn recover(&mut self, recovery: &Recovery) -> Result<(), ChangeFault> {
        let at = self.position(&recovery.member)?;
        if !recovery.is_proven(&self.id) {
            return Err(ChangeFault::Possession);
        }
        let keys = MemberKeys::from(recovery.keys);
        let new: BTreeSet<&Hash> = keys.signing().into_iter().chain([&keys.encryption]).collect();
        if new.len() != 5 || !key::usable_x25519(&keys.encryption) || !new.into_iter().all(|key| self.is_fresh(key)) {
            return Err(ChangeFault::Key);
        }
        let [log, witness] = [keys.log, keys.witness].map(|key| PublicKey::new(&key).map_err(|_| ChangeFault::Key));
        let (log, witness) = (log?, witness?);
        let member = self.members.get_mut(at).ok_or(ChangeFault::Unknown)?;
        if member.closed.len() >= limits::INCARNATIONS {
            return Err(ChangeFault::Full);
        }
        member.retired.push(std::mem::replace(&mut member.entry.keys, keys));
        let former = std::mem::replace(&mut member.logs, vec![LogKey { key: log, from: 0 }]);
        member.closed.push(ClosedLog { pin: Pin { size: recovery.size, root: recovery.root.0 }, keys: former });
        (member.log, member.witness) = (log, witness);
        Ok(())
    }

    pub(crate) fn mark(&mut self, mark: &Compromise) -> Result<(), ChangeFault> {
        let everybody = self.members.iter_mut().chain(&mut self.former);
        let member = everybody.into_iter().find(|member| member.id == mark.member).ok_or(ChangeFault::Unknown)?;
        if mark.from >= mark.size || mark.incarnation > member.incarnation() {
            return Err(ChangeFault::Form);
        }
        if member.compromises.len() >= limits::COMPROMISES {
            return Err(ChangeFault::Full);
        }
        member.compromises.push(*mark);
        Ok(())
    }
}
