//! Invitations: a member's signed word that somebody may ask to be admitted, once and until a date (`specs/membership.md`, Admission).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use suyuan_core::charter::Role;
use suyuan_core::id::StatementId;
use suyuan_core::membership::{Admission, Change};
use suyuan_core::resolution::{Disclosed, from_fields, to_fields};
use suyuan_core::section::Body;
use suyuan_core::{MemberId, limits};

use super::{Choice, Comment, Decisions, ProposalRequest, propose};
use crate::record::HeldRecord;
use crate::submission::{Refusal, RefusalKind, Submission, SubmittedSection};

/// Type of an invitation's statement.
pub const INVITATION: &str = "suyuan.invitation";

/// What whoever is invited shows: 32 random bytes.
pub type InvitationSecret = [u8; 32];

/// The fields of an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Name that the new member is to have.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// After this it is worth nothing, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
    /// SHA-256 of the secret, hex.
    pub digest: StatementId,
}

/// An invitation that is known.
#[derive(Clone, Debug)]
pub struct HeldInvitation {
    /// Who invites.
    pub author: MemberId,
    /// What it says.
    pub invitation: Invitation,
    /// As it is handed out.
    pub disclosed: Arc<Disclosed>,
}

/// What has become of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitationState {
    /// Whoever has it may ask once.
    Open,
    /// Somebody has asked, and the members decide.
    Used,
    /// Whoever invited took it back.
    Withdrawn,
    /// Its time is over.
    Expired,
}

impl InvitationState {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRequest {
    /// Name of whoever is invited.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// After this it is worth nothing, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
}

impl Decisions {
    /// Every invitation that is known, by statement.
    pub fn invitations(&self) -> impl Iterator<Item = (&StatementId, &HeldInvitation)> {
        self.invitations.iter()
    }

    /// The proposal that has used an invitation.
    pub fn used(&self, invitation: &StatementId) -> Option<&StatementId> {
        let author = self.invitations.get(invitation)?.author;
        self.proposals.iter().find(|(_, held)| held.author == author && held.invitation == Some(*invitation)).map(|(id, _)| id)
    }

    /// What has become of an invitation, at a time in milliseconds since 1970-01-01 UTC; nothing of one that is not known.
    pub fn invitation_state(&self, id: &StatementId, now: u64) -> Option<InvitationState> {
        let held = self.invitations.get(id)?;
        let taken_back = |(author, vote): (&MemberId, &super::HeldVote)| *author == held.author && vote.choice == Choice::Withdraw;
        Some(if self.used(id).is_some() {
            InvitationState::Used
        } else if self.votes(id).any(taken_back) {
            InvitationState::Withdrawn
        } else if held.invitation.expires < now {
            InvitationState::Expired
        } else {
            InvitationState::Open
        })
    }

    pub(super) fn learn_invitation(&mut self, record: &HeldRecord, body: &Body, disclosed: impl FnOnce() -> Arc<Disclosed>) {
        let author = record.statement.place.author;
        let own = self.invitations.values().filter(|held| held.author == author).count();
        if let Some(invitation) = from_fields::<Invitation>(body).filter(|_| own < crate::limits::PROPOSALS) {
            let held = HeldInvitation { author, invitation, disclosed: disclosed() };
            self.invitations.entry(record.statement.id()).or_insert(held);
        }
    }
}

/// Draws up an invitation. The statement has the digest of the secret alone.
///
/// # Errors
/// [`Refusal`].
pub fn invite(request: InvitationRequest, secret: &InvitationSecret, decisions: &Decisions, me: &MemberId, now: u64) -> Result<Submission, Refusal> {
    let InvitationRequest { name, role, expires } = request;
    let voter = decisions.tip().alliance.voters().any(|voter| voter.id == *me);
    let named = (1..=limits::NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    if !voter || role == Role::Leader {
        return Err(refused("members that decide may invite, and nobody is invited as leader: the chair is handed over by a resolution"));
    }
    if !named || expires <= now || expires > now.saturating_add(crate::limits::INVITATION) {
        return Err(refused("an invitation has a name of 1 to 128 bytes, and ends within 90 days"));
    }
    let invitation = Invitation { name, role, expires, digest: digest(secret) };
    let fields = to_fields(&invitation).ok_or_else(|| refused("it cannot be written as JSON"))?;
    let sections = vec![SubmittedSection { audiences: vec![decisions.circle], fields }];
    Ok(Submission { kind: INVITATION.to_owned(), about: Vec::new(), references: Vec::new(), time: None, sections })
}

/// Draws up the proposal to admit whoever shows an invitation's secret.
///
/// # Errors
/// [`Refusal`]: nothing that may be used, in one and the same words, or an entry that cannot be admitted.
pub fn admit(
    id: &StatementId,
    secret: &InvitationSecret,
    admission: Admission,
    decisions: &Decisions,
    me: &MemberId,
    now: u64,
) -> Result<Submission, Refusal> {
    let nothing = || refused("there is no such invitation, or it is used or over; ask for a new one");
    let held = decisions.invitations.get(id).filter(|held| held.author == *me).ok_or_else(nothing)?;
    let open = decisions.invitation_state(id, now) == Some(InvitationState::Open);
    if !open || held.invitation.digest != digest(secret) {
        return Err(nothing());
    }
    let entry = admission.decode().ok_or_else(|| refused("the entry is none"))?;
    if entry.name != held.invitation.name || entry.role != held.invitation.role {
        return Err(refused("name and role of the entry are not those of the invitation"));
    }
    let request = ProposalRequest {
        change: Change::Admit(admission),
        expires: now.saturating_add(crate::limits::INVITATION),
        reason: String::new(),
        signers: Vec::new(),
        threshold: None,
    };
    let mut proposal = propose(request, decisions, me, now)?;
    proposal.references = vec![*id];
    Ok(proposal)
}

/// Draws up the statement that takes an invitation back.
///
/// # Errors
/// [`Refusal`]: another's invitation, or one that is not open any more.
pub fn take_back(id: &StatementId, decisions: &Decisions, me: &MemberId, now: u64) -> Result<Submission, Refusal> {
    if decisions.invitations.get(id).is_none_or(|held| held.author != *me) {
        return Err(refused("this member has made no such invitation; whoever made it takes it back"));
    }
    match decisions.invitation_state(id, now) {
        Some(InvitationState::Open) => {}
        Some(InvitationState::Used) => return Err(refused("somebody has used it: object to the proposal to admit them instead")),
        _ => return Err(refused("it is over already: nobody can use it")),
    }
    let fields = to_fields(&Comment { comment: String::new() }).ok_or_else(|| refused("it cannot be written as JSON"))?;
    let sections = vec![SubmittedSection { audiences: vec![decisions.circle], fields }];
    Ok(Submission { kind: Choice::Withdraw.kind().to_owned(), about: Vec::new(), references: vec![*id], time: None, sections })
}

/// What an invitation says of its secret.
pub fn digest(secret: &InvitationSecret) -> StatementId {
    StatementId(Sha256::digest(secret).into())
}

fn refused(detail: &str) -> Refusal {
    Refusal { fault: RefusalKind::Decision, pointer: String::new(), detail: detail.to_owned() }
}
