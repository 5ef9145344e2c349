//! The calendar that a queue goes by: it never goes back, so that no delay ends early.

use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use syncline_core::{WallTime, port::Moment};

const MILLI: i64 = 1_000_000;

/// One number, because every call asks for it: by how much the machine's calendar is ahead of its steady clock. Where the
/// calendar is set back, the steady clock carries on, so the most that was ever seen counts.
#[derive(Debug)]
pub(super) struct Calendar {
    /// Nanoseconds.
    ahead: AtomicI64,
}

/// Before the first moment.
const NONE: i64 = i64::MIN;

impl Default for Calendar {
    fn default() -> Self {
        Self { ahead: AtomicI64::new(NONE) }
    }
}

impl Calendar {
    /// The moment by this calendar, and how far the machine's was set forward since the moment before. Of two threads that
    /// ask at once, whoever read the machine's clocks first has the earlier moment, in whichever order they come here.
    pub(super) fn moment(&self, now: Moment) -> (Moment, Duration) {
        let steady = i64::try_from(now.steady.since_origin().as_nanos()).unwrap_or(i64::MAX);
        let wall = i64::try_from(now.wall.as_millis()).unwrap_or(i64::MAX).saturating_mul(MILLI);
        let ahead = wall.saturating_sub(steady).max(NONE + 1);
        // Nothing else is read by what this says: it needs no order among other accesses.
        let before = self.ahead.fetch_max(ahead, Relaxed);
        let by = |ahead: i64| steady.saturating_add(ahead) / MILLI;
        let leap = if before == NONE { 0 } else { (wall / MILLI).saturating_sub(by(before)) };
        let wall = WallTime::from_millis(u64::try_from(by(before.max(ahead))).unwrap_or(0));
        (Moment { wall, ..now }, Duration::from_millis(u64::try_from(leap).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::Instant;

    use super::*;

    fn ask(calendar: &Calendar, wall: u64, steady_micros: u64) -> (u64, u128) {
        let steady = Instant::from_origin(Duration::from_micros(steady_micros));
        let (moment, leap) = calendar.moment(Moment { wall: WallTime::from_millis(wall), steady });
        assert_eq!(moment.steady, steady);
        (moment.wall.as_millis(), leap.as_millis())
    }

    #[test]
    fn where_it_is_set_back_the_steady_clock_carries_on() {
        let calendar = Calendar::default();
        assert_eq!(ask(&calendar, 1_000_000, 100_000), (1_000_000, 0));
        assert_eq!(ask(&calendar, 400_000, 150_000), (1_000_050, 0));
        assert_eq!(ask(&calendar, 400_100, 250_000), (1_000_150, 0));
        assert_eq!(ask(&calendar, 2_000_000, 300_000), (2_000_000, 999_800));
    }

    #[test]
    fn steps_below_a_millisecond_add_up() {
        let calendar = Calendar::default();
        let times: Vec<_> = (0..=20).map(|n| ask(&calendar, 10, 1_000 + n * 100).0).collect();
        assert_eq!((times[0], times[9], times[10], times[20]), (10, 10, 11, 12));
    }

    #[test]
    fn what_was_set_forward_is_told_from_time_that_passes() {
        let calendar = Calendar::default();
        assert_eq!(ask(&calendar, 1_000_000, 0), (1_000_000, 0), "there was no moment before");
        assert_eq!(ask(&calendar, 1_000_050, 50_000), (1_000_050, 0));
        assert_eq!(ask(&calendar, 1_003_050, 50_000), (1_003_050, 3_000));
        assert_eq!(ask(&calendar, 1_003_050, 50_000), (1_003_050, 0), "it is told once");
        assert_eq!(ask(&calendar, 400_000, 150_000), (1_003_150, 0));
        assert_eq!(ask(&calendar, 1_003_200, 150_000), (1_003_200, 50), "of what was set back the rest counts");
    }

    #[test]
    fn a_machine_that_ran_for_longer_than_its_calendar_has_a_time_too() {
        let calendar = Calendar::default();
        assert_eq!(ask(&calendar, 1, 5_000_000), (1, 0));
        assert_eq!(ask(&calendar, 0, 5_002_000), (3, 0));
        assert_eq!(ask(&calendar, u64::MAX, 5_002_000).0, i64::MAX as u64 / 1_000_000);
    }
}
