//! Retries: how many, and how long.

use std::{cell::Cell, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use syncline_resilience::{Class, RetryStrategy};
use tokio::time::{Instant, sleep};

use super::{
    paused,
    trap::{SYNCLINE, Trap},
};

/// Retries that every side is allowed here.
const RETRIES: u32 = 3;
/// Attempts after which an experiment has seen enough.
const ENOUGH: u32 = 10_000;
const SECOND: Duration = Duration::from_secs(1);

/// What the server says about waiting takes away the bound on attempts.
pub(super) fn told_to_wait() -> Trap {
    let attempts = Cell::new(0);
    let attempt = async || {
        attempts.set(attempts.get() + 1);
        if attempts.get() < ENOUGH { Err("wait 0 seconds") } else { Ok(()) }
    };
    let made = || Ok(f64::from(attempts.replace(0)));
    let allowed = RETRIES + 1;
    let experiment =
        format!("attempts out of {allowed} allowed, the server asking for 0 seconds (stopped at {ENOUGH})");
    Trap::at_most(9, f64::from(allowed), experiment)
        .with("backon", || {
            paused::run(async {
                let builder = ExponentialBuilder::new().with_max_times(RETRIES as usize);
                // As the documentation of `adjust` does it: a hint there is takes the place of the delay.
                let hint = |_: &&str| Some(Duration::ZERO);
                _ = attempt.retry(builder).adjust(|error, delay| hint(error).or(delay)).await;
                made()
            })
        })
        .with(SYNCLINE, || {
            paused::run(async {
                let throttled = |_: &&str| Class::Throttled { retry_after: Some(Duration::ZERO) };
                let strategy = RetryStrategy::new().with_max_attempts(allowed)?;
                _ = strategy.execute_classified(throttled, attempt).await;
                made()
            })
        })
}

/// A bound on the whole that does not count the attempts.
pub(super) fn only_sleeps_count() -> Trap {
    let hangs = async || {
        sleep(SECOND * 10).await;
        Err::<(), _>("too late")
    };
    Trap::at_most(10, 1.0, "seconds taken by an operation that is given 1 second, attempts hanging for 10 each")
        .with("backon", || {
            paused::run(async {
                let start = Instant::now();
                let builder = ExponentialBuilder::new()
                    .with_min_delay(Duration::from_millis(100))
                    .with_total_delay(Some(SECOND));
                _ = hangs.retry(builder).await;
                Ok(start.elapsed().as_secs_f64())
            })
        })
        .with(SYNCLINE, || {
            paused::run(async {
                let start = Instant::now();
                _ = RetryStrategy::new().with_timeout(SECOND).execute(hangs).await;
                Ok(start.elapsed().as_secs_f64())
            })
        })
}
