//! `suyuan address`: where the members' nodes are reached, and this one from now on.

use suyuan_client::Client;

use super::status;
use crate::answer::{Answer, Failure};
use crate::cli;

pub fn run(client: &Client, command: cli::Address) -> Result<Answer, Failure> {
    let json = match command {
        cli::Address::Show => client.json("/api/v1/addresses"),
        cli::Address::Set { addresses } => client.set_addresses(&addresses),
    };
    let json = json.map_err(|error| Failure::from_client(&error))?;
    Ok(Answer::raw(status::outline(&json), json))
}
