//! `crash`: real processes that write, are killed or meet a failing disk, and are opened again.
//!
//! It cannot see a missing sync, because the page cache outlives a process; `powercut` can.

mod arena;
pub mod dice;
pub mod process;
mod random;
pub mod score;
mod traced;
mod trial;

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

/// Kills writers at random moments and at chosen system calls, and checks what stands.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// Writers that are killed at a random moment
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
    let mut score = Score::default();
    random::kill(&binary, &parent, args.runs, &mut dice, &mut score)?;
    let control = match traced::unavailable() {
        Some(reason) => {
            println!("SKIPPED crash at system calls: {reason}");
            None
        }
        None => {
            traced::enumerate(&binary, &parent, args.points, &mut dice, &mut score)?;
            Some(traced::control(&binary, &parent, &mut dice)?)
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
    Ok(Outcome::Ran(Tally { skipped: u64::from(control.is_none()), ..Tally::passed(1) }))
}
