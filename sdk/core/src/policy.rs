//! Whose cosignatures suffice: the rule that an alliance derives from its members, and policies as text (`specs/witness.md`, C2SP `tlog-policy`).

use std::collections::{BTreeMap, BTreeSet};

use crate::charter::{Alliance, Member};
use crate::fault::Fault;
use crate::id::MemberId;
use crate::limits;
use crate::log::{LogId, witness_name};
use crate::note::{Checkpoint, NamedKey, UnverifiedCheckpoint, parse_decimal};
use crate::quorum::Quorum;

/// The members whose cosignatures of a log count: all but its author and the regulators.
pub fn counted<'a>(alliance: &'a Alliance, author: &MemberId) -> impl Iterator<Item = &'a Member> {
    alliance.voters().filter(move |member| member.id != *author)
}

/// Every member's witness key under its name, to be looked for in a note.
#[derive(Clone, Debug)]
pub struct Witnesses {
    keys: Vec<NamedKey>,
    members: BTreeMap<String, MemberId>,
}

impl Witnesses {
    /// The witness keys of an alliance.
    pub fn of(alliance: &Alliance) -> Self {
        let keys: Vec<NamedKey> = alliance.members().iter().map(|member| witness_key(alliance, member)).collect();
        let members = keys.iter().zip(alliance.members()).map(|(key, member)| (key.name.clone(), member.id)).collect();
        Self { keys, members }
    }

    /// The keys, in charter order.
    pub fn keys(&self) -> &[NamedKey] {
        &self.keys
    }

    /// Which members cosigned a checkpoint, and when, in charter order.
    pub fn cosigners(&self, checkpoint: &Checkpoint) -> Vec<(MemberId, u64)> {
        checkpoint.cosignatures.iter().filter_map(|(name, seconds)| Some((*self.members.get(name)?, *seconds))).collect()
    }
}

/// A member's witness key under its name.
pub fn witness_key(alliance: &Alliance, member: &Member) -> NamedKey {
    NamedKey::new(witness_name(&alliance.id(), &member.id), member.witness)
}

/// The key under which a member signs a checkpoint of its log at a size: that of the last entry, with the log's name.
///
/// # Errors
/// [`Fault::Author`]: the member has not begun a log of this incarnation.
pub fn checkpoint_key(log: &LogId, author: &Member, size: u64) -> Result<NamedKey, Fault> {
    let key = author.log_at(log.incarnation, size.saturating_sub(1)).ok_or(Fault::Author)?;
    Ok(NamedKey::new(log.origin(), *key))
}

/// What an alliance asks of a checkpoint of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPolicy {
    counted: BTreeSet<MemberId>,
    /// How many of them must have cosigned.
    pub quorum: Quorum,
}

impl LogPolicy {
    /// The policy of a member's log.
    pub fn of(alliance: &Alliance, author: &MemberId) -> Self {
        let counted: BTreeSet<MemberId> = counted(alliance, author).map(|member| member.id).collect();
        let quorum = Quorum::of(counted.len().saturating_add(1));
        Self { counted, quorum }
    }

    /// Whether a member's cosignature counts.
    pub fn counts(&self, member: &MemberId) -> bool {
        self.counted.contains(member)
    }

    /// What cosignatures of different members come to.
    pub fn judge(&self, cosigners: &[(MemberId, u64)]) -> Standing {
        let mut times: Vec<u64> = cosigners.iter().filter(|(member, _)| self.counts(member)).map(|(_, seconds)| *seconds).collect();
        times.sort_unstable();
        let (count, needed) = (times.len(), self.quorum.cosigners());
        // Of f + 1 witnesses at least one is honest, so by the latest of the f + 1 earliest times an honest one had seen it.
        let time = times.get(self.quorum.liars()).copied().filter(|_| needed > 0 && count >= needed);
        Standing { count, needed, time }
    }
}

/// How far a checkpoint is witnessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Cosignatures that count.
    pub count: usize,
    /// How many of them the policy asks for; none in an alliance of one.
    pub needed: usize,
    /// Where they are as many, and any are needed: by when an honest witness had seen it, seconds since 1970-01-01 UTC.
    pub time: Option<u64>,
}

impl Standing {
    /// Whether as many witnesses cosigned as the policy asks for, and it asks for any.
    pub const fn witnessed(&self) -> bool {
        self.time.is_some()
    }
}

/// A policy as C2SP `tlog-policy` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<(NamedKey, Option<Vec<u8>>)>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Party>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Witness {
    name: Vec<u8>,
    key: NamedKey,
    url: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: Vec<u8>,
    threshold: usize,
    members: Vec<Party>,
}

/// A witness or a group, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Witness(usize),
    Group(usize),
}

/// What a policy finds in a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Size and root are the log's.
    pub checkpoint: Checkpoint,
    /// Whether the quorum is reached.
    pub accepted: bool,
}

impl Policy {
    /// The policy of a member's log as text that other programs read: every other member is a known witness, and those who count are the quorum's group.
    pub fn of_log(alliance: &Alliance, log: &LogId) -> Option<Self> {
        let author = alliance.member(&log.member)?;
        let rule = LogPolicy::of(alliance, &author.id);
        let others = || alliance.members().iter().filter(|member| member.id != author.id);
        let witnesses = others().map(|member| Witness { name: member.id.to_string().into_bytes(), key: witness_key(alliance, member), url: None });
        let members = others().zip(0..).filter(|(member, _)| rule.counts(&member.id)).map(|(_, index)| Party::Witness(index)).collect();
        let needed = rule.quorum.cosigners();
        let groups = if needed > 0 { vec![Group { name: b"partners".to_vec(), threshold: needed, members }] } else { Vec::new() };
        let quorum = (needed > 0).then_some(Party::Group(0));
        Some(Self { logs: vec![(NamedKey::new(log.origin(), author.log), None)], witnesses: witnesses.collect(), groups, quorum })
    }

    /// Parses a policy as received.
    ///
    /// # Errors
    /// [`Fault::Policy`].
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let allowed = |byte: &u8| matches!(byte, b'\t' | b'\n' | 0x20..=0x7e | 0x80..);
        let lines = text.strip_suffix(b"\n").filter(|_| text.len() <= limits::POLICY && text.iter().all(allowed)).ok_or(Fault::Policy)?;
        let mut parser = Parser::default();
        for line in lines.split(|byte| *byte == b'\n') {
            let words: Vec<&[u8]> = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
            parser.line(&words).ok_or(Fault::Policy)?;
        }
        parser.finish().ok_or(Fault::Policy)
    }

    /// The policy as text.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (key, url) in &self.logs {
            line(&mut text, [b"log".as_slice(), key.log_vkey().as_bytes()].into_iter().chain(url.as_deref()));
        }
        for Witness { name, key, url } in &self.witnesses {
            line(&mut text, [b"witness".as_slice(), name, key.witness_vkey().as_bytes()].into_iter().chain(url.as_deref()));
        }
        for Group { name, threshold, members } in &self.groups {
            let members = members.iter().map(|party| self.name(*party));
            line(&mut text, [b"group".as_slice(), name, threshold.to_string().as_bytes()].into_iter().chain(members));
        }
        line(&mut text, [b"quorum".as_slice(), self.quorum.map_or(b"none", |party| self.name(party))].into_iter());
        text
    }

    fn name(&self, party: Party) -> &[u8] {
        match party {
            Party::Witness(index) => self.witnesses.get(index).map_or(b"", |witness| &witness.name),
            Party::Group(index) => self.groups.get(index).map_or(b"", |group| &group.name),
        }
    }

    /// Judges a note by this policy alone: which of its logs it is of, who of its witnesses cosigned it, and whether they suffice.
    ///
    /// # Errors
    /// [`Fault::Note`], [`Fault::Origin`] where it is of none of the logs, [`Fault::CheckpointSignature`], [`Fault::Cosignature`].
    pub fn check(&self, note: &str) -> Result<Finding, Fault> {
        let note = UnverifiedCheckpoint::parse(note)?;
        let known: Vec<NamedKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let mut found = Err(Fault::Origin);
        for (log, _) in self.logs.iter().filter(|(log, _)| log.name == note.origin()) {
            found = note.verify(log, &known);
            if found.is_ok() {
                break;
            }
        }
        let checkpoint = found?;
        let signed: BTreeSet<&str> = checkpoint.cosignatures.iter().map(|(name, _)| name.as_str()).collect();
        let accepted = self.accepts(|witness| signed.contains(witness.name.as_str()));
        Ok(Finding { checkpoint, accepted })
    }

    /// Whether the quorum is reached when these witnesses have cosigned.
    pub fn accepts(&self, cosigned: impl Fn(&NamedKey) -> bool) -> bool {
        let witnesses: Vec<bool> = self.witnesses.iter().map(|witness| cosigned(&witness.key)).collect();
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let holds = |party: &Party, groups: &[bool]| match party {
            Party::Witness(index) => witnesses.get(*index).copied().unwrap_or(false),
            Party::Group(index) => groups.get(*index).copied().unwrap_or(false),
        };
        // A group names only what stands before it, so one pass settles all.
        for group in &self.groups {
            let count = group.members.iter().filter(|party| holds(party, &groups)).count();
            groups.push(count >= group.threshold);
        }
        self.quorum.is_none_or(|party| holds(&party, &groups))
    }
}

fn line<'a>(text: &mut Vec<u8>, words: impl Iterator<Item = &'a [u8]>) {
    text.extend(words.collect::<Vec<_>>().join(&b' '));
    text.push(b'\n');
}

#[derive(Default)]
struct Parser {
    logs: Vec<(NamedKey, Option<Vec<u8>>)>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Option<Party>>,
    names: BTreeMap<Vec<u8>, Party>,
    log_keys: BTreeSet<[u8; 32]>,
    witness_keys: BTreeSet<[u8; 32]>,
    /// What stands in some group already.
    listed: BTreeSet<Party>,
}

impl Parser {
    fn line(&mut self, words: &[&[u8]]) -> Option<()> {
        match words {
            [] => Some(()),
            [first, ..] if first.starts_with(b"#") => Some(()),
            [b"log", vkey, url @ ..] if url.len() <= 1 => {
                let key = NamedKey::from_log_vkey(std::str::from_utf8(vkey).ok()?)?;
                self.logs.push((key.clone(), url.first().map(|url| url.to_vec())));
                self.log_keys.insert(key.key.to_bytes()).then_some(())
            }
            [b"witness", name, vkey, url @ ..] if url.len() <= 1 => {
                let key = NamedKey::from_witness_vkey(std::str::from_utf8(vkey).ok()?)?;
                self.define(name, Party::Witness(self.witnesses.len()))?;
                let fresh = self.witness_keys.insert(key.key.to_bytes());
                self.witnesses.push(Witness { name: name.to_vec(), key, url: url.first().map(|url| url.to_vec()) });
                fresh.then_some(())
            }
            [b"group", name, threshold, members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            [b"quorum", name] if self.quorum.is_none() => {
                self.quorum = Some(if *name == b"none" { None } else { Some(*self.names.get(*name)?) });
                Some(())
            }
            _ => None,
        }
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Option<()> {
        let members: Vec<Party> = members.iter().map(|member| self.names.get(*member).copied()).collect::<Option<_>>()?;
        if !members.iter().all(|party| self.listed.insert(*party)) {
            return None;
        }
        let threshold = match threshold {
            b"any" => 1,
            b"all" => members.len(),
            number => usize::try_from(parse_decimal(std::str::from_utf8(number).ok()?)?).ok()?,
        };
        if !(1..=members.len()).contains(&threshold) {
            return None;
        }
        self.define(name, Party::Group(self.groups.len()))?;
        self.groups.push(Group { name: name.to_vec(), threshold, members });
        Some(())
    }

    fn define(&mut self, name: &[u8], party: Party) -> Option<()> {
        (name != b"none" && self.names.insert(name.to_vec(), party).is_none()).then_some(())
    }

    fn finish(self) -> Option<Policy> {
        Some(Policy { logs: self.logs, witnesses: self.witnesses, groups: self.groups, quorum: self.quorum? })
    }
}
