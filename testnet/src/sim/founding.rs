//! Alliances whose keys are known beforehand. One of each size is founded in a process: a charter takes longer to sign and to verify than most runs take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use suyuan_core::MemberId;
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::PrekeySecret;
use suyuan_core::key::SecretKey;
use suyuan_engine::local::LocalKeys;

/// Milliseconds since 1970 at the beginning of every run, by a clock that is right.
pub const FOUNDED_AT: u64 = 1_900_000_000_000;

/// A member with its keys.
#[derive(Debug)]
pub struct Member {
    pub id: MemberId,
    pub role: Role,
    pub log: SecretKey,
    pub witness: SecretKey,
    pub encryption: PrekeySecret,
    pub local: LocalKeys,
}

/// An alliance with the keys of all its members, in the order of the charter.
#[derive(Debug)]
pub struct Foundation {
    pub alliance: Arc<Alliance>,
    pub members: Vec<Member>,
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
        let roles: Vec<Role> = (0..count).map(|index| role(index, count)).collect();
        let entries = roles.iter().enumerate().map(|(index, role)| {
            let public = |purpose| key(index, purpose).public().to_bytes();
            let keys =
                MemberKeys { root: public(1), log: public(2), witness: public(3), transport: public(4), encryption: encryption(index).public() };
            let scope = if *role == Role::Regulator { vec!["inspection".to_owned()] } else { Vec::new() };
            Entry { name: format!("M{index}"), role: *role, keys, addresses: Vec::new(), scope }
        });
        let charter = Charter {
            nonce: [1; 32],
            name: "sim".to_owned(),
            purpose: String::new(),
            chain: "sim".to_owned(),
            time: FOUNDED_AT,
            members: entries.collect(),
            deputies: vec![1, 2],
            seal,
            terms: String::new(),
        };
        let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
        for index in 0..count {
            (1..=4).try_for_each(|purpose| file.sign(&key(index, purpose)))?;
        }
        let alliance = Arc::new(file.verify(None)?);
        let members = alliance.members().iter().enumerate();
        let members = members.map(|(index, known)| Member {
            id: known.id,
            role: known.entry.role,
            log: key(index, 2),
            witness: key(index, 3),
            encryption: encryption(index),
            local: LocalKeys::new(&seed(index, 6)),
        });
        Ok(Self { members: members.collect(), alliance })
    }
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
