//! Joint decisions: what is proposed, what everybody says to it, what is decided, and how the order log stands.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use suyuan_core::membership::Change;
use suyuan_core::order::Order;
use suyuan_core::{MemberId, StatementId};
use suyuan_engine::decisions::{Choice, HeldProposal, Outcome, ProposalRequest, Standing, VoteRequest};
use suyuan_engine::ledger::Ledger;
use suyuan_runtime::node::now;
use utoipa::ToSchema;

use crate::body::{Json, Param};
use crate::problem::Problem;
use crate::records::view::MemberName;
use crate::state::AppState;
use crate::trouble::check_room;

/// A proposal that ends sooner is marked, milliseconds: a day.
const URGENT: u64 = 86_400_000;

/// A proposal as things stand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resolution)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResolutionJson {
    /// The proposal's statement.
    #[schema(value_type = String)]
    pub id: StatementId,
    /// Who proposed it.
    pub author: MemberName,
    /// When, by its author, milliseconds since 1970-01-01 UTC.
    pub time: u64,
    /// `admit`, `remove`, `role`, `keys`, `charter`, `chair` or `agree`.
    pub kind: &'static str,
    /// Whom or what it is about: a member's name, an agreement's title, or the alliance's name.
    pub about: String,
    /// What is decided, exactly.
    #[schema(value_type = Object)]
    pub change: Change,
    /// Subject, version and ballot that it competes for.
    #[schema(value_type = Object)]
    pub slot: suyuan_core::resolution::Slot,
    /// Why, in the author's words.
    pub reason: String,
    /// After this no effect is written, milliseconds since 1970-01-01 UTC.
    pub expires: u64,
    /// Whether it is open and ends within 24 hours.
    pub urgent: bool,
    /// `open`, `decided` (in the order, not yet final), `final`, `superseded` or `expired`; or another code of `specs/resolution.md` that says why it cannot take effect.
    pub state: &'static str,
    /// Weight that approves, as things stand or when it was decided.
    pub reached: u64,
    /// Weight that is needed.
    pub needed: u64,
    /// Whether this member is asked and has neither approved nor objected.
    pub waits_for_me: bool,
    /// Those who are asked and have said neither yes nor no.
    pub waits_for: Vec<MemberName>,
    /// What was said, by time.
    pub votes: Vec<VoteJson>,
}

/// What a member said to a proposal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Vote)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VoteJson {
    /// Who.
    pub member: MemberName,
    /// `approve`, `object`, `withdraw` or `comment`.
    pub choice: &'static str,
    /// In words.
    pub comment: String,
    /// When, by its author, milliseconds since 1970-01-01 UTC.
    pub time: u64,
}

impl ResolutionJson {
    /// A proposal with everything that is known of it.
    fn new(id: &StatementId, held: &HeldProposal, ledger: &Ledger, now: u64) -> Option<Self> {
        let decisions = ledger.decisions.as_ref();
        let proposal = &held.proposal;
        let Standing { outcome, tally, waits_for } = decisions.standing(id, now)?;
        let mut votes: Vec<VoteJson> = decisions.votes(id).map(|(member, vote)| VoteJson::new(member, vote, ledger)).collect();
        votes.sort_by_key(|vote| vote.time);
        Some(Self {
            id: *id,
            author: MemberName::of(&held.author, ledger),
            time: held.time,
            kind: proposal.change.kind(),
            about: about(&proposal.change, ledger),
            change: proposal.change.clone(),
            slot: proposal.slot.clone(),
            reason: proposal.reason.clone(),
            expires: proposal.expires,
            urgent: outcome == Outcome::Open && proposal.expires < now.saturating_add(URGENT),
            state: outcome.name(),
            reached: tally.reached,
            needed: tally.needed,
            waits_for_me: waits_for.contains(&ledger.me),
            waits_for: waits_for.iter().map(|member| MemberName::of(member, ledger)).collect(),
            votes,
        })
    }
}

impl VoteJson {
    fn new(member: &MemberId, vote: &suyuan_engine::decisions::HeldVote, ledger: &Ledger) -> Self {
        Self { member: MemberName::of(member, ledger), choice: vote.choice.name(), comment: vote.comment.clone(), time: vote.time }
    }
}

/// Whom or what a change is about, in a few words.
fn about(change: &Change, ledger: &Ledger) -> String {
    let named = |member: &MemberId| MemberName::of(member, ledger).name;
    match change {
        Change::Admit(admission) => admission.decode().map(|entry| entry.name).unwrap_or_default(),
        Change::Remove(removal) => named(&removal.member),
        Change::Role(role) => named(&role.member),
        Change::Keys(keys) => named(&keys.member),
        Change::Recover(recovery) => named(&recovery.member),
        Change::Compromised(mark) => named(&mark.member),
        Change::Charter(_) => ledger.alliance.charter().name.clone(),
        Change::Chair(chair) => named(&chair.member),
        Change::Agree(agreement) => agreement.title.clone(),
    }
}

/// Every proposal: those that wait for this member, the soonest end first, then the others, the newest first.
pub(crate) fn all(ledger: &Ledger, now: u64) -> Vec<ResolutionJson> {
    let mut all: Vec<ResolutionJson> =
        ledger.decisions.proposals().iter().filter_map(|(id, held)| ResolutionJson::new(id, held, ledger, now)).collect();
    // Of what waits for this member the soonest end comes first, of the rest the newest.
    all.sort_by_key(|one| (!one.waits_for_me, if one.waits_for_me { one.expires } else { u64::MAX.saturating_sub(one.time) }, one.id));
    all
}

/// List proposals.
///
/// Those that wait for this member first, the soonest end first; then the newest first.
#[utoipa::path(get, path = "/api/v1/resolutions", tag = "alliance", responses((status = 200, description = "The proposals", body = Vec<ResolutionJson>)))]
pub(crate) async fn list(State(state): State<AppState>) -> axum::Json<Vec<ResolutionJson>> {
    axum::Json(all(&state.handle.state().ledger, now()))
}

/// Show a proposal.
#[utoipa::path(get, path = "/api/v1/resolutions/{id}", tag = "alliance", params(("id" = String, Path, description = "The proposal's statement id")),
    responses((status = 200, description = "The proposal", body = ResolutionJson)))]
pub(crate) async fn one(State(state): State<AppState>, Param(id): Param) -> Result<axum::Json<ResolutionJson>, Problem> {
    let id: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    found(&state, &id).map(axum::Json)
}

/// One proposal as things stand now.
pub(crate) fn found(state: &AppState, id: &StatementId) -> Result<ResolutionJson, Problem> {
    let ledger = state.handle.state().ledger;
    let held = ledger.decisions.proposals().get(id).ok_or_else(Problem::not_found)?;
    ResolutionJson::new(id, held, &ledger, now()).ok_or_else(Problem::not_found)
}

/// A proposal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProposal {
    /// One object of `specs/membership.md`, e.g. `{"agree":{"title":"…","text":"…"}}`.
    #[schema(value_type = Object)]
    change: Change,
    /// After this no effect is written, milliseconds since 1970-01-01 UTC.
    expires: u64,
    /// Why, at most 4096 bytes.
    #[serde(default)]
    reason: String,
    /// Who is asked: pairs of member id and weight. Everybody who may decide, where it is empty.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    signers: Vec<(MemberId, u64)>,
    /// Weight that has to approve; what the rule asks for, where it is absent.
    threshold: Option<u64>,
}

/// Propose something to the alliance.
///
/// Proposing is not approving.
#[utoipa::path(post, path = "/api/v1/resolutions", tag = "alliance", request_body = NewProposal, responses((status = 201, description = "The proposal", body = ResolutionJson)))]
pub(crate) async fn propose(
    State(state): State<AppState>,
    Json(new): Json<NewProposal>,
) -> Result<(StatusCode, axum::Json<ResolutionJson>), Problem> {
    check_room(&state)?;
    let NewProposal { change, expires, reason, signers, threshold } = new;
    let request = ProposalRequest { change, expires, reason, signers, threshold };
    let receipt = state.handle.propose(request).await?;
    let id = receipt.ids.first().ok_or_else(|| Problem::internal(&"a proposal without an id"))?;
    Ok((StatusCode::CREATED, axum::Json(found(&state, id)?)))
}

/// A vote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVote {
    /// `approve`, `object`, `withdraw` or `comment`.
    #[schema(value_type = String)]
    choice: Choice,
    /// At most 4096 bytes.
    #[serde(default)]
    comment: String,
}

/// Say something to a proposal.
///
/// An approval is this member's signed statement. It counts until this member objects or withdraws, or the proposal has taken effect.
#[utoipa::path(post, path = "/api/v1/resolutions/{id}/votes", tag = "alliance", params(("id" = String, Path, description = "The proposal's statement id")),
    request_body = NewVote, responses((status = 201, description = "The proposal with the vote", body = ResolutionJson)))]
pub(crate) async fn vote(
    State(state): State<AppState>,
    Param(id): Param,
    Json(vote): Json<NewVote>,
) -> Result<(StatusCode, axum::Json<ResolutionJson>), Problem> {
    let proposal: StatementId = id.parse().map_err(|_| Problem::not_found())?;
    found(&state, &proposal)?;
    check_room(&state)?;
    state.handle.vote(VoteRequest { proposal, choice: vote.choice, comment: vote.comment }).await?;
    Ok((StatusCode::CREATED, axum::Json(found(&state, &proposal)?)))
}

/// How the alliance's order log stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderJson {
    /// The term, from 1.
    pub term: u64,
    /// Who keeps it.
    pub keeper: MemberName,
    /// Voters n who count for the newest head, of which f may lie; so many cosignatures of others make it certified.
    pub voters: usize,
    /// f.
    pub liars: usize,
    /// q.
    pub cosigners: usize,
    /// Entries of this term that are here, and how many are covered by a certified head.
    pub entries: u64,
    /// Of them certified.
    pub certified: u64,
    /// How many changes of members, keys and rules are in force.
    pub version: u64,
    /// Votes for later terms: term, and who has voted.
    pub freezes: Vec<FreezeJson>,
    /// The newest certified head of this term as a note, with the voters that cosigned it.
    pub head: Option<String>,
    /// Who cosigned it, with the time in seconds.
    pub cosigned_by: Vec<CosignerJson>,
}

/// Votes for a later term.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Freeze)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FreezeJson {
    /// The term.
    pub term: u64,
    /// Who voted.
    pub voters: Vec<MemberName>,
}

impl FreezeJson {
    /// Who voted, in one line.
    pub fn names(&self) -> String {
        self.voters.iter().map(|voter| crate::pages::text::clean(&voter.name)).collect::<Vec<_>>().join(", ")
    }
}

/// Who cosigned.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Cosigner)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CosignerJson {
    /// Who.
    pub member: MemberName,
    /// When, in seconds since 1970-01-01 UTC, by its clock.
    pub time: u64,
}

impl OrderJson {
    /// As this node sees it.
    pub fn new(ledger: &Ledger) -> Self {
        let decisions = ledger.decisions.as_ref();
        let (tip, settled): (&Order, &Order) = (decisions.tip(), decisions.settled());
        let later = decisions.freezes().range(tip.term.saturating_add(1)..);
        let names = |members: &mut dyn Iterator<Item = &MemberId>| members.map(|member| MemberName::of(member, ledger)).collect();
        let head = decisions.heads().certified(tip.term);
        let (voters, panel) = (tip.counting(tip.head().size), tip.own_panel());
        let quorum = panel.as_ref().map_or_else(|| tip.quorum(), |panel| panel.quorum);
        let by_name = |name: &str| voters.voters().find(|voter| suyuan_core::log::witness_name(&voters.id(), &voter.id) == name);
        let cosigners = head.into_iter().flat_map(|head| &head.read.cosignatures);
        Self {
            term: tip.term,
            keeper: MemberName::of(&tip.keeper, ledger),
            voters: quorum.members,
            liars: quorum.liars(),
            cosigners: panel.map_or(0, |panel| panel.cosigners()),
            entries: tip.head().size,
            certified: if settled.term == tip.term { settled.head().size } else { 0 },
            version: ledger.alliance.version(),
            freezes: later.map(|(term, votes)| FreezeJson { term: *term, voters: names(&mut votes.keys()) }).collect(),
            head: head.map(|head| head.note.clone()),
            cosigned_by: cosigners
                .filter_map(|(name, time)| Some(CosignerJson { member: MemberName::of(&by_name(name)?.id, ledger), time: *time }))
                .collect(),
        }
    }
}

/// A vote for the next term.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFreeze {
    /// The term that is to begin: the next one.
    term: u64,
}

/// Vote for the next term of the order log, which another member keeps.
///
/// Members' nodes do so by themselves where the keeper is silent for a quarter of T; this does it at once. It cannot be taken back.
#[utoipa::path(post, path = "/api/v1/order/freeze", tag = "alliance", request_body = NewFreeze, responses((status = 202, description = "The order log", body = OrderJson)))]
pub(crate) async fn freeze(
    State(state): State<AppState>,
    Json(NewFreeze { term }): Json<NewFreeze>,
) -> Result<(StatusCode, axum::Json<OrderJson>), Problem> {
    check_room(&state)?;
    state.handle.freeze(term).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(OrderJson::new(&state.handle.state().ledger))))
}

/// Show how the alliance's order log stands.
#[utoipa::path(get, path = "/api/v1/order", tag = "alliance", responses((status = 200, description = "The order log", body = OrderJson)))]
pub(crate) async fn order(State(state): State<AppState>) -> axum::Json<OrderJson> {
    axum::Json(OrderJson::new(&state.handle.state().ledger))
}
