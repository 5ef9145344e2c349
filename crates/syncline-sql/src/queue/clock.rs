//! The queue's time.

use std::sync::{Mutex, PoisonError};

use syncline_core::{Instant, port::Moment};

pub(super) use crate::kept::{millis, wall};

/// How far the file may be ahead of this storage without the calendar having been set back: a call tells the time at which
/// it was made, and others write while it waits. Longer than any call waits.
const AHEAD_MAX: i64 = 60_000;

/// Milliseconds of the calendar that never go back, for all threads of one storage.
///
/// Where the calendar is set back, the steady clock carries on from the latest moment that this storage saw. So nothing that
/// was ready waits again, and no lease lasts longer than it should.
///
/// What another process wrote into the file is the least that the time is. It is carried on from only where it is so far
/// ahead that the calendar must have been set back before this storage was opened: otherwise each call that had waited would
/// push the time of everybody a little ahead, and leases would end before their time.
#[derive(Debug, Default)]
pub(super) struct QueueClock {
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    time: i64,
    seen: Option<Instant>,
}

impl QueueClock {
    /// The time at `now`, not before `stored`.
    pub(super) fn at(&self, now: Moment, stored: i64) -> i64 {
        // Two plain values, so a panic elsewhere does not spoil them.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = latest.seen.map_or(0, |seen| now.steady.saturating_since(seen).as_millis());
        let carried = latest.time.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let own = millis(now.wall).max(carried);
        let time = if stored.saturating_sub(own) > AHEAD_MAX { stored } else { own };
        // Less than a millisecond is not lost: the moment from which is carried on stays until the time moves.
        if time > latest.time || latest.seen.is_none() {
            *latest = Latest { time, seen: Some(now.steady) };
        }
        time.max(stored)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline_core::WallTime;

    use super::*;

    fn at(wall: u64, steady_ms: u64) -> Moment {
        Moment {
            wall: WallTime::from_millis(wall),
            steady: Instant::from_origin(Duration::from_millis(steady_ms)),
        }
    }

    #[test]
    fn a_calendar_that_is_set_back_does_not_stop_it() {
        let clock = QueueClock::default();
        assert_eq!(clock.at(at(1_000_000, 100), 0), 1_000_000);
        assert_eq!(clock.at(at(400_000, 150), 0), 1_000_050);
        assert_eq!(clock.at(at(400_100, 250), 0), 1_000_150);
        assert_eq!(clock.at(at(2_000_000, 300), 0), 2_000_000);
    }

    #[test]
    fn it_is_not_before_what_another_process_saw() {
        let clock = QueueClock::default();
        assert_eq!((clock.at(at(10, 7), 5_000), clock.at(at(12, 9), 5_000)), (5_000, 5_000));
    }

    #[test]
    fn it_carries_on_from_a_file_that_is_far_ahead() {
        let clock = QueueClock::default();
        let hour = 3_600_000;
        assert_eq!((clock.at(at(10, 7), hour), clock.at(at(12, 9), hour)), (hour, hour + 2));
    }

    /// Each of two processes took over what the other one had written while it waited, and went on from there: their time
    /// ran away from the calendar.
    #[test]
    fn calls_that_waited_for_each_other_do_not_push_the_time_ahead() {
        let (a, b) = (QueueClock::default(), QueueClock::default());
        let mut stored = 0;
        for n in 1..=1_000 {
            let (first, waited) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            stored = first.at(at(n * 100, n * 100), stored);
            // It was made a little earlier, and had its turn later.
            stored = waited.at(at(n * 100 - 50, n * 100 - 50), stored);
        }
        assert_eq!(stored, 100_000);
    }

    #[test]
    fn steps_below_a_millisecond_add_up() {
        let clock = QueueClock::default();
        let micros = |n: u64| Moment {
            wall: WallTime::from_millis(10),
            steady: Instant::from_origin(Duration::from_micros(n)),
        };
        let times: Vec<_> = (0..=20).map(|n| clock.at(micros(n * 100), 0)).collect();
        assert_eq!((times[0], times[9], times[10], times[20]), (10, 10, 11, 12));
    }
}
