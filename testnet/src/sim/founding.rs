//! Alliances whose keys are known beforehand. One of each size is founded in a process: a charter takes longer to sign and to verify than most runs take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::PrekeySecret;
use suyuan_core::key::SecretKey;
use suyuan_core::membership::Admission;
use suyuan_engine::local::LocalKeys;

/// Milliseconds since 1970 at the beginning of every run, by a clock that is right.
pub const FOUNDED_AT: u64 = 1_900_000_000_000;

/// Those beside the founders whose keys are known.
const CANDIDATES: usize = 2;
/// More than there are members: what is added to an index for a member's second keys.
const SPARE: usize = 100;

/// A member with its keys.
#[derive(Debug)]
pub struct Member {
    pub id: MemberId,
    pub role: Role,
    pub name: String,
    /// With which it asks to be admitted.
    pub admission: Admission,
    /// Its first keys, and those with which it begins anew where it has lost them, by the incarnation of its log.
    pub keys: [KeySet; 2],
    pub local: LocalKeys,
}

/// The keys of a member.
#[derive(Debug)]
pub struct KeySet {
    pub root: SecretKey,
    pub log: SecretKey,
    pub witness: SecretKey,
    pub transport: SecretKey,
    pub encryption: PrekeySecret,
}

impl KeySet {
    fn of(index: usize) -> Self {
        let [root, log, witness, transport] = [1, 2, 3, 4].map(|purpose| key(index, purpose));
        Self { root, log, witness, transport, encryption: encryption(index) }
    }
}

/// An alliance with the keys of all its members, in the order of the charter, and of those who may be admitted after them.
#[derive(Debug)]
pub struct Foundation {
    pub alliance: Arc<Alliance>,
    pub members: Vec<Member>,
    /// How many of them founded it.
    pub founders: usize,
}

impl Foundation {
    /// The alliance of so many members, the first of whom leads; the last of five or more is a regulator. `seal` is T of its charter, milliseconds.
    ///
    /// # Errors
    /// What the charter lacks, which cannot be.
    pub fn of(count: usize, seal: u64) -> Result<Arc<Self>, String> {
        static FOUNDED: Mutex<BTreeMap<(usize, u64), Arc<Foundation>>> = Mutex::new(BTreeMap::new());
        let mut founded = FOUNDED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = founded.get(&(count, seal)) {
            return Ok(known.clone());
        }
        let new = Arc::new(Self::found(count, seal).map_err(|fault| format!("the charter: {fault}"))?);
        founded.insert((count, seal), new.clone());
        Ok(new)
    }

    fn found(count: usize, seal: u64) -> Result<Self, suyuan_core::Fault> {
        let entries: Vec<Entry> = (0..count + CANDIDATES).map(|index| entry(index, count)).collect();
        let charter = Charter {
            nonce: [1; 32],
            name: "sim".to_owned(),
            purpose: String::new(),
            chain: "sim".to_owned(),
            time: FOUNDED_AT,
            members: entries.iter().take(count).cloned().collect(),
            deputies: vec![1, 2],
            seal,
            terms: String::new(),
        };
        let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
        for index in 0..count {
            (1..=4).try_for_each(|purpose| file.sign(&key(index, purpose)))?;
        }
        let alliance = Arc::new(file.verify(None)?);
        let members = entries.into_iter().enumerate().map(|(index, entry)| Member {
            id: entry.member(),
            role: entry.role,
            admission: Admission::sign(&alliance.id(), &entry, [1, 2, 3, 4].map(|purpose| key(index, purpose)).each_ref()),
            name: entry.name,
            keys: [KeySet::of(index), KeySet::of(index + SPARE)],
            local: LocalKeys::new(&seed(index, 6)),
        });
        Ok(Self { members: members.collect(), alliance, founders: count })
    }
}

fn entry(index: usize, count: usize) -> Entry {
    let public = |purpose| key(index, purpose).public().to_bytes();
    let keys = MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(index).public() };
    let role = role(index, count);
    let scope = if role == Role::Regulator { vec!["inspection".to_owned()] } else { Vec::new() };
    Entry { name: format!("M{index}"), role, keys, addresses: Vec::new(), scope }
}

fn role(index: usize, count: usize) -> Role {
    match index {
        0 => Role::Leader,
        _ if index + 1 == count && count >= 5 => Role::Regulator,
        _ => [Role::Upstream, Role::Midstream, Role::Downstream, Role::Support][index % 4],
    }
}

fn seed(index: usize, purpose: u8) -> [u8; 32] {
    blake3::derive_key("suyuan simulator keys", &[u8::try_from(index).unwrap_or(u8::MAX), purpose])
}

fn key(index: usize, purpose: u8) -> SecretKey {
    SecretKey::from_seed(&seed(index, purpose))
}

fn encryption(index: usize) -> PrekeySecret {
    PrekeySecret::from_bytes(seed(index, 5))
}
