//! What of the witnessing should alarm the operator, for people and programs.

use serde::Serialize;
use suyuan_core::MemberId;
use suyuan_engine::ledger::Ledger;
use suyuan_engine::witnessing::Alarm;
use utoipa::ToSchema;

use crate::pages::text::clean;
use crate::pages::words::Lang;
use crate::records::view::{LogName, MemberName};

/// An alarm.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Alarm)]
pub(crate) struct AlarmJson {
    /// `withheld`: others cosigned more of a log than is here, and it does not come. `unwitnessed`: this node's own newest checkpoint has not enough cosignatures.
    code: &'static str,
    /// The log.
    log: LogName,
    /// Whose log it is.
    member: MemberName,
    /// How far it was cosigned; of the own log, how far it was handed out to be.
    cosigned: u64,
    /// How far it is here; of the own log, how far it is witnessed.
    here: u64,
    /// Who cosigned that much.
    by: Vec<MemberName>,
}

impl AlarmJson {
    pub(crate) fn new(alarm: &Alarm, ledger: &Ledger) -> Self {
        let (code, log, cosigned, here, by) = match alarm {
            Alarm::Withheld { log, cosigned, here, by } => ("withheld", *log, *cosigned, *here, by.as_slice()),
            Alarm::Unwitnessed { size, witnessed } => ("unwitnessed", ledger.own_log(), *size, *witnessed, &[][..]),
        };
        let by = by.iter().map(|member| MemberName::of(member, ledger)).collect();
        Self { code, log: LogName::of(&log), member: MemberName::of(&log.member, ledger), cosigned, here, by }
    }

    /// Whether it is about this member's log.
    pub(crate) fn is_of(&self, member: &MemberId) -> bool {
        self.member.id == *member
    }

    /// What it is and what to do, in words.
    pub(crate) fn text(&self, lang: Lang) -> String {
        let names: Vec<String> = self.by.iter().map(|member| clean(&member.name)).collect();
        let (cosigned, here) = (self.cosigned.to_string(), self.here.to_string());
        match self.code {
            "withheld" => lang.fill("alarm.withheld", &[clean(&self.member.name).as_str(), &cosigned, &here, &names.join(lang.t("json.join"))]),
            _ => lang.fill("alarm.unwitnessed", &[cosigned.as_str(), &here]),
        }
    }
}
