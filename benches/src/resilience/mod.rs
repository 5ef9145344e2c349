//! The resilience room: its hot ways beside those of peers, in nanoseconds of one operation and as ratios.
//!
//! Operations take turns of a few milliseconds, hundreds of times, and a ratio is taken inside its round: other work on the
//! machine then meets all of them. A time on two threads is that of the wall over all operations of both.
//!
//! That a first try writes to no word that threads share is shown twice: breaker and budget hold the same before and after,
//! and a second thread helps a strategy coupled with both as much as one that shares nothing. The same with one shared write
//! added stands beside it, so that it can be seen whether such a write would have been noticed.
//!
//! A build has one set of features: `--features observed` measures Syncline with spans and metrics, and says so in
//! `resilience.is_observed`. `--features allocations` counts.

mod allocations;
mod awaited;
mod breaker;
mod budget;
mod clocks;
mod contest;
mod first_try;
mod fleet;

use std::{path::Path, time::Duration};

use crate::{Result, args::Room, measure::Measure};

/// How long it may take.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rounds: usize,
    turn: Duration,
}

impl Plan {
    const FULL: Self = Self { rounds: 301, turn: Duration::from_millis(3) };
    const QUICK: Self = Self { rounds: 61, turn: Duration::from_millis(2) };
}

/// All figures of the room.
pub(crate) fn run(quick: bool) -> Result<Vec<Measure>> {
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let mut measures = vec![Measure::context("resilience.is_observed", f64::from(cfg!(feature = "observed")))];
    measures.extend(breaker::run(plan)?);
    measures.extend(budget::run(plan)?);
    measures.extend(first_try::run(plan)?);
    Ok(measures)
}

/// Draws the simulated fleet into `dir`.
pub(crate) fn figures(room: Room, dir: &Path) -> Result {
    if room != Room::Resilience {
        return Err(format!("{} has no figures to draw", room.name()).into());
    }
    fleet::figures(dir)
}
