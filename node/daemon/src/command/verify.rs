//! `suyuan verify`: what a bundle proves, or a file that convicts a member, in words.

use serde_json::{Value, json};
use suyuan_core::bundle::{Bundle, VerifiedBundle, VerifiedRecord};
use suyuan_core::charter::{Alliance, Role};
use suyuan_core::equivocation::{Conviction, EquivocationFile};
use suyuan_core::{Fault, MemberId, limits};

use crate::answer::{Answer, Failure, read_file};
use crate::cli::Verify;
use crate::time::utc;

pub fn run(flags: &Verify) -> Result<Answer, Failure> {
    let bytes = read_file(&flags.file, limits::BUNDLE)?;
    let pinned = flags.alliance.is_some();
    if EquivocationFile::is_named(&bytes) {
        return Ok(match EquivocationFile::verify(&bytes, flags.alliance.as_ref()) {
            Ok((alliance, conviction)) => Answer::new(verdict(&alliance, &conviction, pinned), sentence(&alliance, &conviction, pinned)),
            Err(fault) => refused(fault),
        });
    }
    Ok(match Bundle::verify(&bytes, flags.alliance.as_ref()) {
        Ok(verified) => Answer::new(words(&verified, pinned), report(&verified, pinned)),
        Err(fault) => refused(fault),
    })
}

fn refused(fault: Fault) -> Answer {
    let text = format!("NOT PROVEN 未通过验证: {fault}.\nDo not rely on anything in this file.");
    Answer::no(text, json!({ "proven": false, "fault": fault.code(), "explanation": fault.explain() }))
}

const CAUTION: &str = "  CAUTION 注意: the members have decided that others may have had the key that signed it\n";
const UNPINNED: &str = "  ! Nobody said which alliance this should be. Compare the id with your printed code or contract, or use --alliance.\n";

/// Who signed two histories, and of what.
fn verdict(alliance: &Alliance, conviction: &Conviction, pinned: bool) -> String {
    let log = conviction.log();
    let name = alliance.member(&log.member).map(|member| visible(&member.entry.name)).unwrap_or_default();
    let mut text =
        format!("CONVICTED 已证实: {name} signed two histories of its log\n  alliance {}, id {}\n", visible(&alliance.charter().name), alliance.id());
    if !pinned {
        text.push_str(UNPINNED);
    }
    text.push_str(&format!("  member id {}, log {}\n", log.member, log.incarnation));
    for (size, seconds) in conviction.sizes().into_iter().zip(conviction.seconds()) {
        let time = seconds.map_or("no time claimed".to_owned(), |seconds| format!("time claimed {}", utc(seconds)));
        text.push_str(&format!("  a checkpoint over {size} entries, {time}\n"));
    }
    text.push_str(&match conviction.common() {
        Some(common) => format!("  last common point: the first {common} entries are the same, entry {common} is not\n"),
        None => "  the last common point is not proven by this file\n".to_owned(),
    });
    text.push_str("\nNot proven: which of the two is true; whom each was shown to; who used the key. Times are the member's own.");
    text
}

fn sentence(alliance: &Alliance, conviction: &Conviction, pinned: bool) -> Value {
    let log = conviction.log();
    let name = alliance.member(&log.member).map(|member| member.entry.name.as_str());
    json!({ "proven": true, "kind": "equivocation", "alliance": alliance.id(), "allianceExpected": pinned, "name": alliance.charter().name,
        "member": log.member, "memberName": name, "incarnation": log.incarnation, "sizes": conviction.sizes(), "times": conviction.seconds(),
        "common": conviction.common(), "notProven": ["which-is-true", "shown-to-whom", "who-used-the-key"] })
}

fn words(verified: &VerifiedBundle, pinned: bool) -> String {
    let alliance = &verified.alliance;
    let mut text = format!(
        "PROVEN 已验证: {} record(s) of the alliance {}\n  alliance id {}\n",
        verified.records.len(),
        visible(&alliance.charter().name),
        alliance.id()
    );
    if !pinned {
        text.push_str(UNPINNED);
    }
    for record in &verified.records {
        text.push_str(&record_words(record));
        text.push_str(&witness_words(record, alliance));
    }
    let unwitnessed = verified.records.iter().filter(|record| !is_vouched_for(record)).count();
    text.push_str("\nNot proven: that what the authors say is true; that there are no other records; that a record names the right chain value before it, without \
         which nodes that hold the whole log call it void; ");
    if unwitnessed > 0 {
        text.push_str(&format!("that everybody is shown the same logs, for the {unwitnessed} record(s) not witnessed; "));
    }
    text.push_str("the times that authors state.");
    text
}

/// Whether others stand for the log: as many witnesses as have to, or the members who decided where it was closed.
fn is_vouched_for(record: &VerifiedRecord) -> bool {
    record.closed || record.standing.witnessed()
}

/// Who else has cosigned the checkpoint, and whether that suffices.
fn witness_words(record: &VerifiedRecord, alliance: &Alliance) -> String {
    if record.closed {
        let why = if record.left { "has left 已退出" } else { "goes on with another log 已改用新的日志" };
        let caution = if record.compromised { CAUTION } else { "" };
        return format!("  accepted by the alliance 已由联盟认可: the first {} entries of this log, whose author {why}\n{caution}", record.size);
    }
    let name = |(id, seconds): &(MemberId, u64)| {
        alliance.member(id).map(|member| {
            let regulator = if member.entry.role == Role::Regulator { ", a regulator, not counted" } else { "" };
            format!("{} at {}{regulator}", visible(&member.entry.name), utc(*seconds))
        })
    };
    let names: Vec<String> = record.witnesses.iter().filter_map(name).collect();
    let by = if names.is_empty() { String::new() } else { format!(": {}", names.join("; ")) };
    let (count, needed) = (record.standing.count, record.standing.needed);
    let words = match record.standing.time {
        Some(time) => format!("  witnessed 已见证, witness time {}, by {count} other members of {needed} needed{by}\n", utc(time)),
        None if needed == 0 => format!("  not witnessed 未见证: nobody else in the alliance counts as a witness{by}\n"),
        None => format!("  not witnessed 未见证: {count} of the {needed} members needed have cosigned{by}\n"),
    };
    if record.compromised { words + CAUTION } else { words }
}

fn record_words(record: &VerifiedRecord) -> String {
    let statement = &record.statement;
    let mut text = format!(
        "\n{} by {} ({}), stated time {}\n  entry {} of its log{}{}\n",
        statement.kind,
        visible(&record.author_name),
        record.role,
        utc(statement.time / 1000),
        statement.place.sequence,
        if record.closed { String::new() } else { format!(", which had {} entries", record.size) },
        record.seconds.map_or(String::new(), |seconds| format!(" when its author signed it at {}", utc(seconds))),
    );
    for field in record.sections.iter().flat_map(|section| &section.fields) {
        text.push_str(&format!("  {} = {}\n", visible(&field.name), visible(&field.value)));
    }
    match record.withheld() {
        0 => text.push_str("  nothing of it is withheld\n"),
        withheld => text.push_str(&format!("  {withheld} field(s) of it are withheld here\n")),
    }
    text
}

fn report(verified: &VerifiedBundle, pinned: bool) -> Value {
    let records: Vec<Value> = verified
        .records
        .iter()
        .map(|record| {
            let fields: Vec<Value> = record
                .sections
                .iter()
                .flat_map(|section| section.fields.iter().map(|field| json!({ "section": section.index, "name": field.name, "value": field.value })))
                .collect();
            json!({ "id": record.id(), "author": record.author, "name": record.author_name, "role": record.role,
            "type": record.statement.kind, "time": record.statement.time, "sequence": record.statement.place.sequence,
            "size": record.size, "checkpointTime": record.seconds, "fields": fields, "withheld": record.withheld(),
            "left": record.left, "closed": record.closed, "compromised": record.compromised,
            "witnessed": record.standing.time, "witnessesNeeded": record.standing.needed,
            "witnesses": record.witnesses.iter().map(|(id, time)| json!({ "member": id, "time": time })).collect::<Vec<_>>() })
        })
        .collect();
    let witnessed = verified.records.iter().all(is_vouched_for);
    let mut not_proven = vec!["truth", "completeness", "previous"];
    if !witnessed {
        not_proven.push("same-log-for-everybody");
    }
    json!({ "proven": true, "alliance": verified.alliance.id(), "allianceExpected": pinned, "name": verified.alliance.charter().name,
        "records": records, "notProven": not_proven })
}

/// Text from outside on a terminal: control characters and direction marks are spelled out.
pub fn visible(text: &str) -> String {
    let odd = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().map(|c| if odd(c) { format!("\\u{{{:x}}}", u32::from(c)) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_move_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c"), "a\\u{1b}[2Jb\\u{202e}c");
    }
}
