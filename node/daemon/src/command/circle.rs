//! `suyuan circle`: listing and opening circles.

use suyuan_client::{CircleMember, Client, NewCircle, NewEpoch};
use suyuan_core::circle::{Rights, Terms, Tier};

use super::status;
use crate::answer::{Answer, Failure};
use crate::cli;

pub fn run(client: &Client, command: cli::Circle) -> Result<Answer, Failure> {
    let json = match command {
        cli::Circle::List => client.json("/api/v1/circles"),
        cli::Circle::Show { id } => client.json(&format!("/api/v1/circles/{id}")),
        cli::Circle::New { tier, circle } => {
            let tier = tier_named(&tier)?;
            let members = members(&circle);
            let cli::CircleFlags { name, purpose, until, .. } = circle;
            client.open_circle(&NewCircle { name, purpose, tier, members, terms: Terms::default(), until })
        }
        cli::Circle::Epoch { id, circle } => {
            let members = members(&circle);
            let cli::CircleFlags { name, purpose, until, .. } = circle;
            client.open_epoch(&id, &NewEpoch { name, purpose, members, terms: Terms::default(), until })
        }
    };
    let json = json.map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(status::outline(&json), json))
}

fn tier_named(name: &str) -> Result<Tier, Failure> {
    match name {
        "authorized" => Ok(Tier::Authorized),
        "codevelopment" => Ok(Tier::Codevelopment),
        other => Err(Failure::local(format!("{other:?} is no tier: authorized 授权共享 or codevelopment 协同开发"))),
    }
}

fn members(circle: &cli::CircleFlags) -> Vec<CircleMember> {
    let with = |rights: Rights| move |member: &String| CircleMember { member: member.clone(), rights };
    circle.readers.iter().map(with(Rights::Read)).chain(circle.writers.iter().map(with(Rights::Write))).collect()
}
