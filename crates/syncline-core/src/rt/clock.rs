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

/// All instants of a process are counted from its first look at the clock.
static ORIGIN: OnceLock<tokio::time::Instant> = OnceLock::new();

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the steady clock")]
    fn now(&self) -> Instant {
        let now = tokio::time::Instant::now();
        Instant::from_origin(now.saturating_duration_since(*ORIGIN.get_or_init(|| now)))
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

    #[test]
    fn the_calendar_is_in_this_century() {
        assert!(SystemClock.wall() > WallTime::from_millis(1_700_000_000_000));
    }
}
