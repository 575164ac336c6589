//! What goes by way of relays: collected and kept for others, or asked for, opened and taken in.

use std::collections::BTreeSet;

use suyuan_core::{Fault, MemberId};
use suyuan_engine::relay::courier::{Action, Event};
use suyuan_engine::relay::shelf::Account;
use suyuan_engine::relay::{self, Holder, Opened, Seeking, Sought, Unit};
use suyuan_engine::wire::{Collected, Fetched, Request, Response};
use suyuan_runtime::Handle;
use tracing::{debug, error, warn};

use super::{Done, Service};
use crate::serve::Around;

impl Service {
    pub(super) fn carry(&mut self, event: Event) {
        let now = self.now();
        for action in self.courier.handle(event, now) {
            match action {
                Action::Collect(member) => self.collect(member),
                Action::Seek(member, seeking) => self.seek(member, seeking),
                Action::Fetch(member, tags) => self.ask(member, Request::Fetch(tags)),
            }
        }
    }

    /// What an answer to a request is made with, beside the ledger.
    pub(super) fn around(&self, request: &Request) -> Around {
        let away = if matches!(request, Request::Collect(_)) { self.courier.away(self.now()) } else { BTreeSet::new() };
        Around { relays: self.courier.relays(), away }
    }

    /// Asks from where what is kept of the member ends.
    fn collect(&mut self, member: MemberId) {
        match Account::load(&member, self.handle().store().as_ref()) {
            Ok(account) => self.ask(member, Request::Collect(account.cursor)),
            Err(error) => {
                error!(%error, "what is kept for others cannot be read");
                self.carry(Event::Failed(member));
            }
        }
    }

    fn seek(&self, member: MemberId, seeking: Seeking) {
        let handle = self.handle().clone();
        self.beside(async move {
            let found = tokio::task::spawn_blocking(move || sought(&handle, &seeking)).await.ok().flatten();
            Done::Sought { member, found }
        });
    }

    /// A member has answered to what relays ask, or are asked.
    pub(super) fn relayed(&mut self, member: MemberId, request: Request, response: Result<Response, Fault>) {
        match (request, response) {
            (Request::Collect(_), Ok(Response::Collected(None))) => self.carry(Event::Kept { member, bytes: 0, more: false }),
            (Request::Collect(cursor), Ok(Response::Collected(Some(collected)))) => self.keep(member, cursor.as_deref(), collected),
            (Request::Fetch(_), Ok(Response::Fetched(None))) => self.carry(Event::Unwilling(member)),
            (Request::Fetch(_), Ok(Response::Fetched(Some(fetched)))) => self.open(member, fetched),
            (_, response) => {
                let why = response.map_or_else(|fault| fault.to_string(), |_| "an answer to something else".to_owned());
                let name = self.plan.members.known(&member).map_or("", |known| &known.name);
                warn!(member = name, id = %member, why, "a member's node sent what cannot be read");
                if let Some(peer) = self.peers.get_mut(&member) {
                    peer.accused = Some(why);
                    peer.traffic.refused = peer.traffic.refused.saturating_add(1);
                }
                self.carry(Event::Failed(member));
            }
        }
    }

    fn keep(&self, member: MemberId, asked_from: Option<&[u8]>, collected: Collected) {
        let bytes = collected.packages.iter().map(|package| package.sealed.len() as u64).sum();
        let more = asked_from != Some(&collected.cursor);
        let handle = self.handle().clone();
        self.beside(async move { Done::Kept { member, bytes, more, result: handle.keep(member, collected).await } });
    }

    /// What does not open or does not hold is nobody's fault that could be proven, and is dropped.
    fn open(&self, member: MemberId, fetched: Fetched) {
        let Some(sought) = self.courier.sought(&member).cloned() else { return };
        let handle = self.handle().clone();
        self.beside(async move {
            let came = fetched.packages.iter().map(|package| package.tag).collect();
            let answered = fetched.answered;
            let opened = opened(&handle, fetched, sought).await;
            for (log, item) in opened.items.clone() {
                if let Err(why) = handle.fill(log, vec![item]).await {
                    debug!(log = %log.origin(), %why, "what came by way of a relay does not hold");
                }
            }
            Done::Carried(Box::new(Event::Opened { member, answered, came, opened }))
        });
    }
}

/// Opens packages on a thread of its own.
async fn opened(handle: &Handle, fetched: Fetched, sought: Sought) -> Opened {
    let handle = handle.clone();
    let open = move || {
        let (state, encryption) = (handle.state(), handle.encryptions());
        let (secrets, view, local) = (&state.secrets, handle.store().as_ref(), handle.local());
        relay::open(&fetched.packages, &sought, &Holder { ledger: &state.ledger, secrets, encryption: &encryption, view, local })
    };
    tokio::task::spawn_blocking(open).await.unwrap_or_default()
}

/// Finds the next tags to ask for.
fn sought(handle: &Handle, seeking: &Seeking) -> Option<(Sought, Option<Unit>)> {
    let (state, encryption) = (handle.state(), handle.encryptions());
    let (secrets, view, local) = (&state.secrets, handle.store().as_ref(), handle.local());
    let found = relay::seek(seeking, &Holder { ledger: &state.ledger, secrets, encryption: &encryption, view, local });
    found.inspect_err(|error| error!(%error, "what is lacking cannot be looked up")).ok()
}
