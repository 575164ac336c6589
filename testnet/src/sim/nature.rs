//! What members do that is not by the rules. Their nodes run the same engine; what leaves them does not.

use suyuan_core::log::LogId;
use suyuan_engine::wire::{Batch, Item, Request, Response};

use super::chance::Chance;

/// How a member behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nature {
    /// By the rules.
    Honest,
    /// Changes what it hands out of others' logs, a bit or a byte at a time.
    Changer,
    /// Leaves statements out.
    Withholder,
    /// Answers nothing that is asked for.
    Mute,
    /// Says that it has more than there is.
    Boaster,
    /// Answers with what it answered before.
    Replayer,
    /// Keeps two histories of its log and shows one to each half.
    Forker,
    /// Signs what is no statement.
    Scribbler,
    /// Breaks its word in decisions.
    Turncoat,
}

/// Those that are not honest, some of them more often.
pub const LIARS: [Nature; 10] = [
    Nature::Changer,
    Nature::Withholder,
    Nature::Mute,
    Nature::Boaster,
    Nature::Replayer,
    Nature::Forker,
    Nature::Scribbler,
    Nature::Turncoat,
    Nature::Turncoat,
    Nature::Turncoat,
];

/// What a member remembers having answered.
#[derive(Debug, Default)]
pub struct Memory(Vec<Response>);

const REMEMBERED: usize = 16;

/// What leaves a member's node instead of an answer; nothing where it does not answer.
pub fn twist(nature: Nature, own: &LogId, request: &Request, answer: Response, memory: &mut Memory, chance: &mut Chance) -> Option<Response> {
    match nature {
        Nature::Honest | Nature::Forker | Nature::Scribbler | Nature::Turncoat => Some(answer),
        Nature::Mute => matches!(request, Request::Heads | Request::Grown(_)).then_some(answer),
        Nature::Boaster => Some(boast(answer)),
        Nature::Withholder => Some(withhold(answer, chance)),
        Nature::Changer => Some(change(answer, own, chance)),
        Nature::Replayer => Some(replay(answer, memory, chance)),
    }
}

fn boast(mut answer: Response) -> Response {
    match &mut answer {
        Response::Heads(heads) => heads.iter_mut().for_each(|head| head.log.size += 1000),
        Response::Counters(counts, _) => counts.iter_mut().for_each(|count| count.next += 3),
        _ => {}
    }
    answer
}

fn withhold(mut answer: Response, chance: &mut Chance) -> Response {
    let keep = |items: &mut Vec<Item>, chance: &mut Chance| items.retain(|_| chance.permille(500));
    match &mut answer {
        Response::Batch(Some(batch)) => keep(&mut batch.items, chance),
        Response::Items(items) => keep(items, chance),
        Response::Listing(sequences, _) => sequences.retain(|_| chance.permille(500)),
        Response::Counters(counts, _) => counts.retain(|_| chance.permille(500)),
        _ => {}
    }
    answer
}

/// An earlier answer to a question of the same kind. Of heads the newest is told: how far the log of a member goes that lost its disk is what others say.
fn replay(answer: Response, memory: &mut Memory, chance: &mut Chance) -> Response {
    let alike = |one: &Response| std::mem::discriminant(one) == std::mem::discriminant(&answer);
    let known: Vec<&Response> = memory.0.iter().filter(|one| alike(one)).collect();
    let old = if chance.permille(500) { chance.pick(&known).map(|old| (*old).clone()) } else { None };
    let fixed = matches!(answer, Response::Heads(_) | Response::Noted | Response::Batch(None));
    if memory.0.len() < REMEMBERED && !fixed {
        memory.0.push(answer.clone());
    }
    old.filter(|_| !fixed).unwrap_or(answer)
}

fn change(mut answer: Response, own: &LogId, chance: &mut Chance) -> Response {
    match &mut answer {
        Response::Batch(Some(batch)) if batch.log != *own => change_batch(batch, chance),
        Response::Items(items) => change_items(items, chance),
        _ => {}
    }
    answer
}

fn change_batch(batch: &mut Batch, chance: &mut Chance) {
    let entry = chance.index(batch.entries.len());
    match chance.between(0, 8) {
        0 => batch.entries[entry].0[chance.index(32)] ^= 1,
        1 => {
            batch.entries.pop();
        }
        2 => {
            let letters: Vec<(usize, char)> = batch.checkpoint.char_indices().filter(|(_, letter)| letter.is_ascii_alphanumeric()).collect();
            if let Some((place, letter)) = chance.pick(&letters) {
                batch.checkpoint.replace_range(*place..=*place, if *letter == '7' { "8" } else { "7" });
            }
        }
        3 => batch.consistency.push([7; 32]),
        4 => batch.entries.swap(0, entry),
        _ => change_items(&mut batch.items, chance),
    }
}

fn flip(bytes: &mut [u8], chance: &mut Chance) {
    let place = chance.index(bytes.len());
    if let Some(byte) = bytes.get_mut(place) {
        *byte ^= 1 << chance.index(8);
    }
}

fn change_items(items: &mut Vec<Item>, chance: &mut Chance) {
    let at = chance.index(items.len());
    let Some(item) = items.get_mut(at) else { return };
    let section = chance.index(item.sections.len());
    match (chance.between(0, 8), item.sections.get_mut(section)) {
        (0, _) => flip(&mut item.statement, chance),
        (1, _) => item.sequence += 1,
        (2, _) => flip(&mut item.signature, chance),
        (3, Some(section)) => flip(&mut section.header, chance),
        (4, Some(section)) => flip(&mut section.content, chance),
        (5, Some(section)) => {
            for (_, _, wrap) in &mut section.audiences {
                wrap.iter_mut().for_each(|wrap| flip(wrap, chance));
            }
        }
        (6, Some(section)) => section.audiences.iter_mut().for_each(|(_, header, _)| flip(header, chance)),
        _ => {
            items.remove(at);
        }
    }
}
