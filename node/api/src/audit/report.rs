//! An audit's report as JSON.

use serde::Serialize;
use suyuan_core::note::TreeHead;
use suyuan_core::{AllianceId, MemberId, StatementId};
use suyuan_engine::audit::{Decision, Finding, LogReport, OrderReport, Report, SignedHead};
use suyuan_engine::ledger::Ledger;
use utoipa::ToSchema;

use crate::pages::words::Lang;
use crate::records::view::{LogName, MemberName};
use crate::resolutions::CosignerJson;
use crate::verify::{Words, words};

/// What an audit found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditReport)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportJson {
    /// Whether nothing is wrong; something may be open.
    pub ok: bool,
    /// The program that audited.
    pub program: &'static str,
    /// Whose copy was audited.
    pub member: MemberName,
    /// Who asked for it: `operator`, or the id of a token.
    pub asked_by: String,
    /// When it began, milliseconds since 1970-01-01 UTC. What was written later was not looked at.
    pub started: u64,
    /// When it ended.
    pub ended: u64,
    /// The alliance, hex.
    #[schema(value_type = String)]
    pub alliance: AllianceId,
    /// Its name.
    pub alliance_name: String,
    /// How many changes of members, keys and rules are in force.
    pub version: u64,
    /// What is wrong, and what is open.
    pub findings: Vec<FindingJson>,
    /// Places with findings that are not listed, for want of room.
    pub more: u64,
    /// Every log that is held.
    pub logs: Vec<LogJson>,
    /// What the alliance decided; null where it could not be followed to its end.
    pub order: Option<OrderJson>,
    /// What no audit of a copy can tell.
    pub not_checked: Vec<Words>,
}

/// Something that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditFinding)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindingJson {
    /// A code of `specs/audit.md`.
    pub code: &'static str,
    /// Whether it is only not proven, and nothing that is wrong.
    pub open: bool,
    /// In which log.
    pub log: Option<LogName>,
    /// Whose log that is.
    pub member: Option<MemberName>,
    /// At which entry; the first of several.
    pub from: Option<u64>,
    /// At how many places.
    pub count: u64,
    /// Whose fault it may be: a code of `specs/audit.md`.
    pub fault: &'static str,
    /// What more is known, in English; may be empty.
    pub detail: String,
    /// What it is.
    pub what: Words,
    /// Whose fault it may be.
    pub whose: Words,
    /// What to do next.
    pub next: Words,
}

/// A log that was audited.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditLog)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogJson {
    /// Whose.
    pub member: MemberName,
    /// Which.
    pub log: LogName,
    /// Whether its owner is no member any more.
    pub former: bool,
    /// Entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
    /// Entries that were looked at.
    pub entries: u64,
    /// Statements that are held, and were held against entries and commitments.
    pub statements: u64,
    /// Signatures that verified.
    pub signatures: u64,
    /// Entries of which the id alone is held: for others, or sealed from this member.
    pub masked: u64,
    /// Entries that mean nothing.
    pub void: u64,
    /// Statements for this member that were written and are not here.
    pub missing: u64,
    /// The newest checkpoint that its owner signed.
    pub checkpoint: Option<HeadJson>,
    /// Checkpoints with cosignatures, ascending by size.
    pub cosigned: Vec<CosignedJson>,
}

/// A checkpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditHead)]
pub(crate) struct HeadJson {
    /// Entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
    /// When, by its owner, seconds since 1970-01-01 UTC.
    pub time: Option<u64>,
}

/// A checkpoint with cosignatures.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditCosigned)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CosignedJson {
    /// Entries.
    pub size: u64,
    /// Root over them, hex.
    pub root: String,
    /// Who cosigned, and when by its own clock.
    pub cosigned_by: Vec<CosignerJson>,
    /// Cosignatures that count.
    pub count: usize,
    /// How many are needed.
    pub needed: usize,
    /// By when an honest witness had seen it, seconds since 1970-01-01 UTC; null where too few have cosigned.
    pub witnessed: Option<u64>,
}

/// The alliance's order log as it was audited.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditOrder)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderJson {
    /// Entries that are in force, and were checked again.
    pub entries: u64,
    /// Entries that wait for their quorum.
    pub waiting: u64,
    /// The terms.
    pub terms: Vec<TermJson>,
    /// The heads that are kept.
    pub heads: Vec<OrderHeadJson>,
    /// What was decided.
    pub decided: Vec<DecidedJson>,
    /// Until when it is known who the members are, milliseconds since 1970-01-01 UTC.
    pub fresh_until: u64,
}

/// A term of the order log.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditTerm)]
pub(crate) struct TermJson {
    /// From 1.
    pub term: u64,
    /// Who kept it.
    pub keeper: MemberName,
    /// Entries that are in force.
    pub entries: u64,
    /// Time of the first, milliseconds since 1970-01-01 UTC.
    pub opened: u64,
}

/// A head of the order log.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditOrderHead)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderHeadJson {
    /// The term.
    pub term: u64,
    /// Entries of it.
    pub size: u64,
    /// Whether a quorum stands behind it.
    pub certified: bool,
    /// Who cosigned, and when by its own clock.
    pub cosigned_by: Vec<CosignerJson>,
}

/// Something that was decided.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditDecision)]
pub(crate) struct DecidedJson {
    /// When, by the keeper, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The proposal.
    #[schema(value_type = String)]
    pub proposal: StatementId,
    /// The entry that carries it.
    #[schema(value_type = String)]
    pub entry: StatementId,
    /// The kind of change.
    pub kind: &'static str,
    /// Who approved.
    pub approvers: Vec<MemberName>,
    /// Version of the alliance afterwards.
    pub version: u64,
}

impl ReportJson {
    pub fn new(report: &Report, ledger: &Ledger, (started, ended): (u64, u64), asked_by: String) -> Self {
        Self {
            ok: report.findings.nothing_wrong(),
            program: concat!("suyuan ", env!("CARGO_PKG_VERSION")),
            member: MemberName::of(&ledger.me, ledger),
            asked_by,
            started,
            ended,
            alliance: ledger.alliance.id(),
            alliance_name: ledger.alliance.charter().name.clone(),
            version: ledger.alliance.version(),
            findings: report.findings.listed.iter().map(|finding| FindingJson::new(finding, ledger)).collect(),
            more: report.findings.more,
            logs: report.logs.iter().map(|log| LogJson::new(log, ledger)).collect(),
            order: report.order.as_ref().map(|order| OrderJson::new(order, ledger)),
            not_checked: ["sealed", "withheld", "true", "time"].map(|what| both(&format!("audit-not.{what}"))).to_vec(),
        }
    }
}

/// The words of a key in both languages.
fn both(key: &str) -> Words {
    words(Lang::En.t(key).to_owned(), Lang::Zh.t(key).to_owned())
}

impl FindingJson {
    fn new(finding: &Finding, ledger: &Ledger) -> Self {
        let (code, fault) = (finding.kind.code(), finding.blame.code());
        Self {
            code,
            open: finding.kind.is_open(),
            log: finding.log.as_ref().map(LogName::of),
            member: finding.log.map(|log| MemberName::of(&log.member, ledger)),
            from: finding.from,
            count: finding.count,
            fault,
            detail: finding.detail.clone(),
            what: both(&format!("audit-kind.{code}")),
            whose: both(&format!("audit-fault.{fault}")),
            next: both(&format!("audit-next.{code}")),
        }
    }
}

fn cosigners(of: &[(MemberId, u64)], ledger: &Ledger) -> Vec<CosignerJson> {
    of.iter().map(|(member, time)| CosignerJson { member: MemberName::of(member, ledger), time: *time }).collect()
}

impl LogJson {
    fn new(of: &LogReport, ledger: &Ledger) -> Self {
        let head = |(head, time): (TreeHead, Option<u64>)| HeadJson { size: head.size, root: hex::encode(head.root), time };
        let cosigned = |one: &SignedHead| CosignedJson {
            size: one.head.size,
            root: hex::encode(one.head.root),
            cosigned_by: cosigners(&one.cosigners, ledger),
            count: one.standing.count,
            needed: one.standing.needed,
            witnessed: one.standing.time,
        };
        Self {
            member: MemberName::of(&of.log.member, ledger),
            log: LogName::of(&of.log),
            former: of.former,
            size: of.head.size,
            root: hex::encode(of.head.root),
            entries: of.entries,
            statements: of.statements,
            signatures: of.signatures,
            masked: of.masked,
            void: of.void,
            missing: of.missing,
            checkpoint: of.checkpoint.map(head),
            cosigned: of.cosigned.iter().map(cosigned).collect(),
        }
    }

    /// The newest checkpoint that is witnessed.
    pub fn witnessed(&self) -> Option<&CosignedJson> {
        self.cosigned.iter().rev().find(|one| one.witnessed.is_some())
    }
}

impl OrderJson {
    fn new(of: &OrderReport, ledger: &Ledger) -> Self {
        let named = |member: &MemberId| MemberName::of(member, ledger);
        let decided = |one: &Decision| DecidedJson {
            time: one.time,
            proposal: one.proposal,
            entry: one.entry,
            kind: one.kind,
            approvers: one.approvers.iter().map(named).collect(),
            version: one.version,
        };
        Self {
            entries: of.entries,
            waiting: of.waiting,
            terms: of
                .terms
                .iter()
                .map(|term| TermJson { term: term.term, keeper: named(&term.keeper), entries: term.entries, opened: term.opened })
                .collect(),
            heads: of
                .heads
                .iter()
                .map(|head| OrderHeadJson {
                    term: head.term,
                    size: head.size,
                    certified: head.certified,
                    cosigned_by: cosigners(&head.cosigners, ledger),
                })
                .collect(),
            decided: of.decided.iter().map(decided).collect(),
            fresh_until: of.fresh_until,
        }
    }
}
