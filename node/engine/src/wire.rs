//! What nodes say to each other about logs: heads, requests and batches (`specs/sync.md`).

use suyuan_core::cbor::{Reader, Writer};
use suyuan_core::circle::{Slip, Wrap};
use suyuan_core::equivocation::{Evidence, Shown};
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::key::Signature;
use suyuan_core::log::LogId;
use suyuan_core::note::TreeHead;
use suyuan_core::relay::Tag;
use suyuan_core::{AllianceId, CircleId, Fault, MemberId};

use crate::limits;
use crate::witnessing::Cosignature;

/// A question of one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which logs do you have, up to where?
    Heads,
    /// Entries of one log from a sequence on.
    Pull {
        /// The log.
        log: LogId,
        /// The first sequence wanted.
        from: u64,
    },
    /// My copy of this log has grown; nothing is asked.
    Grown(LogSize),
    /// How many statements has whom addressed to the circles that we share, from this circle on?
    Counters(CircleId),
    /// At which sequences of a log, from one on, do statements stand that are addressed to a circle and that I may hold?
    Listing {
        /// Of which author in which circle.
        gap: Gap,
        /// The first sequence wanted.
        from: u64,
    },
    /// These heads of the alliance's order log do I know, by term; which do you?
    OrderHeads(Vec<(u64, String)>),
    /// Statements at these sequences of a log.
    Items {
        /// The log.
        log: LogId,
        /// Ascending, 1 to 256.
        sequences: Vec<u64>,
    },
    /// I have cosigned these checkpoints, 1 to 128; nothing is asked.
    Cosigned(Vec<Cosignature>),
    /// How did the alliance come to be what it is?
    History,
    /// Which entry does your copy of this log have here, and under which checkpoint?
    Show {
        /// The log.
        log: LogId,
        /// The entry's index.
        index: u64,
    },
    /// This convicts a member; nothing is asked.
    Convict(Box<Evidence>),
    /// What have you for others that I may keep, from where this cursor of yours ends?
    Collect(Option<Vec<u8>>),
    /// Which packages do you keep under these tags?
    Fetch(Vec<Tag>),
}

/// One author's statements to one circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The circle.
    pub circle: CircleId,
    /// The author's log.
    pub log: LogId,
}

/// What a node knows of one author's statements to one circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Whose, and where.
    pub of: Gap,
    /// How many there are, as far as the node knows.
    pub next: u64,
    /// The circle's newest epoch that the node knows.
    pub epoch: u64,
    /// The XOR of their ids, where the node holds all that it knows of.
    pub mark: Option<Hash>,
}

/// How far somebody has a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// The log.
    pub log: LogId,
    /// Number of entries.
    pub size: u64,
}

/// How far somebody has a log, and the root over that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The log and its size.
    pub log: LogSize,
    /// Root of its tree. Nobody has signed that it is this node's: it only tells whether there is something to look at.
    pub root: Hash,
}

/// An entry, and the checkpoint that covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownEntry {
    /// The checkpoint, as its author signed it.
    pub checkpoint: String,
    /// The entry with its path.
    pub shown: Shown,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To `Heads`.
    Heads(Vec<Head>),
    /// To `Pull`: entries, or nothing where there are none from there on.
    Batch(Option<Box<Batch>>),
    /// To `Grown` and `Convict`.
    Noted,
    /// To `Counters`: by circle and log, and the circle to go on with, if there are more.
    Counters(Vec<Count>, Option<CircleId>),
    /// To `Listing`: ascending, and the sequence to go on with, if there may be more.
    Listing(Vec<u64>, Option<u64>),
    /// To `History`: the file; nothing where it is not all here, or too long.
    History(Option<Vec<u8>>),
    /// To `OrderHeads`.
    OrderHeads(Vec<(u64, String)>),
    /// To `Items`: those that may be held, as far as a response has room, ascending by sequence.
    Items(Vec<Item>),
    /// To `Show`; nothing where that is not covered by a checkpoint.
    Shown(Option<Box<ShownEntry>>),
    /// To `Collect`; nothing where the node gives none away now.
    Collected(Option<Collected>),
    /// To `Fetch`; nothing where the node does not relay.
    Fetched(Option<Fetched>),
}

/// What a relay keeps for others and cannot read (`specs/relay.md`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub tag: Tag,
    /// The sealed item.
    pub sealed: Vec<u8>,
}

/// Packages of the answering node's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Where to go on, for this node alone to read; the one that was asked with where there is nothing more for now.
    pub cursor: Vec<u8>,
    /// The packages, ascending by tag.
    pub packages: Vec<Package>,
}

/// Packages that the answering node keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// How many of the tags, from the first on, this is the whole answer to.
    pub answered: u64,
    /// The packages.
    pub packages: Vec<Package>,
}

/// Entries of one log, with the opened part of what the receiver may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The log.
    pub log: LogId,
    /// Sequence of the first entry.
    pub from: u64,
    /// Ids of consecutive statements, 1 to 1024.
    pub entries: Vec<StatementId>,
    /// A checkpoint of the log that covers all of them.
    pub checkpoint: String,
    /// Consistency path from the end of the entries to the checkpoint.
    pub consistency: Vec<Hash>,
    /// Statements that the receiver may hold, ascending by sequence.
    pub items: Vec<Item>,
}

/// One statement on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its sequence.
    pub sequence: u64,
    /// Its bytes.
    pub statement: Vec<u8>,
    /// Its signature.
    pub signature: Signature,
    /// Its sections that the receiver may hold.
    pub sections: Vec<ItemSection>,
    /// The receiver's slip, where it is an epoch statement.
    pub slip: Option<Slip>,
}

/// One section on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemSection {
    /// Index in the statement.
    pub index: u8,
    /// Header bytes.
    pub header: Vec<u8>,
    /// Index, header bytes and wrap of each audience that the receiver belongs to.
    pub audiences: Vec<(u8, Vec<u8>, Option<Wrap>)>,
    /// Public body or ciphertext.
    pub content: Vec<u8>,
}

const HEADER_BYTES: usize = 1024;

impl Request {
    /// Encodes the request.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(3);
        match self {
            Self::Heads => writer.uint(0).null(),
            Self::Pull { log, from } => write_size(writer.uint(1), log, *from),
            Self::Grown(head) => write_size(writer.uint(2), &head.log, head.size),
            Self::Counters(from) => writer.uint(3).bytes(&from.0),
            Self::Listing { gap, from } => write_size(writer.uint(4).array(2).bytes(&gap.circle.0), &gap.log, *from),
            Self::Items { log, sequences } => {
                write_size(writer.uint(5).array(2), log, 0);
                write_sequences(&mut writer, sequences)
            }
            Self::OrderHeads(heads) => write_heads(writer.uint(9), heads),
            Self::History => writer.uint(10).null(),
            Self::Show { log, index } => write_size(writer.uint(8), log, *index),
            Self::Cosigned(cosignatures) => {
                writer.uint(6).array(cosignatures.len());
                cosignatures.iter().for_each(|cosignature| cosignature.write(&mut writer));
                &mut writer
            }
            Self::Convict(evidence) => {
                evidence.write(writer.uint(8));
                &mut writer
            }
            Self::Collect(None) => writer.uint(11).null(),
            Self::Collect(Some(cursor)) => writer.uint(11).bytes(cursor),
            Self::Fetch(tags) => writer.uint(12).bytes(&tags.concat()),
        };
        writer.finish()
    }

    /// Decodes a request about logs of this alliance.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8], alliance: &AllianceId) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(3)?;
        match reader.uint()? {
            0 if reader.null() => Ok(Self::Heads),
            1 => read_size(&mut reader, alliance).map(|LogSize { log, size }| Self::Pull { log, from: size }),
            2 => read_size(&mut reader, alliance).map(Self::Grown),
            3 => Ok(Self::Counters(CircleId(reader.fixed()?))),
            4 => {
                reader.array(2)?;
                let circle = CircleId(reader.fixed()?);
                read_size(&mut reader, alliance).map(|LogSize { log, size }| Self::Listing { gap: Gap { circle, log }, from: size })
            }
            5 => {
                reader.array(2)?;
                let LogSize { log, size } = read_size(&mut reader, alliance)?;
                let sequences = read_sequences(&mut reader, 1..=limits::ITEMS)?;
                if size == 0 { Ok(Self::Items { log, sequences }) } else { Err(Fault::Form) }
            }
            9 => read_heads(&mut reader).map(Self::OrderHeads),
            10 if reader.null() => Ok(Self::History),
            11 if reader.null() => Ok(Self::Collect(None)),
            11 => Ok(Self::Collect(Some(reader.bytes(limits::CURSOR)?.to_vec()))),
            12 => hashes(reader.bytes(limits::TAGS.saturating_mul(32))?).map(Self::Fetch),
            6 => {
                let cosignatures = 0..reader.array_in(1..=limits::COSIGNATURES)?;
                cosignatures.map(|_| Cosignature::read(&mut reader, alliance)).collect::<Result<_, _>>().map(Self::Cosigned)
            }
            8 if reader.clone().array_in(5..=5).is_ok() => Evidence::read(&mut reader).map(|evidence| Self::Convict(Box::new(evidence))),
            8 => read_size(&mut reader, alliance).map(|LogSize { log, size }| Self::Show { log, index: size }),
            _ => Err(Fault::Form),
        }
    }
}

impl Response {
    /// Encodes the response.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::structure(3);
        match self {
            Self::Heads(heads) => {
                writer.uint(0).array(heads.len());
                for Head { log, root } in heads {
                    write_size(writer.array(2), &log.log, log.size).bytes(root);
                }
            }
            Self::Batch(None) => {
                writer.uint(1).null();
            }
            Self::Batch(Some(batch)) => batch.write(writer.uint(1)),
            Self::Noted => {
                writer.uint(2).null();
            }
            Self::Counters(counts, next) => {
                write_counters(writer.uint(3).array(2), counts, next.as_ref());
            }
            Self::Listing(sequences, next) => {
                write_sequences(writer.uint(4).array(2), sequences);
                match next {
                    None => writer.null(),
                    Some(next) => writer.uint(*next),
                };
            }
            Self::Items(items) => {
                writer.uint(5).array(items.len());
                items.iter().for_each(|item| item.write(&mut writer));
            }
            Self::OrderHeads(heads) => {
                write_heads(writer.uint(9), heads);
            }
            Self::History(None) => {
                writer.uint(10).null();
            }
            Self::History(Some(history)) => {
                writer.uint(10).bytes(history);
            }
            Self::Shown(None) => {
                writer.uint(8).null();
            }
            Self::Shown(Some(shown)) => shown.shown.write(writer.uint(8).array(3).text(&shown.checkpoint)),
            Self::Collected(None) => {
                writer.uint(11).null();
            }
            Self::Collected(Some(Collected { cursor, packages })) => write_packages(writer.uint(11).array(2).bytes(cursor), packages),
            Self::Fetched(None) => {
                writer.uint(12).null();
            }
            Self::Fetched(Some(Fetched { answered, packages })) => write_packages(writer.uint(12).array(2).uint(*answered), packages),
        }
        writer.finish()
    }

    /// Decodes a response about logs of this alliance.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn decode(bytes: &[u8], alliance: &AllianceId) -> Result<Self, Fault> {
        let mut reader = Reader::open(bytes)?;
        reader.suite(3)?;
        match reader.uint()? {
            0 => {
                let heads = 0..reader.array_in(0..=limits::HEADS)?;
                heads.map(|_| read_head(&mut reader, alliance)).collect::<Result<_, _>>().map(Self::Heads)
            }
            1 if reader.null() => Ok(Self::Batch(None)),
            1 => Batch::read(&mut reader, alliance).map(|batch| Self::Batch(Some(Box::new(batch)))),
            2 if reader.null() => Ok(Self::Noted),
            3 => read_counters(&mut reader, alliance),
            4 => {
                reader.array(2)?;
                let sequences = read_sequences(&mut reader, 0..=limits::LISTING)?;
                Ok(Self::Listing(sequences, if reader.null() { None } else { Some(reader.uint()?) }))
            }
            5 => {
                let items = 0..reader.array_in(0..=limits::ITEMS)?;
                items.map(|_| Item::read(&mut reader)).collect::<Result<_, _>>().map(Self::Items)
            }
            9 => read_heads(&mut reader).map(Self::OrderHeads),
            10 if reader.null() => Ok(Self::History(None)),
            10 => Ok(Self::History(Some(reader.bytes(limits::HISTORY)?.to_vec()))),
            8 if reader.null() => Ok(Self::Shown(None)),
            8 => {
                reader.array(3)?;
                let checkpoint = reader.text(0..=suyuan_core::limits::NOTE)?.to_owned();
                Ok(Self::Shown(Some(Box::new(ShownEntry { checkpoint, shown: Shown::read(&mut reader)? }))))
            }
            11 if reader.null() => Ok(Self::Collected(None)),
            11 => {
                reader.array(2)?;
                let cursor = reader.bytes(limits::CURSOR)?.to_vec();
                let packages = read_packages(&mut reader)?;
                let ascending = packages.is_sorted_by(|one, next| one.tag < next.tag);
                if ascending { Ok(Self::Collected(Some(Collected { cursor, packages }))) } else { Err(Fault::Form) }
            }
            12 if reader.null() => Ok(Self::Fetched(None)),
            12 => {
                reader.array(2)?;
                let answered = reader.uint()?;
                Ok(Self::Fetched(Some(Fetched { answered, packages: read_packages(&mut reader)? })))
            }
            _ => Err(Fault::Form),
        }
    }
}

fn write_packages(writer: &mut Writer, packages: &[Package]) {
    writer.array(packages.len());
    for Package { tag, sealed } in packages {
        writer.array(2).bytes(tag).bytes(sealed);
    }
}

fn read_packages(reader: &mut Reader<'_>) -> Result<Vec<Package>, Fault> {
    let package = |reader: &mut Reader<'_>| {
        reader.array(2)?;
        Ok(Package { tag: reader.fixed()?, sealed: reader.bytes(suyuan_core::limits::PACKAGE)?.to_vec() })
    };
    (0..reader.array_in(0..=limits::PACKAGES)?).map(|_| package(reader)).collect()
}

fn write_heads<'a>(writer: &'a mut Writer, heads: &[(u64, String)]) -> &'a mut Writer {
    writer.array(heads.len());
    for (term, note) in heads {
        writer.array(2).uint(*term).text(note);
    }
    writer
}

fn read_heads(reader: &mut Reader<'_>) -> Result<Vec<(u64, String)>, Fault> {
    let head = |reader: &mut Reader<'_>| {
        reader.array(2)?;
        Ok((reader.uint()?, reader.text(1..=suyuan_core::limits::NOTE)?.to_owned()))
    };
    (0..reader.array_in(0..=limits::ORDER_HEADS)?).map(|_| head(reader)).collect()
}

fn read_head(reader: &mut Reader<'_>, alliance: &AllianceId) -> Result<Head, Fault> {
    reader.array(2)?;
    Ok(Head { log: read_size(reader, alliance)?, root: reader.fixed()? })
}

fn write_counters(writer: &mut Writer, counts: &[Count], next: Option<&CircleId>) {
    writer.array(counts.len());
    for Count { of, next, epoch, mark } in counts {
        write_size(writer.array(4).bytes(&of.circle.0), &of.log, *next).uint(*epoch);
        match mark {
            None => writer.null(),
            Some(mark) => writer.bytes(mark),
        };
    }
    match next {
        None => writer.null(),
        Some(circle) => writer.bytes(&circle.0),
    };
}

fn read_counters(reader: &mut Reader<'_>, alliance: &AllianceId) -> Result<Response, Fault> {
    reader.array(2)?;
    let counts = (0..reader.array_in(0..=limits::COUNTS)?)
        .map(|_| {
            reader.array(4)?;
            let circle = CircleId(reader.fixed()?);
            let LogSize { log, size } = read_size(reader, alliance)?;
            let epoch = reader.uint()?;
            let mark = if reader.null() { None } else { Some(reader.fixed()?) };
            Ok(Count { of: Gap { circle, log }, next: size, epoch, mark })
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Response::Counters(counts, if reader.null() { None } else { Some(CircleId(reader.fixed()?)) }))
}

fn write_sequences<'a>(writer: &'a mut Writer, sequences: &[u64]) -> &'a mut Writer {
    writer.array(sequences.len());
    for sequence in sequences {
        writer.uint(*sequence);
    }
    writer
}

/// A list of ascending sequences.
fn read_sequences(reader: &mut Reader<'_>, count: std::ops::RangeInclusive<usize>) -> Result<Vec<u64>, Fault> {
    let sequences: Vec<u64> = (0..reader.array_in(count)?).map(|_| reader.uint()).collect::<Result<_, _>>()?;
    if sequences.is_sorted_by(|one, next| one < next) { Ok(sequences) } else { Err(Fault::Form) }
}

/// `[member, incarnation, size]`: the alliance is the connection's.
fn write_size<'a>(writer: &'a mut Writer, log: &LogId, size: u64) -> &'a mut Writer {
    writer.array(3).bytes(&log.member.0).uint(log.incarnation).uint(size)
}

fn read_size(reader: &mut Reader<'_>, alliance: &AllianceId) -> Result<LogSize, Fault> {
    reader.array(3)?;
    let log = LogId { alliance: *alliance, member: MemberId(reader.fixed()?), incarnation: reader.uint()? };
    Ok(LogSize { log, size: reader.uint()? })
}

impl Batch {
    fn write(&self, writer: &mut Writer) {
        writer.array(5);
        write_size(writer, &self.log, self.from);
        let entries: Vec<u8> = self.entries.iter().flat_map(|id| id.0).collect();
        writer.bytes(&entries).text(&self.checkpoint).bytes(&self.consistency.concat()).array(self.items.len());
        for item in &self.items {
            item.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>, alliance: &AllianceId) -> Result<Self, Fault> {
        reader.array(5)?;
        let LogSize { log, size: from } = read_size(reader, alliance)?;
        let entries = hashes(reader.bytes(limits::BATCH_ENTRIES.saturating_mul(32))?)?.into_iter().map(StatementId).collect();
        let checkpoint = reader.text(0..=suyuan_core::limits::NOTE)?.to_owned();
        let consistency = hashes(reader.bytes(suyuan_core::limits::PATH.saturating_mul(32))?)?;
        let items = (0..reader.array_in(0..=limits::BATCH_ENTRIES)?).map(|_| Item::read(reader)).collect::<Result<_, _>>()?;
        Ok(Self { log, from, entries, checkpoint, consistency, items })
    }
}

impl Cosignature {
    fn write(&self, writer: &mut Writer) {
        writer.array(6).bytes(&self.witness.0);
        write_size(writer, &self.log, self.head.size).bytes(&self.head.root).bytes(&self.signed).uint(self.seconds).bytes(&self.signature);
    }

    fn read(reader: &mut Reader<'_>, alliance: &AllianceId) -> Result<Self, Fault> {
        reader.array(6)?;
        let witness = MemberId(reader.fixed()?);
        let LogSize { log, size } = read_size(reader, alliance)?;
        let (root, signed, seconds, signature) = (reader.fixed()?, reader.fixed()?, reader.uint()?, reader.fixed()?);
        Ok(Self { witness, log, head: TreeHead { size, root }, signed, seconds, signature })
    }
}

fn hashes(bytes: &[u8]) -> Result<Vec<Hash>, Fault> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() { Ok(hashes.to_vec()) } else { Err(Fault::Form) }
}

impl Item {
    /// How many bytes it takes at most; for filling batches.
    pub fn weight(&self) -> usize {
        let around = |audiences: usize| audiences.saturating_add(128);
        let section = |section: &ItemSection| {
            let audiences = section.audiences.iter().map(|(_, header, _)| header.len().saturating_add(64)).sum();
            around(audiences).saturating_add(section.header.len()).saturating_add(section.content.len())
        };
        self.sections.iter().map(section).sum::<usize>().saturating_add(self.statement.len()).saturating_add(HEADER_BYTES)
    }

    /// The item alone, as a package holds it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.finish()
    }

    /// Decodes an item that stands alone.
    ///
    /// # Errors
    /// [`Fault::Cbor`], [`Fault::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        Self::read(&mut Reader::open(bytes)?)
    }

    fn write(&self, writer: &mut Writer) {
        writer.array(5).uint(self.sequence).bytes(&self.statement).bytes(&self.signature).array(self.sections.len());
        for section in &self.sections {
            section.write(writer);
        }
        match &self.slip {
            None => writer.null(),
            Some(slip) => writer.bytes(&slip.to_bytes()),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(5)?;
        let sequence = reader.uint()?;
        let statement = reader.bytes(suyuan_core::limits::STATEMENT)?.to_vec();
        let signature = reader.fixed()?;
        let sections = (0..reader.array_in(0..=suyuan_core::limits::SECTIONS)?).map(|_| ItemSection::read(reader)).collect::<Result<_, _>>()?;
        let slip = if reader.null() { None } else { Some(Slip::decode(reader.bytes(HEADER_BYTES)?)?) };
        Ok(Self { sequence, statement, signature, sections, slip })
    }
}

impl ItemSection {
    fn write(&self, writer: &mut Writer) {
        writer.array(4).uint(u64::from(self.index)).bytes(&self.header).array(self.audiences.len());
        for (index, header, wrap) in &self.audiences {
            writer.array(3).uint(u64::from(*index)).bytes(header);
            match wrap {
                None => writer.null(),
                Some(wrap) => writer.bytes(wrap),
            };
        }
        writer.bytes(&self.content);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.array(4)?;
        let index = small(reader)?;
        let header = reader.bytes(HEADER_BYTES)?.to_vec();
        let audiences = (0..reader.array_in(1..=suyuan_core::limits::AUDIENCES)?)
            .map(|_| {
                reader.array(3)?;
                let (index, header) = (small(reader)?, reader.bytes(HEADER_BYTES)?.to_vec());
                let wrap = if reader.null() { None } else { Some(reader.fixed()?) };
                Ok((index, header, wrap))
            })
            .collect::<Result<_, Fault>>()?;
        let content = reader.bytes(usize::try_from(suyuan_core::limits::CIPHERTEXT).map_err(|_| Fault::Form)?)?.to_vec();
        Ok(Self { index, header, audiences, content })
    }
}

fn small(reader: &mut Reader<'_>) -> Result<u8, Fault> {
    u8::try_from(reader.uint()?).map_err(|_| Fault::Form)
}

#[cfg(test)]
mod tests;
