//! The queue's clock.

use std::time::Duration;

use syncline_core::{Instant, port::Moment};

use crate::state::Millis;

/// Milliseconds of the calendar that never go back: where the calendar is set back, the steady clock carries on from the
/// latest moment seen. So an item never becomes eligible before one that was pushed earlier, and no delay lasts longer than
/// it should.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueClock {
    latest: Millis,
    seen: Option<Instant>,
}

impl QueueClock {
    /// A clock that is not before `latest`, as a queue that was opened again needs.
    pub(crate) fn from(latest: Millis) -> Self {
        Self { latest, seen: None }
    }

    /// The latest time that it gave.
    pub(crate) fn latest(&self) -> Millis {
        self.latest
    }

    /// The time at `now`.
    pub(crate) fn at(&mut self, now: Moment) -> Millis {
        let time = now.wall.as_millis().max(self.carried(now.steady));
        // Less than a millisecond is not lost: the moment from which is carried on stays until the time moves.
        if time > self.latest || self.seen.is_none() {
            (self.latest, self.seen) = (time, Some(now.steady));
        }
        time
    }

    /// The time at `now` by the steady clock alone.
    fn carried(&self, now: Instant) -> Millis {
        let passed = self.seen.map_or(Duration::ZERO, |seen| now.saturating_since(seen));
        // Every call asks this: `as_millis` would reckon with 128 bits.
        let millis = passed.as_secs().saturating_mul(1_000).saturating_add(passed.subsec_millis().into());
        self.latest.saturating_add(millis)
    }
}

#[cfg(test)]
mod tests {
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
        let mut clock = QueueClock::default();
        assert_eq!(clock.at(at(1_000_000, 100)), 1_000_000);
        assert_eq!(clock.at(at(400_000, 150)), 1_000_050);
        assert_eq!(clock.at(at(400_100, 250)), 1_000_150);
        assert_eq!(clock.at(at(2_000_000, 300)), 2_000_000);
    }

    #[test]
    fn steps_below_a_millisecond_add_up() {
        let mut clock = QueueClock::default();
        let micros = |n: u64| Moment {
            wall: WallTime::from_millis(10),
            steady: Instant::from_origin(Duration::from_micros(1_000 + n)),
        };
        let times: Vec<_> = (0..=20).map(|n| clock.at(micros(n * 100))).collect();
        assert_eq!((times[0], times[9], times[10], times[20]), (10, 10, 11, 12));
    }

    #[test]
    fn a_queue_that_was_opened_again_is_not_before_its_past() {
        let mut clock = QueueClock::from(5_000);
        assert_eq!((clock.at(at(10, 7)), clock.at(at(10, 9))), (5_000, 5_002));
    }
}
