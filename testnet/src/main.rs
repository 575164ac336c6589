//! `suyuan-testnet`: clusters of real nodes, scenarios, load and faults.

#![expect(clippy::indexing_slicing, reason = "a JSON value indexed by a name that it lacks is null")]

mod bench;
mod checks;
mod cluster;
mod crash;
mod demo;
mod founding;
mod story;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Clusters of real Suyuan nodes on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Answer with one JSON object.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure writing, replication, size on disk and start against this machine's own limits.
    Bench(bench::Flags),
    /// Kill a node at random instants under load, and look for what it had acknowledged.
    Crash(crash::Flags),
    /// Play one lettuce from field to table on five real nodes, and check everything.
    Demo(demo::Flags),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Bench(flags) => bench::run(&flags, cli.json),
        Command::Crash(flags) => crash::run(&flags, cli.json),
        Command::Demo(flags) => demo::run(&flags, cli.json),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("suyuan-testnet: {why}");
            ExitCode::from(5)
        }
    }
}
