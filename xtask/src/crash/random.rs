//! Writers killed at random moments, several in a row on each directory.

use std::{path::Path, time::Duration};

use super::{
    arena::{Arena, Workload},
    dice::Dice,
    score::Score,
    trial::{self, Death},
};
use crate::error::Result;

/// More than any writer gets done before it is killed.
const ENDLESS: u64 = 10_000_000;
/// Runs on one directory at most: recovery of what was recovered, again and again.
const RUNS_ON_ONE: u64 = 16;
/// Directories that broke a promise and are kept for a look, before the loop gives up.
const KEPT_MAX: u32 = 3;

/// Runs and kills `runs` writers below `parent`.
///
/// # Errors
///
/// When a process cannot be run at all. Broken promises are in the score.
pub fn kill(binary: &Path, parent: &Path, runs: u64, dice: &mut Dice, score: &mut Score) -> Result {
    let (mut done, mut kept) = (0, 0);
    while done < runs && kept < KEPT_MAX {
        let mut arena = Arena::new(binary, parent, dice.word())?;
        let mut held = true;
        for _ in 0..dice.between(1, RUNS_ON_ONE + 1).min(runs - done) {
            held = kill_one(&mut arena, dice, score)?;
            done += 1;
            if done.is_multiple_of(100) {
                eprintln!("  {done} of {runs} runs");
            }
            if !held {
                break;
            }
        }
        if held {
            arena.remove()?;
        } else {
            kept += 1;
        }
    }
    Ok(())
}

fn kill_one(arena: &mut Arena, dice: &mut Dice, score: &mut Score) -> Result<bool> {
    let workload = Workload {
        records: if dice.one_in(8) { dice.between(0, 40) } else { ENDLESS },
        window: dice.between(1, 17),
        buffered_percent: if dice.one_in(2) { dice.between(0, 101) } else { 0 },
        no_close: dice.one_in(2),
    };
    if dice.one_in(8) {
        arena.interrupt_recovery(Duration::from_micros(dice.between(0, 8_000)))?;
    }
    // A quarter die while they start and recover, the others while they write.
    let micros = if dice.one_in(4) {
        dice.between(0, 10_000)
    } else {
        dice.between(10_000, 120_000)
    };
    let trial = trial::run(arena, workload, &Death::Killed(Duration::from_micros(micros)), score)?;
    Ok(trial.held)
}
