//! Checking a bundle: what was proven, what was not, and as of when, in words and as JSON.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use suyuan_core::bundle::{Bundle, VerifiedBundle, VerifiedRecord};
use suyuan_core::charter::{Alliance, Role};
use suyuan_core::equivocation::{Conviction, EquivocationFile};
use suyuan_core::{AllianceId, Fault, MemberId, StatementId};
use utoipa::{IntoParams, ToSchema};

use crate::body::{BundleBytes, Parameters};
use crate::equivocation::Equivocation;
use crate::problem::{Kind, Problem};
use crate::records::view::{FaultName, Fields, Unreadable};
use crate::state::{AppState, blocking};

/// What a bundle proves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether every check passed.
    pub verified: bool,
    /// The first check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultName>,
    /// The alliance, where everything was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alliance: Option<ProvenAlliance>,
    /// The records in the bundle's order.
    pub records: Vec<ProvenRecord>,
    /// Who signed two histories, where the file proves that and is no bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equivocation: Option<Equivocation>,
    /// What was proven, in English and in Chinese.
    pub proven: Vec<Words>,
    /// What was not proven.
    pub not_proven: Vec<Words>,
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Words {
    /// English.
    pub en: String,
    /// 简体中文.
    pub zh: String,
}

/// The alliance whose charter the bundle carries.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvenAlliance {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: AllianceId,
    /// Its name.
    pub name: String,
    /// Whether it is the one that was expected. Where none was, anybody could have founded it.
    pub expected: bool,
}

/// A record that was proven.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvenRecord {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// Its author, hex.
    #[schema(value_type = String)]
    pub author: MemberId,
    /// The author's name in the charter.
    pub author_name: String,
    /// The author's role in the charter.
    #[schema(value_type = String)]
    pub role: Role,
    /// Its type.
    pub r#type: String,
    /// The author's time, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its sequence in the author's log.
    pub sequence: u64,
    /// Entries of the log under the checkpoint; of an author that has left, those that the alliance accepted.
    pub log_size: u64,
    /// Whether its author has left the alliance.
    pub left: bool,
    /// Whether the log was closed, because its author has left or goes on with another: `logSize` is what the members accepted of it.
    pub closed: bool,
    /// Whether the members have decided that others may have had the key that signed it.
    pub compromised: bool,
    /// When the author says that this was its newest checkpoint, seconds since 1970.
    pub as_of: Option<u64>,
    /// By when an honest one of the members who cosigned the checkpoint had seen it, seconds since 1970; null where too few did: then it is not witnessed.
    pub witnessed: Option<u64>,
    /// How many cosignatures of other members that count are needed.
    pub witnesses_needed: usize,
    /// Other members whose cosignatures were verified.
    pub witnesses: Vec<ProvenWitness>,
    /// How many of its fields are not shown.
    pub withheld: u64,
    /// What is shown of its sections.
    pub sections: Vec<ProvenSection>,
}

/// A member whose cosignature was verified.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvenWitness {
    /// Its id, hex.
    #[schema(value_type = String)]
    pub member: MemberId,
    /// Its name in the charter.
    pub name: String,
    /// Its role in the charter; a regulator's cosignature does not count.
    #[schema(value_type = String)]
    pub role: Role,
    /// When it cosigned, seconds since 1970.
    pub time: u64,
}

/// What is shown of a section.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvenSection {
    /// Index in the statement.
    pub index: u64,
    /// The fields shown; values are the JSON text that the author signed.
    #[schema(value_type = Object)]
    pub fields: Fields,
    /// Fields shown whose value is no JSON that every reader reads alike, as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

pub(crate) fn words(en: impl Into<String>, zh: impl Into<String>) -> Words {
    Words { en: en.into(), zh: zh.into() }
}

/// Checks a bundle, or a file that convicts a member. `expected` is the alliance id from the printed code, or from the reader's own contract.
pub fn check(bundle: &[u8], expected: Option<&AllianceId>) -> Report {
    if EquivocationFile::is_named(bundle) {
        return match EquivocationFile::verify(bundle, expected) {
            Ok((alliance, conviction)) => Report::convicted(&alliance, &conviction, expected.is_some()),
            Err(fault) => Report::refused(fault),
        };
    }
    match Bundle::verify(bundle, expected) {
        Ok(verified) => Report::proven(&verified, expected.is_some()),
        Err(fault) => Report::refused(fault),
    }
}

impl Report {
    fn refused(fault: Fault) -> Self {
        let nothing =
            words(format!("Nothing in this file is proven: {}.", fault.explain()), format!("此文件中没有任何内容得到证明（{}）。", fault.code()));
        Self {
            verified: false,
            fault: Some(FaultName::of(fault)),
            alliance: None,
            records: Vec::new(),
            equivocation: None,
            proven: Vec::new(),
            not_proven: vec![nothing],
        }
    }

    fn convicted(alliance: &Alliance, conviction: &Conviction, expected: bool) -> Self {
        let name = alliance.member(&conviction.log().member).map(|member| member.entry.name.clone()).unwrap_or_default();
        let found = Equivocation::new(conviction);
        let mut not_proven = unexpected(alliance, expected);
        not_proven.push(words("Which of the two is true, and whom each was shown to.", "哪一个版本属实，以及各自向谁出示。"));
        not_proven.push(words("Who used the key: a stolen one signs as well as its owner's.", "密钥由谁使用：被盗的密钥同样可以签名。"));
        not_proven.push(words("The times: they are the member's own claims.", "时间：均为该成员自述。"));
        Self {
            verified: true,
            fault: None,
            alliance: Some(ProvenAlliance { id: alliance.id(), name: alliance.charter().name.clone(), expected }),
            records: Vec::new(),
            proven: charter_words(alliance).into_iter().chain([found.words(&name)]).collect(),
            equivocation: Some(found),
            not_proven,
        }
    }

    fn proven(verified: &VerifiedBundle, expected: bool) -> Self {
        let (id, charter) = (verified.alliance.id(), verified.alliance.charter());
        let mut proven = charter_words(&verified.alliance);
        proven.extend(verified.records.iter().flat_map(|record| [Some(proven_record(record)), witnessed(record, &verified.alliance)]).flatten());
        Self {
            verified: true,
            fault: None,
            alliance: Some(ProvenAlliance { id, name: charter.name.clone(), expected }),
            records: verified.records.iter().map(|record| ProvenRecord::new(record, &verified.alliance)).collect(),
            equivocation: None,
            proven,
            not_proven: not_proven(verified, expected),
        }
    }
}

fn charter_words(alliance: &Alliance) -> Vec<Words> {
    let charter = alliance.charter();
    let founded = words(
        format!("The charter of the alliance \"{}\" is signed by all its {} founders.", charter.name, charter.members.len()),
        format!("联盟“{}”的章程由全部 {} 家创始成员签署。", charter.name, charter.members.len()),
    );
    let (changes, members) = (alliance.version(), alliance.members().len());
    let since = words(
        format!("Changes decided since, each with the approvals that it needs: {changes}. With them it has {members} members."),
        format!("此后有 {changes} 项变更经成员表决生效，所需的同意均已核对；至此共有 {members} 家成员。"),
    );
    std::iter::once(founded).chain((changes > 0).then_some(since)).collect()
}

/// What is open where nobody said which alliance it should be.
fn unexpected(alliance: &Alliance, expected: bool) -> Vec<Words> {
    let open = words(
        format!("That {} is the alliance you mean: compare this id with the printed code or your contract.", alliance.id()),
        format!("未证明 {} 就是您所指的联盟：请与印制的追溯码或合同核对此编号。", alliance.id()),
    );
    if expected { Vec::new() } else { vec![open] }
}

fn proven_record(record: &VerifiedRecord) -> Words {
    let (name, place, size) = (&record.author_name, record.statement.place.sequence, record.size);
    if record.closed {
        let (why, zh) =
            if record.left { ("It has left the alliance", "已退出联盟") } else { ("It goes on with another log", "已改用新的日志") };
        return words(
            format!(
                "\"{name}\" ({}) signed record {} at place {place} of its log. {why}; the alliance accepted the first {size} entries of that one, and this is one of them.",
                record.role,
                record.id()
            ),
            format!(
                "“{name}”（{}）签署了记录 {}，位于其日志的第 {place} 位。该成员{zh}；联盟认可其该日志的前 {size} 条，本条在其中。",
                role_zh(record.role),
                record.id()
            ),
        );
    }
    let (en, zh) = match record.seconds {
        Some(seconds) => (format!(", which by its own word was so at {}", utc(seconds)), format!("，据其自述时间为 {}", utc(seconds))),
        None => (String::new(), String::new()),
    };
    words(
        format!("\"{name}\" ({}) signed record {} at place {place} of its log of {size} entries{en}.", record.role, record.id()),
        format!("“{name}”（{}）签署了记录 {}，位于其共 {size} 条的日志的第 {place} 位{zh}。", role_zh(record.role), record.id()),
    )
}

/// Who witnessed a record's log, where as many did as have to.
fn witnessed(record: &VerifiedRecord, alliance: &Alliance) -> Option<Words> {
    let time = utc(record.standing.time?);
    let partners = record.witnesses.iter().filter_map(|(id, _)| alliance.member(id)).filter(|member| member.entry.role != Role::Regulator);
    let names: Vec<String> = partners.map(|member| format!("\"{}\"", member.entry.name)).collect();
    let (count, needed) = (record.standing.count, record.standing.needed);
    Some(words(
        format!("{count} other members, of whom {needed} are needed, cosigned that log: {}; witness time {time}.", names.join(", ")),
        format!("该日志已由 {count} 家其他成员见证（需要 {needed} 家）：{}；见证时间 {time}。", names.join("、")),
    ))
}

fn not_proven(verified: &VerifiedBundle, expected: bool) -> Vec<Words> {
    let withheld: u64 = verified.records.iter().map(VerifiedRecord::withheld).sum();
    let mut open = unexpected(&verified.alliance, expected);
    if withheld > 0 {
        open.push(words(format!("What {withheld} withheld fields say."), format!("未公开的 {withheld} 个字段的内容。")));
    }
    open.push(words("That the content is true: it is what its author signed.", "内容是否属实：仅证明作者签署了这些内容。"));
    open.push(words("That there are no other records.", "是否还有其他记录（完整性）。"));
    open.push(words(
        "That its author's log is in order before each record: a node that holds the whole log calls a record void which does not name the chain value before it.",
        "记录与作者日志中之前的条目是否相符：持有整份日志的节点还会核对前一链值，不符的记录视为无效。",
    ));
    for record in verified.records.iter().filter(|record| record.compromised) {
        let (name, id) = (&record.author_name, record.id());
        open.push(words(
            format!("That \"{name}\" itself signed record {id}: the members have decided that others may have had its key."),
            format!("记录 {id} 是否由“{name}”本人签署：联盟成员已决定标明其密钥可能曾被他人掌握。"),
        ));
    }
    let unwitnessed = verified.records.iter().filter(|record| !record.closed && !record.standing.witnessed()).count();
    if unwitnessed > 0 {
        let all = verified.records.len();
        open.push(words(
            format!("That everybody was shown the same log, for {unwitnessed} of {all} records: too few other members have witnessed it."),
            format!("{all} 条记录中有 {unwitnessed} 条，其日志是否对所有人一致：见证的成员不足。"),
        ));
    }
    open.push(words("The times stated in records and checkpoints: they are the authors' own claims.", "记录与检查点中的时间：均为作者自述。"));
    open
}

const fn role_zh(role: Role) -> &'static str {
    match role {
        Role::Leader => "链主",
        Role::Upstream => "上游",
        Role::Midstream => "中游",
        Role::Downstream => "下游",
        Role::Support => "支持",
        Role::Regulator => "监管",
    }
}

/// `2026-11-20 08:30:00 UTC` of seconds since 1970 (proleptic Gregorian calendar).
pub(crate) fn utc(seconds: u64) -> String {
    let (mut day, time) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Whole cycles of 400 years first, so that the loop is short for every number.
    let mut year = 1970u64.saturating_add((day / 146_097).saturating_mul(400));
    day %= 146_097;
    loop {
        let days = if leap(year) { 366 } else { 365 };
        if day < days {
            break;
        }
        day = day.saturating_sub(days);
        year = year.saturating_add(1);
    }
    let mut month = 1u64;
    for days in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day = day.saturating_sub(days);
        month = month.saturating_add(1);
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02}:{:02} UTC", day.saturating_add(1), time / 3600, time / 60 % 60, time % 60)
}

impl ProvenRecord {
    fn new(record: &VerifiedRecord, alliance: &Alliance) -> Self {
        let named = |(id, time): &(MemberId, u64)| {
            alliance.member(id).map(|member| ProvenWitness { member: *id, name: member.entry.name.clone(), role: member.entry.role, time: *time })
        };
        let sections = record.sections.iter().map(|section| {
            let (fields, unreadable) = Fields::new(&section.fields);
            ProvenSection { index: section.index, fields, unreadable }
        });
        Self {
            id: record.id(),
            author: record.author,
            author_name: record.author_name.clone(),
            role: record.role,
            r#type: record.statement.kind.clone(),
            time: record.statement.time,
            sequence: record.statement.place.sequence,
            log_size: record.size,
            left: record.left,
            closed: record.closed,
            compromised: record.compromised,
            as_of: record.seconds,
            witnessed: record.standing.time,
            witnesses_needed: record.standing.needed,
            witnesses: record.witnesses.iter().filter_map(named).collect(),
            withheld: record.withheld(),
            sections: sections.collect(),
        }
    }
}

/// Which alliance is expected.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Expected {
    /// The alliance id from the printed code, hex; this node's own where it is left out; `any` to take the bundle's.
    alliance: Option<String>,
}

/// Check a bundle.
///
/// Says in words what was proven, what was not, and as of when.
#[utoipa::path(post, path = "/api/v1/verify", tag = "node", params(Expected), request_body(content = Vec<u8>, content_type = "application/cbor"),
    responses((status = 200, description = "The outcome, also where a check failed", body = Report)))]
pub(crate) async fn verify(
    State(state): State<AppState>,
    Parameters(Expected { alliance }): Parameters<Expected>,
    BundleBytes(bytes, _room): BundleBytes,
) -> Result<axum::Json<Report>, Problem> {
    let expected: Option<AllianceId> = match alliance.as_deref() {
        None => Some(state.handle.state().ledger.alliance.id()),
        Some("any") => None,
        Some(id) => Some(id.parse().map_err(|error| Problem::new(Kind::Parameter, format!("alliance: {error}")))?),
    };
    blocking(move || check(&bytes, expected.as_ref())).await.map(axum::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_795_163_400, "2026-11-20 08:30:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (16_725_225_600, "2500-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
        assert!(utc(u64::MAX).ends_with("UTC"));
    }

    #[test]
    fn what_is_no_bundle_is_refused_in_words() {
        let report = check(b"garbage", None);
        assert!(!report.verified && report.fault.is_some() && report.proven.is_empty() && !report.not_proven.is_empty());
    }
}
