//! What a budget does, seen from outside; and that it is what slow, obvious models do.

mod kinds;
mod model_bucket;
mod model_others;
mod traps;
mod writes;

use std::time::Duration;

use crate::{Class, RetryBudget, time::MockClock};

const SEC: Duration = Duration::from_secs(1);

/// A bucket on a clock that is stepped by hand.
fn bucket(capacity: u32, per_second: f64) -> (RetryBudget<MockClock>, MockClock) {
    let clock = MockClock::new();
    (RetryBudget::with_clock(capacity, per_second, clock.clone()), clock)
}

/// How many retries it pays for, one by one, until it refuses.
fn drain(budget: &RetryBudget<MockClock>) -> u32 {
    (0..).take_while(|_| budget.try_charge(Class::Transient)).count().try_into().unwrap()
}
