//! The commands, one file each, and the options that all of them take.

mod backup;
mod completions;
mod config;
mod context;
mod delete;
mod doctor;
mod export;
mod get;
mod import;
mod keygen;
mod man;
mod pages;
mod put;
mod queue;
mod restore;
mod scan;
mod stats;
mod verify;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{ArgAction, Args, Parser, Subcommand};
use context::Context;
use tracing_subscriber::EnvFilter;

use crate::{
    exit::{Exit, Failure, Result},
    output::Output,
};

/// Stores records durably, reads them back byte for byte, and proves that they are there
#[derive(Debug, Parser)]
#[command(name = "syncline", version, propagate_version = true, after_long_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  syncline import packages.ndjson          store every record of a file; run it twice and nothing is written again
  syncline get debian.net.4g8              print one record, byte for byte
  syncline scan debian.games.              list records by the beginning of their ids
  syncline verify                          read everything back and check it
  syncline backup /backups/monday          copy it all, while other commands run
  syncline --dir new restore /backups/monday

One process holds a directory at a time. While it runs, every other command works through it: start an import in one
terminal and 'syncline get' in another.

Exit status: 0 done, 1 failed, 2 asked in the wrong way, 3 not found, 4 the lease had ended, 130 stopped by Ctrl-C.";

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
struct Globals {
    /// Directory that holds the records
    #[arg(long, value_name = "DIR", default_value = "syncline-data", env = "SYNCLINE_DIR", global = true)]
    dir: PathBuf,
    /// Settings as TOML; without it DIR/syncline.toml is read where it is there
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// File with the key that the directory is encrypted with; else the variable SYNCLINE_KEY holds the key itself
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// File with a key of before, needed to read what it encrypted; may be given more than once
    #[arg(long, value_name = "FILE", global = true)]
    older_key_file: Vec<PathBuf>,
    /// Print one JSON object a line, for machines; errors too
    #[arg(long, global = true)]
    json: bool,
    /// Say more about what goes on; twice for even more
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// Fail when another process holds the directory, instead of working through it
    #[arg(long, global = true)]
    exclusive: bool,
    /// How many seconds another process that holds the directory may be silent [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    timeout: Option<std::time::Duration>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
    Get(get::Get),
    Put(put::Put),
    Delete(delete::Delete),
    Scan(scan::Scan),
    Queue(queue::Queue),
    Export(export::Export),
    Stats(stats::Stats),
    Verify(verify::Verify),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Doctor(doctor::Doctor),
    Config(config::Config),
    Keygen(keygen::Keygen),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> Exit {
    let cli = Cli::parse();
    let output = Output::new(cli.globals.json);
    watch(cli.globals.verbose);
    match run(cli, output) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

fn run(cli: Cli, output: Output) -> Result<Exit> {
    let globals = cli.globals;
    match cli.command {
        // These touch no directory.
        Command::Config(config) => config.run(output),
        Command::Keygen(keygen) => keygen.run(output),
        Command::Completions(completions) => completions.run(output),
        Command::Man(man) => man.run(output),
        command => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = runtime
                .map_err(|error| Failure::failed("unavailable", format!("the system gives no threads: {error}")))?;
            runtime.block_on(act(command, Context::new(&globals, output)?))
        }
    }
}

async fn act(command: Command, context: Context) -> Result<Exit> {
    match command {
        Command::Import(import) => import.run(context).await,
        Command::Get(get) => get.run(context).await,
        Command::Put(put) => put.run(context).await,
        Command::Delete(delete) => delete.run(context).await,
        Command::Scan(scan) => scan.run(context).await,
        Command::Queue(queue) => queue.run(context).await,
        Command::Export(export) => export.run(context).await,
        Command::Stats(stats) => stats.run(context).await,
        Command::Verify(verify) => verify.run(context).await,
        Command::Backup(backup) => backup.run(context).await,
        Command::Restore(restore) => restore.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Config(config) => config.run(context.output),
        Command::Keygen(keygen) => keygen.run(context.output),
        Command::Completions(completions) => completions.run(context.output),
        Command::Man(man) => man.run(context.output),
    }
}

/// Prints what the library says about itself, on standard error.
fn watch(verbose: u8) {
    let level = match verbose {
        // What matters to who typed the command is in its last sentence.
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let subscriber = subscriber.with_ansi(io::stderr().is_terminal());
    if subscriber.try_init().is_err() {
        crate::output::note("syncline: what goes on cannot be printed: something else prints it already");
    }
}

fn seconds(text: &str) -> std::result::Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
        }
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds() {
        assert_eq!(seconds("0.5").unwrap().as_millis(), 500);
        assert!(seconds("-1").is_err() && seconds("x").is_err());
    }
}
