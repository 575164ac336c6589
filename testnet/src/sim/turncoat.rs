//! A member that breaks its word in decisions: as keeper it signs two heads of one size, as voter it approves rivals and cosigns whatever it gets to see,
//! after its vote to freeze as well.

use suyuan_core::log::witness_name;
use suyuan_core::note;
use suyuan_core::order::{self, Entry, EpochEntry, Order, Panel};
use suyuan_core::resolution::{self, to_fields};
use suyuan_core::section::Field;
use suyuan_core::{CircleId, StatementId};
use suyuan_engine::submission::{Submission, SubmittedSection};
use suyuan_engine::wire::Request;
use suyuan_engine::writer::{Command, Receipt};

use super::fact::Ticket;
use super::world::World;

/// What such a member has in mind.
#[derive(Default)]
pub struct Intrigue {
    /// The order as it was some time ago.
    before: Option<Order>,
    /// The other entry that it is writing: by the number of the wish, with its time.
    rival: Option<(u64, Entry, u64)>,
}

impl World {
    /// Breaks its word in one way or another.
    pub fn betray(&mut self, at: usize) {
        match self.chance.between(0, 4) {
            0 => self.approve_anything(at),
            1 => self.write_rival(at),
            _ => self.cosign_anything(at),
        }
    }

    fn approve_anything(&mut self, at: usize) {
        let Some(state) = self.machines[at].state() else { return };
        let (circle, known) = (state.ledger.decisions.circle, state.ledger.decisions.proposals().keys().copied().collect::<Vec<_>>());
        let Some(proposal) = self.chance.pick(&known).copied() else { return };
        let fields = vec![Field { name: "comment".to_owned(), value: "\"\"".to_owned() }];
        self.state(at, resolution::APPROVE, vec![proposal], circle, fields, None);
    }

    /// Says something in the protocol's own words, checked by nobody. Returns the number of the wish.
    fn state(&mut self, at: usize, kind: &str, references: Vec<StatementId>, circle: CircleId, fields: Vec<Field>, time: Option<u64>) -> u64 {
        let sections = vec![SubmittedSection { audiences: vec![circle], fields }];
        let submission = Submission { kind: kind.to_owned(), about: Vec::new(), references, time, sections };
        self.wishes += 1;
        self.command(at, Ticket::Wish(self.wishes), Command::Protocol(submission));
        self.wishes
    }

    /// As keeper: another entry in the place of one that is written already.
    fn write_rival(&mut self, at: usize) {
        let machine = &self.machines[at];
        let Some(state) = machine.state() else { return };
        let tip = state.ledger.decisions.tip().clone();
        let time = machine.clock.read(self.now).max(tip.time);
        let before = self.machines[at].intrigue.before.replace(tip.clone());
        let fits = |before: &Order| before.term == tip.term && before.keeper == self.machines[at].id && before.head().size < tip.head().size;
        let Some(before) = before.filter(fits) else { return };
        let epoch = EpochEntry { epoch: before.newest_epoch() + 1, statement: StatementId([7; 32]) };
        let (index, previous) = (before.head().size, before.last());
        let entry =
            Entry { circle: before.circle, term: before.term, index, previous, certificate: None, takeover: None, effect: None, epoch: Some(epoch) };
        let Some(fields) = to_fields(&entry) else { return };
        let number = self.state(at, order::ENTRY, Vec::new(), suyuan_core::circle::PUBLIC, fields, Some(time));
        self.trace.note(self.now, format_args!("{at} writes another entry {index} of term {}", before.term));
        self.machines[at].intrigue = Intrigue { before: Some(before), rival: Some((number, entry, time)) };
    }

    /// The other entry is written: its head goes to every other member.
    pub fn spread_rival(&mut self, at: usize, number: u64, receipt: &Receipt) {
        let Intrigue { before: Some(before), rival: Some((of, entry, time)) } = &self.machines[at].intrigue else { return };
        let machine = &self.machines[at];
        let Some(id) = receipt.ids.first().filter(|_| *of == number) else { return };
        let Ok(rival) = before.append(&machine.id, *id, *time, entry) else { return };
        let Some(Panel { keeper: key, .. }) = rival.own_panel() else { return };
        let note = note::sign_head(&key.name, &rival.head(), &machine.keys().log);
        self.rumours.push((rival.term, note));
        self.cosign_anything(at);
    }

    /// As voter: cosigns every head that it knows, and tells some.
    fn cosign_anything(&mut self, at: usize) {
        let machine = &self.machines[at];
        let Some(state) = machine.state() else { return };
        let known = state.ledger.decisions.heads().iter().map(|(term, head)| (term, head.note.clone()));
        let notes: Vec<(u64, String)> = known.chain(self.rumours.iter().cloned()).collect();
        let name = witness_name(&state.ledger.alliance.id(), &machine.id);
        let (key, seconds) = (&machine.keys().witness, machine.clock.read(self.now) / 1000);
        let cosigned = notes.into_iter().map(|(term, note)| (term, note::add_cosignature(&note, &name, key, seconds).unwrap_or(note)));
        let cosigned: Vec<(u64, String)> = cosigned.collect();
        let Some((term, note)) = self.chance.pick(&cosigned).cloned() else { return };
        // Others of its kind add their names to it.
        self.rumours
            .iter_mut()
            .filter(|(of, rumour)| *of == term && note.starts_with(rumour.as_str()))
            .for_each(|(_, rumour)| rumour.clone_from(&note));
        for other in (0..self.machines.len()).filter(|other| *other != at) {
            let member = self.machines[other].id;
            if self.chance.permille(600) {
                self.ask(at, &member, Request::OrderHeads(vec![(term, note.clone())]));
            }
        }
    }
}
