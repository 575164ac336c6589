//! `suyuan log audit`: lets the running node check every log that it holds, shows how far it is, and says what it found.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use suyuan_client::Client;

use super::verify::visible;
use crate::answer::{Answer, Failure, write_new};

/// Time between two questions how far it is.
const PACE: Duration = Duration::from_millis(250);

pub fn run(client: &Client, report: Option<&Path>, lang: &str, quiet: bool) -> Result<Answer, Failure> {
    if let Some(path) = report.filter(|path| path.exists()) {
        return Err(Failure::local(format!("{} is there already; name another file for the report", path.display())));
    }
    let found = wait(client, quiet)?;
    if let Some(path) = report {
        let page = client.file(&format!("/api/v1/audit/report?lang={lang}")).map_err(|error| Failure::from_client(&error))?;
        write_new(path, &page)?;
    }
    let text = words(&found, report);
    let ok = found.get("ok") == Some(&Value::Bool(true));
    Ok(if ok { Answer::new(text, found) } else { Answer::no(text, found) })
}

/// The report of an audit, once it is done.
fn wait(client: &Client, quiet: bool) -> Result<Value, Failure> {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} entries, {msg} logs, {eta} left") {
        bar.set_style(style);
    }
    let mut answer = client.audit();
    loop {
        let text = answer.map_err(|error| Failure::from_client(&error))?;
        let mut newest: Value = serde_json::from_str(&text).map_err(Failure::local)?;
        match newest.get("state").and_then(Value::as_str) {
            Some("running") => {}
            Some("done") => {
                bar.finish_and_clear();
                return Ok(newest.get_mut("report").map(Value::take).unwrap_or_default());
            }
            _ => return Err(Failure::local("the node ended the audit before it was done; see its journal, and start it again")),
        }
        let number = |name: &str| newest.pointer(&format!("/progress/{name}")).and_then(Value::as_u64).unwrap_or(0);
        bar.set_length(number("ofEntries"));
        bar.set_position(number("entries"));
        bar.set_message(format!("{}/{}", number("logs"), number("ofLogs")));
        std::thread::sleep(PACE);
        answer = client.json("/api/v1/audit");
    }
}

/// The report in a few lines for a person.
fn words(found: &Value, report: Option<&Path>) -> String {
    let list = |name: &str| found.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sum = |name: &str| list("logs").iter().filter_map(|log| log.get(name)?.as_u64()).fold(0u64, u64::saturating_add);
    let count = |open: bool| list("findings").iter().filter(|finding| finding.get("open") == Some(&Value::Bool(open))).count();
    let mut text = match count(false) {
        0 => "Nothing is wrong".to_owned(),
        wrong => format!("WRONG: {wrong} findings"),
    };
    let (logs, version) = (list("logs").len(), found.get("version").and_then(Value::as_u64).unwrap_or(0));
    text.push_str(&format!(
        ": {logs} logs, {} entries, {} statements held, {} signatures good; version {version} of the charter followed from the founding on.\n",
        sum("entries"),
        sum("statements"),
        sum("signatures")
    ));
    list("findings").iter().for_each(|finding| text.push_str(&line(finding)));
    if let Some(more) = found.get("more").and_then(Value::as_u64).filter(|more| *more > 0) {
        text.push_str(&format!("{more} more places are not listed.\n"));
    }
    text.push_str("Not checked:\n");
    list("notChecked").iter().for_each(|what| text.push_str(&format!("  {}\n", of(what, "/en"))));
    if let Some(path) = report {
        text.push_str(&format!("Report: {}\n", path.display()));
    }
    text
}

fn line(finding: &Value) -> String {
    let number = |name: &str| finding.get(name).and_then(Value::as_u64);
    let open = finding.get("open") == Some(&Value::Bool(true));
    let mut text = format!("{}{}: {}", if open { "open  " } else { "WRONG " }, of(finding, "/code"), of(finding, "/what/en"));
    if finding.get("member").is_some_and(|member| !member.is_null()) {
        text.push_str(&format!("; log of {}", of(finding, "/member/name")));
    }
    match (number("from"), number("count")) {
        (Some(from), Some(count)) if count > 1 => text.push_str(&format!(", entries {from} to {}", from.saturating_add(count.saturating_sub(1)))),
        (Some(from), _) => text.push_str(&format!(", entry {from}")),
        (None, Some(count)) if count > 1 => text.push_str(&format!(", {count} times")),
        _ => {}
    }
    let detail = of(finding, "/detail");
    if !detail.is_empty() {
        text.push_str(&format!(" ({detail})"));
    }
    format!("{text}\n      possibly the fault of {}\n      {}\n", of(finding, "/whose/en"), of(finding, "/next/en"))
}

/// A text of an answer, as it may stand on a terminal.
fn of(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(visible).unwrap_or_default()
}
