//! The machine's clocks.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use super::{task::is_async, timer};
use crate::{
    Instant, WallTime,
    port::{Clock, Sleep},
};

/// The machine's clocks. Where a tokio runtime is current it sleeps through it and honours its paused clock; elsewhere a
/// thread of its own wakes the sleepers, so that any executor will do.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// All instants of a process are counted from its first look at the clock, less a day.
static ORIGIN: OnceLock<tokio::time::Instant> = OnceLock::new();

/// A runtime whose clock was paused before that first look is behind it, and its time passes all the same.
const HEAD_START: Duration = Duration::from_secs(86_400);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the steady clock")]
    fn now(&self) -> Instant {
        let now = tokio::time::Instant::now();
        let origin = *ORIGIN.get_or_init(|| now);
        Instant::from_origin(match now.checked_duration_since(origin) {
            Some(passed) => HEAD_START + passed,
            None => HEAD_START.saturating_sub(origin.saturating_duration_since(now)),
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the calendar")]
    fn wall(&self) -> WallTime {
        // A calendar before 1970 is a clock that was never set: the earliest time we can name.
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        WallTime::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    fn sleep_until(&self, at: Instant) -> Sleep {
        let left = at.saturating_since(self.now());
        match is_async() {
            true => Box::pin(tokio::time::sleep(left)),
            false => Box::pin(timer::sleep(left)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    fn block_until(&self, at: Instant) {
        // Never through the runtime's timer: the thread that blocks may be the one that drives it.
        std::thread::sleep(at.saturating_since(self.now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_honours_a_paused_clock() {
        let clock = SystemClock;
        let start = clock.now();
        clock.sleep_until(start + Duration::from_secs(3_600)).await;
        assert!(clock.now().saturating_since(start) >= Duration::from_secs(3_600));
    }

    /// What went wrong: the time of a paused clock stood still until it came up to the first look at any clock, so that nine
    /// seconds were a few microseconds less.
    #[test]
    fn a_clock_that_was_paused_before_the_first_look_moves_by_what_it_is_advanced() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let first_look = SystemClock.now();
        assert!(SystemClock.now() >= first_look);
        runtime.block_on(async {
            let start = SystemClock.now();
            tokio::time::advance(Duration::from_secs(9)).await;
            assert_eq!(SystemClock.now().saturating_since(start), Duration::from_secs(9));
        });
    }

    #[test]
    fn the_calendar_is_in_this_century() {
        assert!(SystemClock.wall() > WallTime::from_millis(1_700_000_000_000));
    }
}
