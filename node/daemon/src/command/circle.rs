//! `suyuan circle`: listing and opening circles.

use suyuan_client::{CircleMember, Client, NewCircle};
use suyuan_core::circle::{Rights, Terms, Tier};

use super::status;
use crate::answer::{Answer, Failure};
use crate::cli;

pub fn run(client: &Client, command: cli::Circle) -> Result<Answer, Failure> {
    let json = match command {
        cli::Circle::List => client.json("/api/v1/circles"),
        cli::Circle::Show { id } => client.json(&format!("/api/v1/circles/{id}")),
        cli::Circle::New(circle) => client.open_circle(&request(circle)?),
        cli::Circle::Epoch { id, circle } => client.open_epoch(&id, &request(circle)?),
    };
    let json = json.map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(status::outline(&json), json))
}

fn request(circle: cli::NewCircle) -> Result<NewCircle, Failure> {
    let tier = match circle.tier.as_str() {
        "authorized" => Tier::Authorized,
        "codevelopment" => Tier::Codevelopment,
        other => return Err(Failure::local(format!("{other:?} is no tier: authorized 授权共享 or codevelopment 协同开发"))),
    };
    let with = |rights: Rights| move |member: String| CircleMember { member, rights };
    let members = circle.readers.into_iter().map(with(Rights::Read)).chain(circle.writers.into_iter().map(with(Rights::Write)));
    Ok(NewCircle { name: circle.name, purpose: circle.purpose, tier, members: members.collect(), terms: Terms::default(), until: circle.until })
}
