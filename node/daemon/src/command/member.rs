//! Choosing a member by what an operator calls it.

use crate::answer::Failure;

/// The one member with this name or id, of several with their ids and names.
pub fn chosen<T>(members: impl IntoIterator<Item = (T, String, String)>, wanted: &str) -> Result<T, Failure> {
    let mut found = members.into_iter().filter(|(_, id, name)| id == wanted || name == wanted).map(|(member, ..)| member);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Failure::usage(format!("the alliance has no member {wanted:?} today; `suyuan charter show` lists them"))),
        _ => Err(Failure::usage(format!("several members are called {wanted:?}; name one by its id"))),
    }
}
