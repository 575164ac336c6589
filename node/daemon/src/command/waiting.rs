//! `suyuan waiting`: records that are on the node's disk and cannot be sealed yet.

use serde::Deserialize;
use serde_json::json;
use suyuan_client::{Client, Waiting};

use super::verify::visible;
use crate::answer::{Answer, Failure};
use crate::cli;
use crate::time::utc;

pub fn run(client: &Client, command: cli::Waiting) -> Result<Answer, Failure> {
    let refused = |error| Failure::from_client(&error);
    match command.action {
        Some(cli::WaitingAction::TakeOut { id }) => {
            let json = client.take_out(&id.to_string()).map_err(refused)?;
            let taken: Listed = serde_json::from_str(&json).map_err(Failure::local)?;
            Ok(Answer::raw(format!("taken out, and not written any more: {}", taken.line()), json))
        }
        None => {
            let after = command.after.map(|after| format!("&after={after}")).unwrap_or_default();
            let json = client.json(&format!("/api/v1/waiting?limit={}{after}", command.limit)).map_err(refused)?;
            let page: Page = serde_json::from_str(&json).map_err(Failure::local)?;
            Ok(Answer::raw(page.text(), json))
        }
    }
}

/// What `suyuan record put` answers where its records wait.
pub fn answer(waiting: &Waiting) -> Answer {
    let Waiting { id, since, reason, detail, records } = waiting;
    let json = json!({ "waiting": { "id": id, "since": since, "reason": reason, "detail": detail, "records": records } });
    Answer::new(sentence(waiting), json)
}

/// What waits and why.
pub fn sentence(waiting: &Waiting) -> String {
    format!(
        "{} record(s) wait since {} as {} ({}): {}",
        waiting.records,
        utc(waiting.since / 1000),
        waiting.id,
        visible(&waiting.reason),
        visible(&waiting.detail)
    )
}

#[derive(Deserialize)]
struct Page {
    total: Total,
    waiting: Vec<Listed>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Total {
    submissions: u64,
    records: u64,
    failed: u64,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    since: u64,
    reason: String,
    records: u64,
    types: Vec<String>,
    failed: Option<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    code: String,
    detail: String,
}

impl Page {
    fn text(&self) -> String {
        let Total { submissions, records, failed } = self.total;
        if self.waiting.is_empty() {
            return "nothing waits".to_owned();
        }
        let mut text = format!("{records} record(s) in {submissions} submission(s) wait; {failed} submission(s) cannot be written any more\n");
        self.waiting.iter().for_each(|listed| text.push_str(&format!("{}\n", listed.line())));
        if let Some(next) = &self.next {
            text.push_str(&format!("more: --after {next}"));
        }
        text
    }
}

impl Listed {
    fn line(&self) -> String {
        let why = match &self.failed {
            Some(Failed { code, detail }) => format!("failed, {}: {}", visible(code), visible(detail)),
            None => visible(&self.reason),
        };
        format!("{}  {}  {} record(s) {}  {why}", self.id, utc(self.since / 1000), self.records, visible(&self.types.join(", ")))
    }
}
