//! Opening a circle or its next epoch, and receiving the secret of one (`specs/circle.md`).

use rand_core::CryptoRng;
use serde::Deserialize;
use suyuan_core::charter::{Alliance, Role};
use suyuan_core::circle::{self, CircleContent, CircleMember, EpochSecret, PrekeySecret, Rights, Slip, SlipAddress, SlipContent, Terms, Tier};
use suyuan_core::key::key_id;
use suyuan_core::resolution::to_fields;
use suyuan_core::section::{AudienceHeader, audience_commitment};
use suyuan_core::statement::id_of;
use suyuan_core::{CircleId, Fault, MemberId, StatementId};
use zeroize::Zeroizing;

use crate::author::Plan;
use crate::circles::{self, Circle, Circles};
use crate::ledger::Ledger;
use crate::record::{self, HeldRecord};
use crate::secrets::EpochSecrets;
use crate::submission::{Refusal, RefusalKind};
use crate::wire::Item;

/// What a steward asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleRequest {
    /// The circle whose next epoch this is; a new circle where there is none.
    pub circle: Option<CircleId>,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub purpose: String,
    /// Kind of sharing.
    pub tier: Tier,
    /// Members other than the steward.
    pub members: Vec<CircleMember>,
    /// Terms.
    #[serde(default)]
    pub terms: Terms,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    pub until: Option<u64>,
}

/// An epoch that is ready to be written.
#[derive(Debug)]
pub struct NewEpoch {
    /// Its content.
    pub content: CircleContent,
    /// Its secret: to be in the keyring, durably, before the statement is written.
    pub secret: EpochSecret,
    /// The epoch statement.
    pub plan: Plan,
}

/// Draws up an epoch and checks it as every member will; with the circle as it is once the epoch has effect. A secret that is held for it already is from a try
/// that ended before its statement was written, and is taken.
///
/// # Errors
/// [`Refusal`] that names what is not allowed.
pub fn draw_up(
    request: CircleRequest,
    ledger: &Ledger,
    secrets: &EpochSecrets,
    now: u64,
    rng: &mut impl CryptoRng,
) -> Result<(NewEpoch, Circle), Refusal> {
    let mut members = vec![CircleMember { member: ledger.me, rights: Rights::Write }];
    members.extend(request.members.iter().filter(|member| member.member != ledger.me));
    if members.iter().any(|member| today(&member.member, member.rights, ledger) != *member) {
        return Err(refusal(RefusalKind::Malformed, "", circles::Void::Members.explain()));
    }
    let (circle, nonce, epoch) = name(&request, ledger, secrets, rng)?;
    let secret = secrets.of(&circle, epoch).cloned().unwrap_or_else(|| Zeroizing::new(random(rng)));
    let commitment = StatementId(circle::commitment(&circle, epoch, &secret));
    let CircleRequest { name, purpose, tier, terms, until, .. } = request;
    let written = |member: &CircleMember| Some((member.member, ledger.alliance.active(&member.member)?.incarnation()));
    let incarnations = members.iter().filter_map(written).filter(|(_, incarnation)| *incarnation > 0).collect();
    let content = CircleContent { circle, nonce, name, purpose, tier, epoch, commitment, members, incarnations, terms, until };
    let fields = to_fields(&content).ok_or_else(|| refusal(RefusalKind::Malformed, "", "it cannot be written as JSON"))?;
    let plan = Plan { kind: circle::TYPE.to_owned(), references: Vec::new(), time: now, sections: vec![(vec![(circle, epoch)], fields.clone())] };
    let body = suyuan_core::section::Body::new([0; 32], fields).map_err(|fault| refusal(RefusalKind::Limit, "", fault.to_string()))?;
    let mut circles = ledger.circles.clone();
    let judged = circles.open_epoch(&ledger.alliance, &ledger.me, commitment, &body, &secret);
    let opened = judged.ok().and_then(|id| circles.circle(&id).cloned());
    let opened = match (judged, opened) {
        (Ok(_), Some(opened)) => opened,
        (judged, _) => return Err(refusal(RefusalKind::Malformed, "", judged.err().map_or("it has no effect", circles::Void::explain))),
    };
    Ok((NewEpoch { content, secret, plan }, opened))
}

/// The next epoch of a circle of this member's that somebody is in who has left the alliance, or has lost its keys since: the same for who is there today.
pub fn without_former(ledger: &Ledger) -> Option<CircleRequest> {
    let active = |member: &MemberId| ledger.alliance.active(member).is_some();
    let own = ledger.circles.iter().filter(|circle| circle.steward == ledger.me && circle.id != ledger.decisions.circle && active(&ledger.me));
    let circle = own.into_iter().find(|circle| circle.newest().is_some_and(|epoch| epoch.is_outdated(&ledger.alliance)))?;
    let members = circle.members().filter(|(member, _)| active(member)).map(|(member, rights)| today(member, *rights, ledger));
    Some(CircleRequest {
        circle: Some(circle.id),
        name: circle.name.clone(),
        purpose: circle.purpose.clone(),
        tier: circle.tier(),
        members: members.collect(),
        terms: circle.terms.clone(),
        until: circle.until,
    })
}

/// The request by which the leader opens the alliance circle for all founders.
pub fn alliance_request(ledger: &Ledger) -> CircleRequest {
    let write = |role| if role == suyuan_core::charter::Role::Regulator { Rights::Read } else { Rights::Write };
    let members = ledger.alliance.members().iter();
    CircleRequest {
        circle: None,
        name: ledger.alliance.charter().name.clone(),
        purpose: ledger.alliance.charter().purpose.clone(),
        tier: Tier::General,
        members: members.map(|member| CircleMember { member: member.id, rights: write(member.entry.role) }).collect(),
        terms: Terms::default(),
        until: None,
    }
}

/// The request for a circle's next epoch that changes nothing but the key. Nothing for a circle that this node does not know, unless it is the alliance's,
/// whose key its leader has lost.
pub fn same_again(circle: &CircleId, ledger: &Ledger) -> Option<CircleRequest> {
    let Some(known) = ledger.circles.circle(circle) else {
        let lost = *circle == circle::alliance_circle(&ledger.alliance.id()) && ledger.lost_epoch > 0;
        return lost.then(|| alliance_request(ledger));
    };
    Some(CircleRequest {
        circle: Some(known.id),
        name: known.name.clone(),
        purpose: known.purpose.clone(),
        tier: known.tier(),
        members: known.members().map(|(member, rights)| today(member, *rights, ledger)).collect(),
        terms: known.terms.clone(),
        until: known.until,
    })
}

/// A member of a circle as it may be in a new epoch: whoever has become a regulator reads.
fn today(member: &MemberId, rights: Rights, ledger: &Ledger) -> CircleMember {
    let regulates = ledger.alliance.member(member).is_some_and(|known| known.entry.role == Role::Regulator);
    CircleMember { member: *member, rights: if regulates { Rights::Read } else { rights } }
}

fn name(
    request: &CircleRequest,
    ledger: &Ledger,
    secrets: &EpochSecrets,
    rng: &mut impl CryptoRng,
) -> Result<(CircleId, Option<StatementId>, u64), Refusal> {
    let alliance = circle::alliance_circle(&ledger.alliance.id());
    let wanted = if request.tier == Tier::General { Some(alliance) } else { request.circle };
    let begun = has_begun(ledger);
    let keeps = ledger.decisions.tip().keeper == ledger.me;
    match wanted {
        Some(id) => {
            let written = if id == alliance { ledger.newest_epoch() } else { 0 };
            match ledger.circles.circle(&id) {
                Some(circle) if id == alliance => Ok((id, circle.nonce, unused(&id, circle.epoch().max(written).saturating_add(1), secrets))),
                Some(circle) => Ok((id, circle.nonce, next_of(circle, ledger))),
                // Its members go by the epochs that they have seen, so the next one has to follow the last. The first is the founder's.
                None if id == alliance && (ledger.lost_epoch > 0 || !begun || keeps) => {
                    let last = ledger.lost_epoch.max(written).max(u64::from(begun || ledger.alliance.founder() != ledger.me));
                    Ok((id, None, unused(&id, last.saturating_add(1), secrets)))
                }
                None => Err(refusal(RefusalKind::UnknownCircle, "/circle", format!("this node knows no circle {id}"))),
            }
        }
        None => {
            let nonce = random(rng);
            Ok((circle::circle_id(&ledger.alliance.id(), &ledger.me, &nonce), Some(StatementId(nonce)), 1))
        }
    }
}

/// The number of a circle's next epoch. With a log that was closed since, some of its steward's epochs may be forgotten, whose secrets others still have: the
/// first one after that leaves their numbers out.
fn next_of(circle: &Circle, ledger: &Ledger) -> u64 {
    let own = ledger.own_log();
    let before = circle.newest().map_or(0, |newest| newest.incarnations.get(&own.member).copied().unwrap_or(0));
    let step = if before < own.incarnation { suyuan_core::limits::EPOCH_LEAP } else { 1 };
    circle.epoch().saturating_add(step)
}

/// The first number from this one on under which no secret is held: one that is may be another keeper's, and known to whoever has left since.
fn unused(circle: &CircleId, from: u64, secrets: &EpochSecrets) -> u64 {
    (from..).find(|number| *number == 1 || secrets.of(circle, *number).is_none()).unwrap_or(from)
}

fn refusal(fault: RefusalKind, pointer: &str, detail: impl Into<String>) -> Refusal {
    Refusal { fault, pointer: pointer.to_owned(), detail: detail.into() }
}

fn random(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Seals the epoch's secret to every other member's encryption key.
///
/// # Errors
/// [`Fault::Slip`] for a member's unusable key, which a verified charter does not have.
pub fn slips(epoch: &NewEpoch, statement: StatementId, ledger: &Ledger, rng: &mut impl CryptoRng) -> Result<Vec<Slip>, Fault> {
    let content = SlipContent { circle: epoch.content.circle, epoch: epoch.content.epoch, secret: epoch.secret.clone() };
    let alliance = ledger.alliance.id();
    let others = epoch.content.members.iter().filter(|member| member.member != ledger.me);
    others
        .map(|member| {
            let known = ledger.alliance.member(&member.member).ok_or(Fault::Slip)?;
            let prekey = &known.entry.keys.encryption;
            Slip::seal(&SlipAddress { alliance: &alliance, statement, recipient: member.member, prekey }, &content, rng)
        })
        .collect()
}

/// Adds slips to statements that a member asked for: this node has the secrets of these epochs, and the member is in them. Its steward may be gone, or keep the
/// secret back; whoever is in an epoch is entitled to it, and holds what it gets against the statement. Says of which circles and epochs.
pub fn add_slips(items: &mut [Item], member: &MemberId, ledger: &Ledger, secrets: &EpochSecrets, rng: &mut impl CryptoRng) -> Vec<(CircleId, u64)> {
    let Some(prekey) = ledger.alliance.active(member).map(|known| key_id(&known.entry.keys.encryption)) else { return Vec::new() };
    let mut sealed = Vec::new();
    for item in items {
        // One for a key that the member had before is of no use where that is lost.
        if item.slip.as_ref().is_none_or(|slip| slip.prekey != prekey)
            && let Some((of, slip)) = slip_of(item, member, ledger, secrets, rng)
        {
            item.slip = Some(slip);
            sealed.push(of);
        }
    }
    sealed
}

fn slip_of(item: &Item, member: &MemberId, ledger: &Ledger, secrets: &EpochSecrets, rng: &mut impl CryptoRng) -> Option<((CircleId, u64), Slip)> {
    let (_, header, _) = item.sections.first()?.audiences.first()?;
    let AudienceHeader { circle, epoch, .. } = AudienceHeader::open(header, &audience_commitment(header)).ok()?;
    let statement = id_of(&item.statement);
    let known = ledger.circles.circle(&circle)?.epochs().get(&epoch)?;
    known.members.get(member).filter(|_| known.statement == statement)?;
    let prekey = &ledger.alliance.active(member)?.entry.keys.encryption;
    let address = SlipAddress { alliance: &ledger.alliance.id(), statement, recipient: *member, prekey };
    let slip = Slip::seal(&address, &SlipContent { circle, epoch, secret: secrets.of(&circle, epoch)?.clone() }, rng).ok()?;
    Some(((circle, epoch), slip))
}

/// What a slip brought.
#[derive(Debug)]
pub struct Given {
    /// The epoch statement that it belongs to.
    pub statement: StatementId,
    /// The secret, or why it is refused.
    pub content: Result<SlipContent, Fault>,
}

/// Opens a slip and holds its secret against the epoch statement that it belongs to: the statement is by the circle's steward and names this member, the secret
/// opens its section, for this circle and epoch, and is the one committed to.
///
/// Several keepers may have opened epochs of the alliance circle under one number, each without knowing of the other. The one that counts is named by the order
/// log; until one is, that of today's keeper is taken.
///
/// # Errors
/// [`Fault::Slip`].
pub fn accept(slip: &Slip, record: &HeldRecord, ledger: &Ledger, encryption: &[&PrekeySecret]) -> Result<SlipContent, Fault> {
    // The newest first: who has not heard of it yet still seals for the one before it.
    let mut opened = encryption.iter().rev().map(|key| slip.open(&ledger.alliance.id(), key));
    let content = opened.find_map(Result::ok).ok_or(Fault::Slip)?;
    let section = record.sections.first().filter(|_| slip.statement == record.statement.id()).ok_or(Fault::Slip)?;
    let secrets: EpochSecrets = [((content.circle, content.epoch), content.secret.clone())].into_iter().collect();
    let body = record::open_section(&record.statement, section, &secrets).ok().flatten().ok_or(Fault::Slip)?;
    let stated = circles::content(&body).ok_or(Fault::Slip)?;
    let alliance = judged_by(&slip.statement, &record.statement.place.author, &stated, ledger).ok_or(Fault::Slip)?;
    let fits = stated.circle == content.circle
        && stated.epoch == content.epoch
        && stated.commitment.0 == circle::commitment(&content.circle, content.epoch, &content.secret)
        && record.statement.kind == circle::TYPE
        && circles::is_by_steward(alliance, &record.statement.place.author, &stated)
        && stated.members.iter().any(|member| member.member == ledger.me);
    if fits { Ok(content) } else { Err(Fault::Slip) }
}

/// The members by whom an epoch statement is judged. Nothing where it is one of the alliance circle that the order log does not name and that is not by today's
/// keeper: a node that has not heard of it yet asks again later.
fn judged_by<'a>(statement: &StatementId, author: &MemberId, stated: &CircleContent, ledger: &'a Ledger) -> Option<&'a Alliance> {
    let decisions = &ledger.decisions;
    if stated.circle != decisions.circle {
        return Some(&ledger.alliance);
    }
    if stated.epoch == 1 {
        return Some(&ledger.founded.alliance);
    }
    let named = decisions.judged_by(statement).map(AsRef::as_ref);
    named.or_else(|| (*author == decisions.tip().keeper).then_some(&*ledger.alliance))
}

/// Whether this member has written anything, in whichever of its logs.
fn has_begun(ledger: &Ledger) -> bool {
    let own = ledger.own_log();
    own.incarnation > 0 || ledger.logs.head(&own).size() > 0
}

/// Whether this member still has to open the alliance circle: the leader's first act. A leader whose log has begun did so, even where the key is lost.
pub fn alliance_is_unopened(circles: &Circles, ledger: &Ledger) -> bool {
    let leads = ledger.alliance.founder() == ledger.me;
    let begun = has_begun(ledger);
    leads && !begun && circles.circle(&circle::alliance_circle(&ledger.alliance.id())).is_none()
}

/// Members of the alliance by id, for requests that name them.
pub fn member_named<'a>(ledger: &'a Ledger, name: &str) -> Option<&'a MemberId> {
    ledger.alliance.members().iter().find(|member| member.entry.name == name).map(|member| &member.id)
}
