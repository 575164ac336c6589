//! Notes of one head that several voters have cosigned: what is news, and what is put together.

use super::*;

/// The first entry's head by its keeper, and the same with what these voters have put on it, each at a time in seconds.
fn cosigned(world: &World, by: &[(usize, u64)]) -> String {
    let order = world.nodes[0].decisions.tip();
    let key = order.own_panel().unwrap().keeper;
    let head = note::sign_head(&key.name, &order.head(), &world.nodes[0].keys.log);
    by.iter().fold(head, |head, (voter, seconds)| {
        let name = witness_name(&world.alliance.id(), &world.nodes[*voter].id);
        note::add_cosignature(&head, &name, &world.nodes[*voter].keys.witness, *seconds).unwrap()
    })
}

/// What a node tells of the first term after it was told these notes.
fn told(world: &World, notes: &[String]) -> String {
    let mut decisions = Decisions::founding(&world.alliance).unwrap();
    notes.iter().for_each(|note| assert!(decisions.learn_head(1, note)));
    decisions.heads().to_send().pop().unwrap().1
}

#[test]
fn a_note_that_says_less_is_no_news() {
    let world = World::new(5, 1);
    let mut decisions = Decisions::founding(&world.alliance).unwrap();
    assert!(decisions.learn_head(1, &cosigned(&world, &[(1, 5), (2, 6)])));
    for less in [&[][..], &[(1, 5)], &[(2, 6)], &[(2, 6), (1, 5)]] {
        let note = cosigned(&world, less);
        assert!(!decisions.heads().are_news(&[(1, note.clone())]), "{less:?}");
        assert!(!decisions.learn_head(1, &note), "{less:?}");
    }
    for more in [&[(3, 5)][..], &[(1, 6)], &[(1, 5), (3, 1)]] {
        assert!(decisions.heads().are_news(&[(1, cosigned(&world, more))]), "{more:?}");
    }
    assert!(decisions.heads().are_news(&[(2, cosigned(&world, &[(1, 5)]))]), "of another term");
}

#[test]
fn of_each_voter_the_newest_line_is_kept() {
    let world = World::new(5, 1);
    let both = told(&world, &[cosigned(&world, &[(1, 5)]), cosigned(&world, &[(1, 4), (2, 6)])]);
    assert_eq!(both, told(&world, &[cosigned(&world, &[(2, 6)]), cosigned(&world, &[(1, 5)])]));
    let newer = told(&world, &[cosigned(&world, &[(1, 5)]), cosigned(&world, &[(1, 9)])]);
    assert_eq!(newer, told(&world, &[cosigned(&world, &[(1, 9)])]));
}

#[test]
fn a_newer_line_that_does_not_verify_makes_a_note_worthless_and_an_older_one_is_not_looked_at() {
    let world = World::new(5, 1);
    let known = cosigned(&world, &[(1, 5)]);
    let mut decisions = Decisions::founding(&world.alliance).unwrap();
    assert!(decisions.learn_head(1, &known));
    // Another's signature under the first voter's name.
    let name = witness_name(&world.alliance.id(), &world.nodes[1].id);
    let body = format!("{}\n", known.split_once("\n\n").unwrap().0);
    let forged = |seconds| {
        let signature = note::sign_cosignature(&body, &world.nodes[3].keys.witness, seconds);
        note::cosignature_line(&note::NamedKey::new(name.clone(), world.nodes[1].keys.witness.public()), seconds, &signature)
    };
    let with = |line: String| cosigned(&world, &[(2, 6)]) + &line;
    assert!(!decisions.learn_head(1, &with(forged(6))));
    assert!(!decisions.learn_head(1, &with(forged(u64::MAX))));
    assert!(decisions.learn_head(1, &with(forged(4))));
    let newest = decisions.heads().to_send().pop().unwrap().1;
    assert_eq!(newest, told(&world, &[known, cosigned(&world, &[(2, 6)])]), "what was forged is gone");
}
