//! Developer commands of Syncline: `cargo xtask --help` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to its terminal")]
#![expect(unreachable_pub, reason = "a binary has no outside: pub means 'used by another file'")]

mod bench;
mod ci;
mod cmd;
mod coverage;
mod crash;
mod error;
mod features;
mod fuzz;
mod lock;
mod loom;
mod measure;
mod metadata;
mod powercut;
mod report;
mod resolves;
mod setup;
mod sim;
mod tally;
mod test;
mod tidy;
mod torture;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::Result;

/// Developer commands of Syncline.
///
/// Start with `cargo xtask test`: it installs what the tests run, then proves what a change must not break.
/// A layer that cannot run here prints `SKIPPED <layer>: <reason>` and is counted in the last line.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Args),
    /// Runs every test: units, doctests, the short simulation, the short crash run, models, resolution beside sqlx
    Test,
    /// Runs what a change must pass: formatter, house rules, dependency policy, lints, documentation, then `test`
    Ci,
    /// Checks the house rules: who may import whom, what sources and documents must and must not say
    Tidy,
    /// Checks each feature of each crate alone
    Features,
    Sim(sim::Args),
    Crash(crash::Args),
    Powercut(powercut::Args),
    /// Runs the models of lock-free code under every interleaving
    Loom,
    /// Checks that an application with sqlx can add Syncline
    Resolves,
    Fuzz(fuzz::Args),
    Bench(bench::Args),
    Coverage(coverage::Args),
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result {
    match command {
        Command::Setup(args) => setup::run(args),
        Command::Test => test::run(),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::Features => features::run(),
        Command::Sim(args) => sim::run(args, torture::Build::Release),
        Command::Crash(args) => crash::run(args, torture::Build::Release).map(drop),
        Command::Powercut(args) => powercut::run(args),
        Command::Loom => report::single("loom", loom::run),
        Command::Resolves => report::single("resolves", resolves::run),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Coverage(args) => coverage::run(args),
    }
}

/// Whether `cargo xtask NAME` exists.
fn has_command(name: &str) -> bool {
    Cli::command().find_subcommand(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert!(has_command("ci") && !has_command("dance"));
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
