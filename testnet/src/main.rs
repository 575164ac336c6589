//! `suyuan-testnet`: clusters of real nodes, scenarios, load and faults.

#![expect(clippy::indexing_slicing, reason = "a JSON value indexed by a name that it lacks is null")]

mod bench;
mod checks;
mod cluster;
mod crash;
mod demo;
mod files;
mod founding;
mod hosts;
mod images;
mod living;
mod network;
mod rot;
mod sim;
mod story;
mod up;
mod witness;

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
    /// What a stranger's host runs in the network campaign.
    #[command(hide = true)]
    Attack(network::AttackFlags),
    /// Measure writing, replication, size on disk and start against this machine's own limits.
    Bench(bench::Flags),
    /// Kill a node at random instants under load, and look for what it had acknowledged.
    Crash(crash::Flags),
    /// Play one lettuce from field to table on five real nodes, and check everything.
    Demo(demo::Flags),
    /// Put a member's disk back to old images while the others run, and look for two histories and for what did not come back.
    Images(images::Flags),
    /// Cut a member off, on hosts of their own, and count what it costs to bring it back; attack a node from a stranger's host.
    Network(network::Flags),
    /// Flip bits in the files of a stopped node, and look for what goes unnoticed.
    Rot(rot::Flags),
    /// Run alliances in memory, from seeds, with crashing, lying and parted members, and hold what happens against what must.
    Sim(sim::Flags),
    /// Run an alliance of nodes to try things with.
    Up(up::Flags),
    /// Kill a witness at random instants while lying logs ask it to cosign, and look for two histories or a size that fell.
    Witness(witness::Flags),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Attack(flags) => network::strike(&flags),
        Command::Bench(flags) => bench::run(&flags, cli.json),
        Command::Crash(flags) => crash::run(&flags, cli.json),
        Command::Demo(flags) => demo::run(&flags, cli.json),
        Command::Images(flags) => images::run(&flags, cli.json),
        Command::Network(flags) => network::run(&flags, cli.json),
        Command::Rot(flags) => rot::run(&flags, cli.json),
        Command::Sim(flags) => sim::run(&flags, cli.json),
        Command::Up(flags) => up::run(&flags, cli.json),
        Command::Witness(flags) => witness::run(&flags, cli.json),
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
