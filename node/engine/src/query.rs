//! Reading: records as this node may show them, by id, log, subject or circle, and bundles that prove them elsewhere.

use suyuan_core::bundle::{BundleRecord, Content, Disclosure};
use suyuan_core::circle::PUBLIC;
use suyuan_core::log::LogId;
use suyuan_core::policy::{LogPolicy, Standing};
use suyuan_core::proof::LogProof;
use suyuan_core::section::{ABOUT, Body, Field};
use suyuan_core::{CircleId, Fault, MemberId, StatementId};

use crate::access::{self, Action};
use crate::ledger::Ledger;
use crate::limits;
use crate::local::LocalKeys;
use crate::logs::{self, LogHead};
use crate::record::{self, HeldRecord, HeldSection, Opened, Outline};
use crate::schema::{Row, Table, index_key, public_row};
use crate::secrets::EpochSecrets;
use crate::serve;
use crate::view::{StoreError, View};
use crate::void::VoidEntry;

/// Everything that reading takes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a, V> {
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The epoch secrets with which sections may be opened; none to see what the public sees.
    pub secrets: &'a EpochSecrets,
    /// Keys of the node's own rows.
    pub local: &'a LocalKeys,
    /// The rows.
    pub view: &'a V,
    /// This member's own newest checkpoint.
    pub published: Option<&'a str>,
}

/// A record as it can be shown here.
#[derive(Clone, Debug)]
pub struct RecordView {
    /// Its log.
    pub log: LogId,
    /// Its sequence.
    pub sequence: u64,
    /// Its id.
    pub id: StatementId,
    /// Its author.
    pub author: MemberId,
    /// Its type.
    pub kind: String,
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Public references.
    pub references: Vec<StatementId>,
    /// What its opened sections are about, canonical, each once.
    pub about: Vec<String>,
    /// Its sections, those that are withheld included.
    pub sections: Vec<SectionView>,
    /// Whether a checkpoint that its author signed covers it.
    pub published: bool,
    /// How far that is witnessed.
    pub witnesses: Witnesses,
    /// Members that may hold some section of it, as far as its audiences are known here. With a public section, or none at all, everybody.
    pub entitled: Vec<MemberId>,
    /// Whether it lies behind the size at which its log was closed: it counts for nothing.
    pub quarantined: bool,
    /// Why the entry as a whole is void: then all its sections are, its type is empty where its bytes are no statement, and it has no effect.
    pub void: Option<Fault>,
}

/// Who else has cosigned a checkpoint that covers a record, by the best one that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnesses {
    /// What their cosignatures come to.
    pub standing: Standing,
    /// Other members, those whose cosignature does not count among them, with their times in seconds.
    pub members: Vec<(MemberId, u64)>,
}

/// A section as it can be shown here.
#[derive(Clone, Debug)]
pub struct SectionView {
    /// Index in the statement.
    pub index: u8,
    /// How many fields it has.
    pub fields: u64,
    /// For how many circles it was sealed.
    pub audiences: u64,
    /// Those of them that this node belongs to.
    pub circles: Vec<CircleId>,
    /// Members of those circles that may read it, in charter order; everybody where it is public.
    pub readers: Vec<MemberId>,
    /// What is in it.
    pub content: SectionContent,
}

/// What is in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionContent {
    /// Its fields in the order in which they were submitted, without what it is about.
    Open(Vec<Field>),
    /// It is not for this node, or its key has not arrived.
    Withheld,
    /// Its author signed what does not hold together.
    Void(Fault),
}

/// Which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one.
    All,
    /// By one member, in whichever of its logs.
    Author(MemberId),
    /// About a subject, in canonical form.
    Subject(String),
    /// Addressed to a circle.
    Circle(CircleId),
}

/// Some of the records that match, and where to go on.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records, oldest first within each log.
    pub records: Vec<RecordView>,
    /// What to ask for next, if there may be more.
    pub next: Option<Row>,
}

/// An entry behind the size at which its log was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its sequence.
    pub sequence: u64,
    /// Its id.
    pub id: StatementId,
    /// Its type, where its statement is here and is one.
    pub kind: Option<String>,
}

/// What the public may see of a subject's records.
#[derive(Clone, Debug)]
pub struct ProductRecords {
    /// The records, by the authors' times, oldest first.
    pub records: Vec<HeldRecord>,
    /// How many more there are.
    pub more: usize,
    /// Whether all were counted; with [`limits::PRODUCT_ROWS`] in all, counting ends.
    pub counted: bool,
}

impl<V: View> Reader<'_, V> {
    /// One record, if this node holds its statement.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, id: &StatementId) -> Result<Option<RecordView>, StoreError> {
        let Some(row) = self.row_of(id)? else { return Ok(None) };
        self.shown(row)
    }

    /// The entry of one row as it can be shown; nothing where only its id is held.
    fn shown(&self, row: Row) -> Result<Option<RecordView>, StoreError> {
        if let Some(record) = self.held(row)? {
            return self.show(&record).map(Some);
        }
        let log = self.log_of(row)?;
        VoidEntry::load(row, &log.place(row.sequence), self.view)?.map(|void| self.show_void(log, &void)).transpose()
    }

    /// At most `limit` records that match, from `from` on. Those of which only the id is held are passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn page(&self, filter: &Filter, from: Option<Row>, limit: usize) -> Result<Page, StoreError> {
        let limit = limit.clamp(1, limits::PAGE);
        let rows = self.rows(filter, from, limit.saturating_add(1))?;
        let next = rows.get(limit).copied();
        let mut records = Vec::new();
        for row in rows.into_iter().take(limit) {
            // What a record is about is shown to whoever reads it there, and to nobody by the index.
            let about = |record: &RecordView| !matches!(filter, Filter::Subject(subject) if !record.about.contains(subject));
            records.extend(self.shown(row)?.filter(about));
        }
        Ok(Page { records, next })
    }

    /// What is held of a log behind the size at which it was closed: at most so many entries, from a sequence on. Nothing of a member of today.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quarantined(&self, log: &LogId, from: u64, limit: usize) -> Result<Vec<Quarantined>, StoreError> {
        let (Some(closed), Some(head)) = (self.ledger.closed_at(log), self.ledger.logs.known(log)) else { return Ok(Vec::new()) };
        let from = from.max(closed);
        let end = head.size().min(from.saturating_add(limit.min(limits::PAGE) as u64));
        if from >= end {
            return Ok(Vec::new());
        }
        let ids = logs::entries(self.view, head.number, from..end)?;
        let entry = |(sequence, id)| {
            let shown = self.shown(Row { log: head.number, sequence })?;
            Ok(Quarantined { sequence, id, kind: shown.map(|record| record.kind).filter(|kind| !kind.is_empty()) })
        };
        (from..end).zip(ids).map(entry).collect()
    }

    /// The record of one row, if its statement is held.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held(&self, row: Row) -> Result<Option<HeldRecord>, StoreError> {
        HeldRecord::load(row, self.view, self.local)
    }

    /// Where a statement stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn row_of(&self, id: &StatementId) -> Result<Option<Row>, StoreError> {
        let row = self.view.row(Table::ById, &id.0)?;
        row.map(|key| Row::from_key(&key).ok_or_else(|| StoreError(format!("place of {id}")))).transpose()
    }

    fn rows(&self, filter: &Filter, from: Option<Row>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let indexed = |table: Table, name: &[u8]| {
            let name = self.local.name(table, name);
            let from = index_key(&name, from.unwrap_or(Row { log: 0, sequence: 0 }));
            let rows = self.view.rows(table, &from, &[&name[..], &[0xff; 13]].concat(), limit)?;
            self.parse(rows.iter().map(|(key, _)| key.get(16..).unwrap_or_default()))
        };
        match filter {
            Filter::Subject(subject) => indexed(Table::BySubject, subject.as_bytes()),
            Filter::Circle(circle) => indexed(Table::ByCircle, &circle.0),
            Filter::All => self.statements(from.unwrap_or(Row { log: 0, sequence: 0 }), u32::MAX, limit),
            Filter::Author(member) => {
                let from = from.unwrap_or(Row { log: 0, sequence: 0 });
                let mut logs: Vec<u32> = self.ledger.logs.iter().filter(|head| head.id.member == *member).map(|head| head.number).collect();
                logs.sort_unstable();
                let mut found = Vec::new();
                for log in logs.into_iter().filter(|log| *log >= from.log) {
                    let first = if log == from.log { from } else { Row { log, sequence: 0 } };
                    found.extend(self.statements(first, log, limit.saturating_sub(found.len()))?);
                }
                Ok(found)
            }
        }
    }

    fn statements(&self, from: Row, last: u32, limit: usize) -> Result<Vec<Row>, StoreError> {
        let to = Row { log: last, sequence: u64::MAX };
        let mut found = self.view.rows(Table::Statement, &from.key(), &to.key(), limit)?;
        found.append(&mut self.view.rows(Table::Void, &from.key(), &to.key(), limit)?);
        let mut rows = self.parse(found.iter().map(|(key, _)| key.as_slice()))?;
        rows.sort_unstable();
        rows.truncate(limit);
        Ok(rows)
    }

    fn parse<'k>(&self, keys: impl Iterator<Item = &'k [u8]>) -> Result<Vec<Row>, StoreError> {
        keys.map(|key| Row::from_key(key).ok_or_else(|| StoreError("an index row's key".into()))).collect()
    }

    fn log_of(&self, row: Row) -> Result<LogId, StoreError> {
        self.ledger.logs.numbered(row.log).map(|head| head.id).ok_or_else(|| StoreError(format!("log number {}", row.log)))
    }

    /// How far a log's newest checkpoint reaches here.
    fn covered(&self, log: &LogId) -> Result<u64, StoreError> {
        Ok(serve::checkpoint(log, self.ledger, self.published, self.view)?.map_or(0, |(_, size)| size))
    }

    fn witnesses(&self, log: &LogId, sequence: u64) -> Witnesses {
        let covering = self.ledger.gathered.of(log).and_then(|gathered| gathered.covering(sequence));
        let standing = covering.map_or_else(|| LogPolicy::of(&self.ledger.alliance, &log.member).judge(&[]), |found| found.standing);
        let members = covering.map_or(&[][..], |found| &found.cosigners).iter().filter(|(member, _)| *member != log.member).copied().collect();
        Witnesses { standing, members }
    }

    /// A record as it can be shown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn show(&self, held: &HeldRecord) -> Result<RecordView, StoreError> {
        let log = self.log_of(held.row)?;
        let (mut sections, mut about) = (Vec::new(), Vec::new());
        for (index, commitment) in (0u8..).zip(&held.statement.sections) {
            let section = held.sections.iter().find(|section| section.index == index);
            let mut content = SectionContent::Withheld;
            if let Some(section) = section {
                content = self.content(held, section, &mut about)?;
            }
            let circles = section.into_iter().flat_map(|section| &section.audiences).map(|audience| audience.header.circle).collect();
            let readers = self.members_who(|member| section.is_some_and(|section| self.may(member, Action::Read, held, section)));
            let audiences = commitment.audiences.len() as u64;
            sections.push(SectionView { index, fields: commitment.fields, audiences, circles, readers, content });
        }
        about.sort_unstable();
        about.dedup();
        let statement = &held.statement;
        Ok(RecordView {
            log,
            sequence: held.row.sequence,
            id: statement.id(),
            author: statement.place.author,
            kind: statement.kind.clone(),
            time: statement.time,
            references: statement.references.clone(),
            about,
            sections,
            published: held.row.sequence < self.covered(&log)?,
            witnesses: self.witnesses(&log, held.row.sequence),
            entitled: self.members_who(|member| {
                let open = statement.sections.is_empty() || *member == statement.place.author;
                open || held.sections.iter().any(|section| self.may(member, Action::Hold, held, section))
            }),
            quarantined: self.ledger.is_quarantined(&log, held.row.sequence),
            void: None,
        })
    }

    /// A void entry: what its bytes say, if they say anything, and that all of it is void.
    fn show_void(&self, log: LogId, void: &VoidEntry) -> Result<RecordView, StoreError> {
        let id = self.view.row(Table::Entry, &void.row.key())?.and_then(|id| id.try_into().ok()).map(StatementId);
        let id = id.ok_or_else(|| StoreError(format!("entry {} in log number {}", void.row.sequence, void.row.log)))?;
        let statement = void.statement();
        let counts: Vec<(u64, u64)> = match &statement {
            Some(statement) if !statement.sections.is_empty() => {
                statement.sections.iter().map(|section| (section.fields, section.audiences.len() as u64)).collect()
            }
            _ => vec![(0, 0)],
        };
        let content = SectionContent::Void(void.fault);
        let section = |(index, (fields, audiences))| {
            let (circles, readers, content) = (Vec::new(), Vec::new(), content.clone());
            SectionView { index, fields, audiences, circles, readers, content }
        };
        Ok(RecordView {
            log,
            sequence: void.row.sequence,
            id,
            author: log.member,
            kind: statement.as_ref().map(|statement| statement.kind.clone()).unwrap_or_default(),
            time: statement.as_ref().map_or(0, |statement| statement.time),
            references: statement.map(|statement| statement.references.clone()).unwrap_or_default(),
            about: Vec::new(),
            sections: (0u8..).zip(counts).map(section).collect(),
            published: void.row.sequence < self.covered(&log)?,
            witnesses: self.witnesses(&log, void.row.sequence),
            entitled: self.members_who(|_| true),
            quarantined: self.ledger.is_quarantined(&log, void.row.sequence),
            void: Some(void.fault),
        })
    }

    fn members_who(&self, may: impl Fn(&MemberId) -> bool) -> Vec<MemberId> {
        self.ledger.alliance.members().iter().map(|member| member.id).filter(|id| may(id)).collect()
    }

    /// Whether a member may do this with a section, by any of the audiences that are known here.
    fn may(&self, member: &MemberId, action: Action, held: &HeldRecord, section: &HeldSection) -> bool {
        section.audiences.iter().any(|audience| {
            let (circle, epoch) = (&audience.header.circle, Some(audience.header.epoch).filter(|epoch| *epoch > 0));
            access::may(&self.ledger.alliance, &self.ledger.circles, member, action, circle, epoch, &held.statement.kind)
        })
    }

    fn content(&self, held: &HeldRecord, section: &HeldSection, about: &mut Vec<String>) -> Result<SectionContent, StoreError> {
        // A key alone does not entitle: a regulator holds those of its circles, and reads within its scope.
        if !self.may(&self.ledger.me, Action::Read, held, section) {
            return Ok(SectionContent::Withheld);
        }
        Ok(match held.open(section, self.secrets)? {
            Opened::Body(body) => {
                about.append(&mut record::subjects(&body));
                SectionContent::Open(body.fields().iter().filter(|field| field.name != ABOUT).cloned().collect())
            }
            Opened::Sealed => SectionContent::Withheld,
            Opened::Void(fault) => SectionContent::Void(fault),
        })
    }

    /// Proof that an entry is in its log, under a witnessed checkpoint if there is one, else the newest; of a closed log, as far as that was
    /// accepted, without any. Nothing where none covers it yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn proof(&self, row: Row) -> Result<Option<LogProof>, StoreError> {
        let log = self.log_of(row)?;
        if let Some(closed) = self.ledger.closed_at(&log) {
            return self.proof_under(row, closed, String::new());
        }
        let best = self.ledger.gathered.of(&log).and_then(|gathered| gathered.covering(row.sequence));
        let newest = || serve::checkpoint(&log, self.ledger, self.published, self.view);
        let Some((checkpoint, size)) = best.map_or_else(newest, |best| Ok(Some((best.note.clone(), best.head.size))))? else { return Ok(None) };
        self.proof_under(row, size, checkpoint)
    }

    fn proof_under(&self, row: Row, size: u64, checkpoint: String) -> Result<Option<LogProof>, StoreError> {
        let held = self.ledger.logs.numbered(row.log).map_or(0, LogHead::size);
        if row.sequence >= size || held < size {
            return Ok(None);
        }
        let path = logs::tile_tree(self.view, row.log, size).inclusion(row.sequence).map_err(|error| StoreError(error.to_string()))?;
        Ok(Some(LogProof { index: row.sequence, path, checkpoint }))
    }

    /// A record for a bundle, its public sections whole. Nothing where no checkpoint covers it yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn public_bundle(&self, held: &HeldRecord) -> Result<Option<BundleRecord>, StoreError> {
        self.bundle_with(held, |section, body| section.is_public().then(|| Content::Whole(body.to_bytes())))
    }

    /// A record for a bundle with single fields, named by section and name, disclosed from whatever this node can open. A field that is not there is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn disclose(&self, held: &HeldRecord, wanted: &[(u8, String)]) -> Result<Option<BundleRecord>, StoreError> {
        self.bundle_with(held, |section, body| {
            let names = wanted.iter().filter(|(index, _)| *index == section.index);
            let mut fields: Vec<_> = names.filter_map(|(_, name)| body.disclose(name)).collect();
            fields.sort_unstable_by_key(|field| field.index);
            fields.dedup();
            (!fields.is_empty()).then_some(Content::Fields(fields))
        })
    }

    fn bundle_with(&self, held: &HeldRecord, content: impl Fn(&HeldSection, &Body) -> Option<Content>) -> Result<Option<BundleRecord>, StoreError> {
        let Some(proof) = self.proof(held.row)? else { return Ok(None) };
        let mut disclosures = Vec::new();
        for section in held.sections.iter().filter(|section| self.may(&self.ledger.me, Action::Read, held, section)) {
            let Opened::Body(body) = held.open(section, self.secrets)? else { continue };
            let Some(content) = content(section, &body) else { continue };
            // The audience of a public section tells nothing; others are their circles' own.
            let shown = section.audiences.iter().filter(|audience| audience.header.circle == PUBLIC);
            let audiences = shown.map(|audience| (u64::from(audience.index), audience.bytes.clone())).collect();
            disclosures.push(Disclosure { section: u64::from(section.index), header: section.bytes.clone(), audiences, content });
        }
        let (statement, signature) = (held.bytes.clone(), held.signature);
        Ok(Some(BundleRecord { statement, signature, proof: proof.to_string(), disclosures }))
    }

    /// The records with a public section about a subject, from all members that this node has, those that are quarantined aside: recalls first, then the newest by the authors' times, as many
    /// as there may be and as fit into so many bytes of statements and public content, but always one. Only these are read. They come with their public
    /// sections alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn product(&self, subject: &str, records: usize, bytes: usize) -> Result<ProductRecords, StoreError> {
        let name = self.local.name(Table::Public, subject.as_bytes());
        let keys = self.view.rows(Table::Public, &name, &[&name[..], &[0xff; 32]].concat(), limits::PRODUCT_ROWS)?;
        let (mut found, mut weight, mut behind) = (Vec::new(), 0usize, 0usize);
        for (key, _) in keys.iter().take(records) {
            let row = public_row(key).ok_or_else(|| StoreError("an index row's key".into()))?;
            if self.ledger.is_quarantined(&self.log_of(row)?, row.sequence) {
                behind = behind.saturating_add(1);
                continue;
            }
            let outline =
                Outline::load(row, self.view, self.local)?.ok_or_else(|| StoreError(format!("entry {} in log number {}", row.sequence, row.log)))?;
            let record = outline.read(|_, section| section.is_public(), self.view, self.local)?;
            weight =
                record.sections.iter().map(|section| section.content.len()).fold(weight.saturating_add(record.bytes.len()), usize::saturating_add);
            if weight > bytes && !found.is_empty() {
                break;
            }
            found.push(record);
        }
        let more = keys.len().saturating_sub(found.len()).saturating_sub(behind);
        found.sort_by_key(|record| (record.statement.time, record.row));
        Ok(ProductRecords { records: found, more, counted: keys.len() < limits::PRODUCT_ROWS })
    }
}
