//! The calendar that a queue goes by: it never goes back, so that no delay ends early.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use syncline_core::{WallTime, port::Moment};

use crate::storage::QueueClock;

/// Under a lock of its own: every call asks it, and those who write numbers down do not wait for that.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    clock: Mutex<QueueClock>,
}

impl Calendar {
    /// The moment by this calendar, and how far the machine's was set forward since the moment before.
    pub(super) fn moment(&self, now: Moment) -> (Moment, Duration) {
        // It is whole between any two lines, so a panic elsewhere does not spoil it.
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let leap = clock.leap(now);
        (Moment { wall: WallTime::from_millis(clock.at(now)), ..now }, leap)
    }
}
