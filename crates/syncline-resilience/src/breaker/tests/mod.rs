//! The breaker as its users see it.

mod calls;
mod half_open;
mod machine;
mod model;
mod open_time;
mod registry;
mod results;

use std::{mem, time::Duration};

use super::CircuitState;
use crate::{CircuitBreaker, MockClock};

const TIMEOUT: Duration = Duration::from_secs(60);
const MS: Duration = Duration::from_millis(1);

/// One that a failure opens.
fn breaker() -> (CircuitBreaker<MockClock>, MockClock) {
    let clock = MockClock::new();
    (CircuitBreaker::with_clock(clock.clone()).with_failure_threshold(1).with_timeout(TIMEOUT), clock)
}

/// One whose open time is over.
fn recovering() -> (CircuitBreaker<MockClock>, MockClock) {
    let (breaker, clock) = breaker();
    breaker.record_failure();
    clock.advance(TIMEOUT);
    (breaker, clock)
}
