//! Syncline beside its peers: same bytes, same disk, one run, ratios.
//!
//! Stores take turns in short rounds, so that a disk that slows down slows all of them; a ratio is taken inside its round
//! and the median of the rounds is printed. What was written is counted and compared after every turn: a store that lost
//! a record ends the run. Rates and times are context, ratios are the result; a missed goal is printed as missed.
//!
//! - [`store`]: what is measured; [`stores`]: the journal, its peers, and a bare loop of writes and syncs;
//! - [`load`]: threads that keep a store busy; [`payload`]: the bytes they write;
//! - [`journal`], [`engine`], [`queue`]: the rooms' rows, ratios and goals;
//! - [`resilience`]: operations of nanoseconds, beside those of peers;
//! - [`gallery`]: faults of peers, each shown beside Syncline;
//! - [`scratch`], [`device`], [`pressure`], [`fsync`], [`latency`], [`measure`]: directory, disk counters, how busy the
//!   machine is, sync times, lines.

mod args;
mod device;
mod engine;
mod fsync;
mod gallery;
mod journal;
mod latency;
mod load;
mod measure;
mod payload;
mod pressure;
mod queue;
mod resilience;
mod scratch;
mod store;
mod stores;

use std::process::ExitCode;

use args::{Args, Room};
use clap::Parser as _;

/// Whatever a vendor's library says: a benchmark can only give up.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result {
    if args.room == Room::Gallery {
        gallery::run(args.quick).lines(args.json).iter().for_each(|line| println!("{line}"));
        return Ok(());
    }
    if let Some(dir) = &args.figures {
        return resilience::figures(args.room, dir);
    }
    if let Some(dir) = &args.backlog {
        return queue::alone::run(dir);
    }
    let scratch = scratch::Scratch::create(args.dir.as_deref())?;
    let before = pressure::of_processors(args.room.name());
    let measures = match args.room {
        Room::Journal => journal::run(&scratch, args.quick)?,
        Room::Engine => engine::run(&scratch, args.quick)?,
        Room::Queue => queue::run(&scratch, args.quick)?,
        Room::Resilience => resilience::run(args.quick)?,
        Room::Gallery => Vec::new(),
    };
    before.iter().chain(&measures).for_each(|measure| println!("{}", measure.line(args.json)));
    Ok(())
}
