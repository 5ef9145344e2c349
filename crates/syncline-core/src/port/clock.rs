//! Time and sleep, so that a test never waits for either.

use std::{fmt::Debug, pin::Pin, sync::Arc};

use crate::{Instant, WallTime, rt};

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
/// 5. `block_until(at)` returns at `at` or later and not before, whether or not a runtime is current.
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

    /// Blocks this thread until `now` has reached `at`.
    fn block_until(&self, at: Instant) {
        rt::block_on(self.sleep_until(at));
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn wall(&self) -> WallTime {
        (**self).wall()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        (**self).sleep_until(at)
    }

    fn block_until(&self, at: Instant) {
        (**self).block_until(at);
    }
}
