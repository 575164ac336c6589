//! The house rules that a machine can check (`specs/STYLE.md`, `specs/ARCHITECTURE.md`): each test is one rule and says how to mend what breaks it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod citations;
mod crates;
mod sources;
mod tree;

/// Fails with every breach of a rule at once, and with what to do about it.
fn hold(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{} of this rule: {rule}\n  {}\n", plural(breaches.len()), breaches.join("\n  "));
}

fn plural(breaches: usize) -> String {
    if breaches == 1 { "one breach".into() } else { format!("{breaches} breaches") }
}
