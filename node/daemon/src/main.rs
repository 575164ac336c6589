//! `suyuan`: the node, and everything that its operator does with it from a shell.

mod answer;
mod cli;
mod command;
mod config;
mod external;
mod telemetry;
mod time;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return answer::print_usage(&error),
    };
    let json = cli.json;
    match command::run(cli) {
        Ok(answer) => answer.print(json),
        Err(failure) => failure.print(json),
    }
}
