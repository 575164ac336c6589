//! `suyuan circle`: listing and opening circles.

use suyuan_client::{CircleMember, Client, NewCircle, NewEpoch};
use suyuan_core::circle::{Rights, Terms};

use super::status;
use crate::answer::{Answer, Failure};
use crate::cli;

pub fn run(client: &Client, command: cli::Circle) -> Result<Answer, Failure> {
    let json = match command {
        cli::Circle::List => return status::list(client, "/api/v1/circles", "circles"),
        cli::Circle::Show { id } => client.json(&format!("/api/v1/circles/{id}")),
        cli::Circle::New { tier, circle: cli::CircleFlags { name, purpose, members: given, until } } => {
            client.open_circle(&NewCircle { name, purpose, tier, members: members(&given), terms: Terms::default(), until })
        }
        cli::Circle::Epoch { id, name, purpose, members: given, until } => {
            let members = Some(members(&given)).filter(|members| !members.is_empty());
            client.open_epoch(&id, &NewEpoch { name, purpose, members, until })
        }
    };
    let json = json.map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(status::outline(&json), json))
}

fn members(given: &cli::MemberFlags) -> Vec<CircleMember> {
    let with = |rights: Rights| move |member: &String| CircleMember { member: member.clone(), rights };
    given.readers.iter().map(with(Rights::Read)).chain(given.writers.iter().map(with(Rights::Write))).collect()
}
