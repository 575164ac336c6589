//! From what an operator asks for to the statements of a proposal or a vote.

use serde::Deserialize;
use suyuan_core::membership::Change;
use suyuan_core::resolution::{self, Proposal, Slot, to_fields};
use suyuan_core::{MemberId, StatementId};

use super::{Choice, Comment, Decisions};
use crate::submission::{Refusal, RefusalKind, Submission, SubmittedSection};

/// What an operator proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposalRequest {
    /// What is to be decided.
    pub change: Change,
    /// After this it is over, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
    /// Why.
    pub reason: String,
    /// Who is asked, with weights; everybody who may decide, where it is absent.
    pub signers: Vec<(MemberId, u64)>,
    /// Weight that has to approve; what the rule asks for, where it is absent.
    pub threshold: Option<u64>,
}

/// What an operator says to a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// The proposal's statement.
    pub proposal: StatementId,
    /// What is said.
    pub choice: Choice,
    /// In words.
    pub comment: String,
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|choice| choice.name() == name);
        found.ok_or_else(|| serde::de::Error::custom("a vote is approve, object, withdraw or comment"))
    }
}

/// Draws up a proposal in its slot, in a ballot that nobody has voted in.
///
/// # Errors
/// [`Refusal`]: it could not take effect as things stand.
pub fn propose(request: ProposalRequest, decisions: &Decisions, me: &MemberId, now: u64) -> Result<Submission, Refusal> {
    let ProposalRequest { change, expires, reason, mut signers, threshold } = request;
    let tip = decisions.tip();
    if signers.is_empty() {
        signers = change.electorate(&tip.alliance).into_iter().map(|member| (member, 1)).collect();
    }
    signers.sort_unstable();
    let total = signers.iter().fold(0u64, |sum, (_, weight)| sum.saturating_add(*weight));
    let threshold = threshold.unwrap_or_else(|| change.threshold(&tip.alliance, total));
    let subject = change.subject();
    let version = tip.slots.get(&subject).copied().unwrap_or(0);
    let rivals = decisions.proposals().values().filter(|held| held.proposal.slot.subject == subject && held.proposal.slot.version == version);
    let ballot = rivals.map(|held| held.proposal.slot.ballot.saturating_add(1)).max().unwrap_or(0);
    let slot = Slot { subject, version, ballot };
    let proposal = Proposal { circle: decisions.circle, slot, change, signers, threshold, rule: tip.alliance.version(), expires, reason };
    proposal.check(&decisions.circle, me, &tip.alliance, &tip.slots, now).map_err(refused)?;
    tip.alliance.changed(&proposal.change).map_err(|fault| refused(resolution::Refused::Change(fault)))?;
    let submission = submission(decisions, resolution::PROPOSAL, Vec::new(), &proposal)?;
    // As every reader will read it: a bound that is exceeded shows here.
    let fields = submission.sections.first().map(|section| section.fields.clone()).unwrap_or_default();
    let body = suyuan_core::section::Body::new([0; 32], fields).map_err(|fault| refuse(fault.to_string()))?;
    Proposal::read(&body).map_err(refused)?;
    Ok(submission)
}

/// Draws up a vote.
///
/// # Errors
/// [`Refusal`]: the proposal is unknown or over, or this member has given its vote in this slot and ballot to another one.
pub fn vote(request: VoteRequest, decisions: &Decisions, me: &MemberId, now: u64) -> Result<Submission, Refusal> {
    let VoteRequest { proposal: id, choice, comment } = request;
    let held = decisions
        .proposals()
        .get(&id)
        .ok_or_else(|| refuse(format!("this node knows no proposal {id}; list what is open with `suyuan resolution list`")))?;
    if comment.len() > suyuan_core::limits::COMMENT {
        return Err(Refusal { fault: RefusalKind::Limit, pointer: "/comment".into(), detail: "a comment has at most 4096 bytes".into() });
    }
    let tip = decisions.tip();
    if choice == Choice::Approve {
        held.proposal.check(&decisions.circle, &held.author, &tip.alliance, &tip.slots, now).map_err(refused)?;
        if held.proposal.weight_of(me) == 0 {
            return Err(refuse("this member is not among those who are asked".to_owned()));
        }
        let mut rivals = decisions.proposals().iter().filter(|(other, rival)| **other != id && rival.proposal.slot == held.proposal.slot);
        if let Some((other, _)) = rivals.find(|(other, _)| decisions.approvals(other).contains_key(me)) {
            return Err(refuse(format!(
                "this member has approved {other} in the same ballot; withdraw that first, or let it be proposed in a new ballot"
            )));
        }
    }
    submission(decisions, choice.kind(), vec![id], &Comment { comment })
}

fn submission(decisions: &Decisions, kind: &str, references: Vec<StatementId>, content: &impl serde::Serialize) -> Result<Submission, Refusal> {
    let fields = to_fields(content).ok_or_else(|| refuse("it cannot be written as JSON".to_owned()))?;
    let sections = vec![SubmittedSection { audiences: vec![decisions.circle], fields }];
    Ok(Submission { kind: kind.to_owned(), about: Vec::new(), references, time: None, sections })
}

fn refuse(detail: String) -> Refusal {
    Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail }
}

fn refused(why: resolution::Refused) -> Refusal {
    Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail: why.to_string() }
}
