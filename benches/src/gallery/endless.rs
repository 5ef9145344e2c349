//! The longest duration there is, as a setting.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use failsafe::{CircuitBreaker as _, backoff, failure_policy};
use recloser::Recloser;
use syncline_resilience::{Backoff, CircuitBreaker, MockClock, RetryStrategy};
use tokio_retry2::{Retry, RetryError, strategy::FixedInterval};

use super::{
    paused,
    trap::{SYNCLINE, Trap, panics},
};
use crate::Result;

/// What never ends is added to now.
pub(super) fn endless() -> Trap {
    Trap::at_most(5, 0.0, "panics where a wait is as long as can be")
        .with("recloser", || {
            let breaker = Recloser::custom().closed_len(1).open_wait(Duration::MAX).build();
            Ok(panics([&mut || (0..5).for_each(|_| drop(breaker.call(|| Err::<(), ()>(()))))]))
        })
        .with("failsafe", || {
            let policy = failure_policy::consecutive_failures(1, backoff::constant(Duration::MAX));
            let breaker = failsafe::Config::new().failure_policy(policy).build();
            Ok(panics([&mut || drop(breaker.call(|| Err::<(), ()>(())))]))
        })
        .with("backon", || {
            let delays = ExponentialBuilder::new().with_factor(1e10).without_max_delay().with_max_times(5);
            let delays = delays.with_total_delay(Some(Duration::MAX));
            Ok(panics([&mut || _ = delays.build().count()]))
        })
        .with("tokio-retry2", || {
            paused::run(async {
                let failing = async || Err::<(), _>(RetryError::transient(()));
                let mut retry = Box::pin(Retry::spawn(FixedInterval::new(Duration::MAX).take(1), failing));
                Ok(panics([&mut || _ = paused::poll_once(&mut retry)]))
            })
        })
        .with(SYNCLINE, syncline)
}

/// A breaker that stays open, an operation that waits and one without an end.
fn syncline() -> Result<f64> {
    let clock = MockClock::new();
    let breaker = CircuitBreaker::with_clock(clock.clone()).with_timeout(Duration::MAX);
    let mut trip = || {
        (0..5).for_each(|_| breaker.record_failure());
        clock.advance(Duration::from_secs(3_600 * 24 * 3_650));
        drop(breaker.try_acquire());
    };
    let endless = RetryStrategy::new()
        .with_backoff(Backoff::constant(Duration::MAX))
        .with_attempt_timeout(Duration::MAX)
        .with_timeout(Duration::MAX);
    paused::run(async {
        let mut retry = Box::pin(endless.execute(async || Err::<(), _>("refused")));
        Ok(panics([&mut trip, &mut || _ = paused::poll_once(&mut retry)]))
    })
}
