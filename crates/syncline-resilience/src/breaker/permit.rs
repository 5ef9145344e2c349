//! The right to make one request.

use std::{fmt, mem, sync::Arc};

use super::{CircuitBreaker, core::Outcome, word::Generation};
use crate::time::{Clock, Instant, SystemClock};

/// The right to make one request, and the way to tell its result. Dropping it tells nothing, as cancelling the request does,
/// and gives a probe's place back.
///
/// The result counts in the state that admitted the request: if the breaker has changed since, it is stale and changes nothing.
///
/// # Examples
///
/// ```
/// use syncline_resilience::CircuitBreaker;
///
/// let breaker = CircuitBreaker::new();
/// let permit = breaker.try_acquire()?;
/// match "42".parse::<u32>() {
///     Ok(_) => permit.success(),
///     Err(_) => permit.failure(),
/// }
/// assert_eq!(breaker.stats().failure_count, 0);
/// # Ok::<(), syncline_resilience::retry::Rejected>(())
/// ```
#[must_use = "dropping it gives the request up; tell it the result"]
pub struct Permit<'a, C: Clock = SystemClock> {
    breaker: &'a CircuitBreaker<C>,
    generation: Generation,
    /// Where slow calls count.
    began: Option<Instant>,
}

impl<'a, C: Clock> Permit<'a, C> {
    #[inline]
    pub(super) fn new(breaker: &'a CircuitBreaker<C>, generation: Generation, began: Option<Instant>) -> Self {
        Self { breaker, generation, began }
    }

    /// The request succeeded.
    #[inline]
    pub fn success(self) {
        self.settle(Outcome::Success);
    }

    /// The request failed, and that is held against the other side.
    pub fn failure(self) {
        self.settle(Outcome::Failure);
    }

    /// The request ended in a way that says nothing of the other side's health.
    pub fn ignore(self) {
        drop(self);
    }

    #[inline]
    fn settle(self, outcome: Outcome) {
        self.breaker.settle(self.generation, outcome, self.began);
        // It has nothing to free, and nothing more to say.
        mem::forget(self);
    }
}

impl<C: Clock> Drop for Permit<'_, C> {
    fn drop(&mut self) {
        self.breaker.settle(self.generation, Outcome::Ignored, None);
    }
}

impl<C: Clock> fmt::Debug for Permit<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("generation", &self.generation.get())
            .finish_non_exhaustive()
    }
}

/// A [`Permit`] that keeps its breaker, to be moved into a task or a response.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use syncline_resilience::CircuitBreaker;
///
/// let breaker = Arc::new(CircuitBreaker::new());
/// let permit = breaker.try_acquire_owned()?;
/// std::thread::scope(|scope| {
///     scope.spawn(move || permit.failure());
/// });
/// assert_eq!(breaker.stats().failure_count, 1);
/// # Ok::<(), syncline_resilience::retry::Rejected>(())
/// ```
#[must_use = "dropping it gives the request up; tell it the result"]
pub struct OwnedPermit<C: Clock = SystemClock> {
    breaker: Arc<CircuitBreaker<C>>,
    generation: Generation,
    began: Option<Instant>,
    /// What dropping it tells.
    outcome: Outcome,
}

impl<C: Clock> OwnedPermit<C> {
    pub(super) fn new(breaker: Arc<CircuitBreaker<C>>, generation: Generation, began: Option<Instant>) -> Self {
        Self { breaker, generation, began, outcome: Outcome::Ignored }
    }

    /// The request succeeded.
    pub fn success(mut self) {
        self.outcome = Outcome::Success;
    }

    /// The request failed, and that is held against the other side.
    pub fn failure(mut self) {
        self.outcome = Outcome::Failure;
    }

    /// The request ended in a way that says nothing of the other side's health.
    pub fn ignore(self) {
        drop(self);
    }
}

impl<C: Clock> Drop for OwnedPermit<C> {
    fn drop(&mut self) {
        self.breaker.settle(self.generation, self.outcome, self.began);
    }
}

impl<C: Clock> fmt::Debug for OwnedPermit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("generation", &self.generation.get())
            .finish_non_exhaustive()
    }
}
