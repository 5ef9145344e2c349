//! `crash`: real processes that write, are killed or meet a failing disk, and are opened again.
//!
//! It cannot see a missing sync, because the page cache outlives a process; `powercut` can.

mod arena;
pub mod dice;
mod process;
pub mod queue;
mod random;
pub mod score;
mod traced;
mod trial;

use std::path::Path;

use crate::{
    cmd,
    error::Result,
    measure::Measure,
    report::Outcome,
    tally::Tally,
    torture::{self, Build},
};
use dice::Dice;
use score::Score;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Room {
    /// Writers of a journal
    Journal,
    /// Producers and workers of a queue: on a journal, and in four processes at once on SQLite and PostgreSQL
    Queue,
}

/// Kills writers at random moments and at chosen system calls, and checks what stands.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// Only this
    pub room: Option<Room>,
    /// Runs that end with a kill at a random moment, for each storage
    #[arg(long, default_value_t = 1_000)]
    pub runs: u64,
    /// System calls, one by one, at which a writer is killed or which fail
    #[arg(long, default_value_t = 400)]
    pub points: u64,
    /// Replays the choices of an earlier run; when a process dies depends on the machine all the same
    #[arg(long)]
    pub seed: Option<u64>,
    /// Figures as objects for machines
    #[arg(long)]
    pub json: bool,
}

/// Runs all trials with the binary that `build` gives, and prints the figures.
///
/// # Errors
///
/// When a promise was broken, or the trials could not be run.
pub fn run(args: Args, build: Build) -> Result<Outcome> {
    let binary = torture::build(build)?;
    let parent = cmd::target_dir().join("crash");
    let seed = args.seed.unwrap_or_else(dice::fresh_seed);
    eprintln!("crash: seed {seed}, below {}", parent.display());
    let mut dice = Dice::new(seed);
    let run_all = args.room.is_none();
    let mut tally = Tally::default();
    if run_all || args.room == Some(Room::Journal) {
        tally += journal(&binary, args, seed, &mut dice)?;
    }
    if run_all || args.room == Some(Room::Queue) {
        queue::run(&binary, &parent, args.runs, &mut dice, args.json)?;
        tally += Tally::passed(1);
    }
    Ok(Outcome::Ran(tally))
}

/// Writers of a journal, at random moments and at chosen system calls.
fn journal(binary: &Path, args: Args, seed: u64, dice: &mut Dice) -> Result<Tally> {
    let parent = cmd::target_dir().join("crash");
    let mut score = Score::default();
    random::kill(binary, &parent, args.runs, dice, &mut score)?;
    let control = match traced::unavailable() {
        Some(reason) => {
            println!("SKIPPED crash at system calls: {reason}");
            None
        }
        None => {
            traced::enumerate(binary, &parent, args.points, dice, &mut score)?;
            Some(traced::control(binary, &parent, dice)?)
        }
    };
    let caught = control.map(|caught| Measure::exactly("crash.control_caught", f64::from(u8::from(caught)), 1.0));
    let measures = score.ends("crash").into_iter().chain(score.promises("crash")).chain(caught);
    measures.for_each(|measure| measure.print(args.json));
    if control == Some(false) {
        return Err("harness blind: a journal that writes a transaction in two frames was not caught".into());
    }
    if !score.holds() {
        return Err(format!("a promise was broken: seed {seed}, what is left of it is in {}", parent.display()).into());
    }
    Ok(Tally { skipped: u64::from(control.is_none()), ..Tally::passed(1) })
}
