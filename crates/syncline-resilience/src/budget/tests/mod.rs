//! What a budget does, seen from outside; and that it is what slow, obvious models do.

mod kinds;
mod model_bucket;
mod model_others;
mod traps;
mod writes;

use std::time::Duration;

use crate::{Class, RetryBudget, time::MockClock};

const SEC: Duration = Duration::from_secs(1);
/// More retries than any budget of these tests pays for.
const NO_END: u32 = 10_000;

/// A bucket on a clock that is stepped by hand.
fn bucket(capacity: u32, per_second: f64) -> (RetryBudget<MockClock>, MockClock) {
    let clock = MockClock::new();
    (RetryBudget::with_clock(capacity, per_second, clock.clone()), clock)
}

/// How many retries it pays for, one by one, until it refuses.
fn drain(budget: &RetryBudget<MockClock>) -> u32 {
    let paid = (0..=NO_END)
        .take_while(|_| budget.try_charge(Class::Transient))
        .count()
        .try_into()
        .unwrap();
    assert!(paid < NO_END, "it never refuses: {budget:?}");
    paid
}
