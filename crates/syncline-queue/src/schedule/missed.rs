//! What becomes of occurrences that nobody was there for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline_core::WallTime;

use super::Schedule;

/// Most occurrences that are pushed at once.
pub(super) const AT_ONCE_MAX: u16 = 64;

/// What becomes of occurrences that passed while nobody popped from the queue: it was closed, stopped, or locked. What is left
/// out is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedRuns {
    /// The newest runs unless it is late by more than `after`; the others are left out.
    Skip {
        /// How late it may be.
        after: Duration,
    },
    /// The newest runs, however late; the others are left out.
    #[default]
    RunOnce,
    /// The newest of them run, each on its own, in order.
    RunAll {
        /// Most of them, 1 to 64.
        most: u16,
    },
}

/// The occurrences from `from` to `now` that are to be run, oldest first, and whether some are left out.
pub(super) fn due(schedule: &Schedule, missed: MissedRuns, from: WallTime, now: WallTime) -> (Vec<WallTime>, bool) {
    let most = match missed {
        MissedRuns::Skip { .. } | MissedRuns::RunOnce => 1,
        MissedRuns::RunAll { most } => usize::from(most.clamp(1, AT_ONCE_MAX)),
    };
    let is_due = |at: &WallTime| *at >= from;
    let mut run = Vec::new();
    let mut next = schedule.last_by(now).filter(is_due);
    while let Some(at) = next.filter(|_| run.len() < most) {
        run.push(at);
        let before = at.as_millis().checked_sub(1).map(WallTime::from_millis);
        next = before.and_then(|before| schedule.last_by(before)).filter(is_due);
    }
    let mut is_short = next.is_some();
    if let MissedRuns::Skip { after } = missed {
        let late = |at: &WallTime| Duration::from_millis(now.as_millis().saturating_sub(at.as_millis()));
        let before = run.len();
        run.retain(|at| late(at) <= after);
        is_short |= run.len() < before;
    }
    run.reverse();
    (run, is_short)
}
