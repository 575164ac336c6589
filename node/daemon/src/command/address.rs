//! `suyuan address`: where the members' nodes are reached, and this one from now on.

use suyuan_client::Client;

use super::status;
use crate::answer::{Answer, Failure};
use crate::cli;

pub fn run(client: &Client, command: cli::Address) -> Result<Answer, Failure> {
    match command {
        cli::Address::Show => status::list(client, "/api/v1/addresses", "members"),
        cli::Address::Set { addresses } => {
            let json = client.set_addresses(&addresses).map_err(|error| Failure::from_client(&error))?;
            Ok(status::named("members", &json))
        }
    }
}
