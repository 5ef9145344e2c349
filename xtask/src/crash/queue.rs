//! `crash queue`: processes that push to a queue and work on it, killed at random moments, and the queue opened again.
//!
//! What was acknowledged stands in a file that outlives them; each item is held against it.

mod arena;
pub mod score;
mod server;

use std::path::Path;

use super::dice::Dice;
use crate::{error::Result, measure::Measure};
use arena::{Arena, Storage};
use score::Score;

/// The deliberate bug that a harness with eyes must see, and the runs in which it has to.
const CONTROL: &str = "ClaimUncounted";
const CONTROL_RUNS: u64 = 40;
/// Runs on one directory at most: recovery of what was recovered, again and again.
const RUNS_ON_ONE: u64 = 16;
/// Directories that broke a promise and are kept for a look, before the loop gives up.
const KEPT_MAX: u32 = 3;

/// Kills processes on each storage until there were `runs` runs of it; prints the figures.
///
/// # Errors
///
/// When a promise was broken, the deliberate bug was not caught, or no process can be run.
pub fn run(binary: &Path, parent: &Path, runs: u64, dice: &mut Dice, json: bool) -> Result {
    let mut broken = Vec::new();
    for storage in Storage::ALL {
        let mut score = Score::default();
        kill(binary, parent, (storage, None), runs, dice, &mut score)?;
        score.measures(storage.name()).iter().for_each(|measure| measure.print(json));
        if !score.holds() {
            broken.push(storage.name());
        }
    }
    let mut control = Score::default();
    kill(binary, parent, (Storage::Journal, Some(CONTROL)), CONTROL_RUNS, dice, &mut control)?;
    let caught = !control.holds();
    Measure::exactly("crash.queue.control_caught", f64::from(u8::from(caught)), 1.0).print(json);
    if !broken.is_empty() {
        return Err(
            format!("a promise was broken: {}; what is left is in {}", broken.join(", "), parent.display()).into()
        );
    }
    if caught {
        Ok(())
    } else {
        Err(format!("harness blind: {CONTROL} was not caught in {CONTROL_RUNS} runs").into())
    }
}

/// Kills the processes of `runs` runs; with a deliberate bug only until it is caught.
fn kill(
    binary: &Path,
    parent: &Path,
    (storage, planted): (Storage, Option<&'static str>),
    runs: u64,
    dice: &mut Dice,
    score: &mut Score,
) -> Result<()> {
    let mut kept = 0;
    let mut server = storage.server(binary)?;
    while score.runs < runs && kept < KEPT_MAX {
        let mut arena = Arena::new(binary, parent, (storage, planted), server.as_ref(), dice.word())?;
        let mut held = true;
        let most = dice.between(1, RUNS_ON_ONE + 1).min(runs - score.runs);
        for run in 0..most {
            held = arena.run(dice, server.as_mut(), run + 1 == most, score)?;
            if score.runs.is_multiple_of(100) {
                eprintln!("  {} of {runs} runs on {}", score.runs, storage.name());
            }
            if !held {
                break;
            }
        }
        match (held, planted) {
            (true, _) => arena.remove()?,
            (false, Some(_)) => return arena.remove(),
            (false, None) => kept += 1,
        }
    }
    Ok(())
}
