//! Time and sleep, so that a test never waits for either.

use std::{fmt::Debug, pin::Pin};

use crate::{Instant, WallTime};

/// A sleep that resolves at its deadline.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// Where time comes from.
///
/// # Contract
///
/// 1. `now` never decreases.
/// 2. `wall` may step in either direction.
/// 3. `sleep_until(at)` resolves at `at` or later and not before; at once when `at` has passed.
/// 4. Dropping a sleep cancels it.
pub trait Clock: Debug + Send + Sync {
    /// The steady clock's moment.
    fn now(&self) -> Instant;

    /// The calendar's moment.
    fn wall(&self) -> WallTime;

    /// A future that resolves once `now` has reached `at`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect but that nobody is woken.
    fn sleep_until(&self, at: Instant) -> Sleep;
}
