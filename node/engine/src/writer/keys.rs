//! Which of this member's keys signs what: the alliance says it, the keyring has them. And new keys, before they are asked for.

use rand_core::{CryptoRng, SeedableRng};
use suyuan_core::charter::Member;
use suyuan_core::circle::PrekeySecret;
use suyuan_core::id::StatementId;
use suyuan_core::key::{PublicKey, SecretKey};
use suyuan_core::membership::{Change, KeyChange};

use super::Writer;
use super::command::SubmitError;
use super::shell::{Disk, Fatal, Keys, NewKeys, Outlet, SecretError};
use crate::author::AuthorError;
use crate::limits;
use crate::submission::{Refusal, RefusalKind};

/// Which keys are to be exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedKeys {
    /// For statements and checkpoints.
    pub log: bool,
    /// For cosignatures.
    pub witness: bool,
    /// For connections.
    pub transport: bool,
    /// For slips.
    pub encryption: bool,
}

/// The private key of a public one, of those that are here.
///
/// # Errors
/// [`AuthorError::KeyMissing`].
pub(super) fn private<'a>(held: &[&'a SecretKey], wanted: &PublicKey) -> Result<&'a SecretKey, AuthorError> {
    held.iter().copied().find(|key| key.public() == *wanted).ok_or_else(|| AuthorError::KeyMissing(wanted.id()))
}

impl<D: Disk, O: Outlet, R: CryptoRng + SeedableRng + Send> Writer<D, O, R> {
    /// The key that signs the checkpoint over so many entries of the own log: that of the last of them.
    pub(super) fn checkpoint_key(&self, size: u64) -> Result<&SecretKey, Fatal> {
        let me = self.myself()?;
        let key = me.log_at(me.incarnation(), size.saturating_sub(1)).unwrap_or(&me.log);
        Ok(private(&self.disk.keys().log, key)?)
    }

    /// The key that cosigns as the alliance knows this member today.
    pub(super) fn witness_key(&self) -> Result<&SecretKey, Fatal> {
        let me = self.myself()?;
        Ok(private(&self.disk.keys().witness, &me.witness)?)
    }

    fn myself(&self) -> Result<&Member, Fatal> {
        let ledger = &self.state.ledger;
        ledger.alliance.member(&ledger.me).ok_or_else(|| Fatal("this member is not known in its own alliance".to_owned()))
    }

    /// New keys, durable before anybody hears of them, and the change that asks for them, still without the root key's signature, which stands first in it.
    pub(super) fn draw_keys(&mut self, wanted: WantedKeys) -> Result<Result<KeyChange, SubmitError>, Fatal> {
        if wanted == WantedKeys::default() {
            return Ok(Err(refuse("name at least one key that is to be exchanged").into()));
        }
        let log = self.unused(wanted.log, |keys| &keys.log);
        let witness = self.unused(wanted.witness, |keys| &keys.witness);
        let transport = self.unused(wanted.transport, |keys| &keys.transport);
        let (opens, new_opens) = self.unused_prekey(wanted.encryption);
        let ledger = &self.state.ledger;
        let from = self.myself()?.logs.last().map_or(0, |key| key.from);
        let size = ledger.logs.head(&ledger.own_log()).size().saturating_add(limits::KEY_CHANGE_ROOM).max(from);
        let hex = |key: &Option<Drawn>| key.as_ref().map(|key| StatementId(key.secret.public().to_bytes()));
        let change = KeyChange {
            member: ledger.me,
            log: hex(&log),
            witness: hex(&witness),
            transport: hex(&transport),
            encryption: opens,
            size,
            signatures: Vec::new(),
        };
        let signers: Vec<&SecretKey> = [&log, &witness, &transport].into_iter().flatten().map(|key| &key.secret).collect();
        let change = change.signed(&ledger.alliance.id(), &signers);
        let new = |key: Option<Drawn>| key.filter(|key| key.new).map(|key| key.secret);
        match self.disk.add_keys(NewKeys { log: new(log), witness: new(witness), transport: new(transport), encryption: new_opens }) {
            Ok(()) => Ok(Ok(change)),
            Err(SecretError::Refused(why)) => Ok(Err(SubmitError::Keyring(why))),
            Err(SecretError::Failed(why)) => Err(Fatal(format!("the keyring cannot be written: {why}"))),
        }
    }

    /// Refuses a change of this member's keys that its node could not live by.
    pub(super) fn check_keys(&self, change: &Change) -> Result<(), Refusal> {
        let ledger = &self.state.ledger;
        let Change::Keys(keys) = change else { return Ok(()) };
        if keys.member != ledger.me {
            return Ok(());
        }
        let Keys { log, witness, transport, encryption, .. } = self.disk.keys();
        let signing = [(keys.log, log), (keys.witness, witness), (keys.transport, transport)];
        let here =
            |wanted: &Option<StatementId>, held: &[&SecretKey]| wanted.is_none_or(|key| held.iter().any(|held| held.public().to_bytes() == key.0));
        let opens = keys.encryption.is_none_or(|key| encryption.iter().any(|held| held.public() == key.0));
        if !opens || !signing.iter().all(|(wanted, held)| here(wanted, held)) {
            return Err(refuse("this node does not have the private halves of the new keys; let it make them itself, with `suyuan keyring rotate`"));
        }
        // The proposal, the approval, and what a keeper writes until they are settled.
        let room = ledger.logs.head(&ledger.own_log()).size().saturating_add(limits::KEY_CHANGE_RESERVE);
        if keys.log.is_some() && keys.size < room {
            return Err(refuse("this member's log has grown too close to where its new key is to begin; begin again with `suyuan keyring rotate`"));
        }
        Ok(())
    }

    /// Whether the own log may grow to this size while a change of its key is not decided, with so many entries left for what keeps the alliance going.
    pub(super) fn check_room(&self, size: u64, reserve: u64) -> Result<(), AuthorError> {
        let ledger = &self.state.ledger;
        let Some(end) = ledger.decisions.key_change_at(&ledger.me) else { return Ok(()) };
        if size.saturating_add(reserve) <= end { Ok(()) } else { Err(AuthorError::KeyChange(end)) }
    }

    /// A key that nobody knows yet: the newest of its kind, where a change to it came to nothing, so that trying again does not fill the keyring.
    fn unused(&mut self, wanted: bool, kind: for<'a, 'b> fn(&'b Keys<'a>) -> &'b Vec<&'a SecretKey>) -> Option<Drawn> {
        if !wanted {
            return None;
        }
        let keys = self.disk.keys();
        let newest = kind(&keys).last().filter(|key| self.state.ledger.alliance.is_fresh(&key.public().to_bytes()));
        if let Some(secret) = newest.map(|key| SecretKey::clone(key)) {
            return Some(Drawn { secret, new: false });
        }
        Some(Drawn { secret: SecretKey::from_seed(&self.random()), new: true })
    }

    /// The same for slips: the public half, and the private one where the keyring does not have it yet.
    fn unused_prekey(&mut self, wanted: bool) -> (Option<StatementId>, Option<PrekeySecret>) {
        let held = self.disk.keys().encryption.last().map(|key| key.public()).filter(|key| self.state.ledger.alliance.is_fresh(key));
        match held.filter(|_| wanted) {
            Some(public) => (Some(StatementId(public)), None),
            None => {
                let new = wanted.then(|| PrekeySecret::from_bytes(self.random()));
                (new.as_ref().map(|key| StatementId(key.public())), new)
            }
        }
    }

    fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

/// A key for a change, and whether the keyring does not have it yet.
struct Drawn {
    secret: SecretKey,
    new: bool,
}

fn refuse(detail: &str) -> Refusal {
    Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail: detail.to_owned() }
}
