//! The program that crash, power-cut and simulation runs put through the mill.
//!
//! One file per command; what they share is `payload` (what is written), `history` (what was answered), `ledger` (the
//! judgement) and `directory` (how it is opened). `queue` holds the same for the queue.

mod directory;
mod history;
mod ledger;
mod payload;
mod queue;
mod sim;
mod verify;
mod write;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

/// Writes a journal, dies, and verifies what stands.
#[derive(Debug, Parser)]
#[command(name = "torture")]
enum Command {
    Sim(sim::Args),
    QueueSim(queue::sim::Args),
    QueueServer(queue::server::Args),
    QueueWork(queue::work::Args),
    QueueVerify(queue::verify::Args),
    Write(write::Args),
    Verify(verify::Args),
}

/// The journal did not open, or the command could not do its work.
const BROKEN: u8 = 3;

fn main() -> ExitCode {
    let ended = match Command::parse() {
        Command::Sim(args) => sim::run(&args),
        Command::QueueSim(args) => queue::sim::run(&args),
        Command::QueueServer(args) => queue::server::run(&args),
        Command::QueueWork(args) => queue::work::run(&args),
        Command::QueueVerify(args) => queue::verify::run(&args),
        Command::Write(args) => write::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    ended.unwrap_or_else(|error| {
        writeln!(io::stderr(), "torture: {error:?}").unwrap_or_default();
        ExitCode::from(BROKEN)
    })
}
