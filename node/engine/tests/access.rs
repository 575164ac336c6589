//! The committed table of `specs/access.md` is the one that the function decides by, cell by cell.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use suyuan_engine::access::{Action, Sharing, Standing, allowed};

const PAGE: &str = include_str!("../../../specs/access.md");

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Stranger => "stranger",
        Standing::Outsider => "outsider",
        Standing::RegulatorOutOfScope => "regulator, out of scope",
        Standing::Regulator => "regulator",
        Standing::Reader => "reader",
        Standing::Writer => "writer",
        Standing::Steward => "steward",
    }
}

const fn sharing(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Public => "public",
        Sharing::General => "general",
        Sharing::Authorized => "authorized",
        Sharing::Codevelopment => "codevelopment",
        Sharing::Own => "self",
    }
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::SeeEntry => "see the entry",
        Action::Hold => "hold",
        Action::Read => "read",
        Action::Write => "write",
        Action::Steer => "steer",
    }
}

/// The rows of the table with their cells.
fn rows(page: &str) -> Vec<Vec<String>> {
    let table = page.lines().skip_while(|line| !line.starts_with("| action | standing |")).take_while(|line| line.starts_with('|'));
    table.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_cell_of_the_page_is_what_the_function_says() {
    let rows = rows(PAGE);
    let mut head = vec!["action", "standing"];
    head.extend(Sharing::ALL.map(sharing));
    assert_eq!(rows[0], head);
    let mut body = rows[2..].iter();
    let mut cells = 0;
    for what in Action::ALL {
        for who in Standing::ALL {
            let row = body.next().unwrap_or_else(|| panic!("no row for {} of {}", action(what), standing(who)));
            assert_eq!(row[..2], [action(what), standing(who)]);
            for (tier, cell) in Sharing::ALL.into_iter().zip(&row[2..]) {
                let expected = if allowed(who, tier, what) { "yes" } else { "no" };
                assert_eq!(cell, expected, "{} {} {}", action(what), standing(who), sharing(tier));
                cells += 1;
            }
        }
    }
    assert_eq!((cells, body.next()), (175, None));
}

/// What must never be granted, said without the table.
#[test]
fn nothing_leaks_upwards() {
    for what in Action::ALL {
        for tier in Sharing::ALL {
            let may = |who| allowed(who, tier, what);
            let sealed = tier != Sharing::Public && what != Action::SeeEntry;
            assert!(!sealed || !may(Standing::Stranger) && !may(Standing::Outsider), "{what:?} {tier:?}");
            assert!(!may(Standing::Reader) || may(Standing::Writer), "a writer may what a reader may: {what:?} {tier:?}");
            assert!(!may(Standing::Writer) || may(Standing::Steward), "a steward may what a writer may: {what:?} {tier:?}");
            assert!(!may(Standing::RegulatorOutOfScope) || may(Standing::Regulator), "{what:?} {tier:?}");
            let changes = matches!(what, Action::Write | Action::Steer);
            assert!(!changes || !may(Standing::Regulator) && !may(Standing::RegulatorOutOfScope), "a regulator changes nothing: {what:?} {tier:?}");
        }
    }
}
