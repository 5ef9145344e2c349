//! A breaker in the hand of an operator.

use super::{CircuitBreaker, core::Force};
use crate::time::Clock;

/// Each takes effect at once; time never ends what was forced.
///
/// # Examples
///
/// ```
/// use syncline_resilience::CircuitBreaker;
///
/// let breaker = CircuitBreaker::new();
/// breaker.force_open();
/// assert!(!breaker.should_allow_request());
/// breaker.disable();
/// (0..100).for_each(|_| breaker.record_failure());
/// assert!(breaker.should_allow_request());
/// breaker.reset();
/// assert!(!breaker.is_forced());
/// ```
impl<C: Clock> CircuitBreaker<C> {
    /// Refuses all requests from now on, whatever the time, until it is [`reset`](Self::reset) or forced elsewhere. Results of
    /// requests under way are stale.
    pub fn force_open(&self) {
        self.force(Force::Open);
    }

    /// Admits all requests from now on and counts their results, but does not open, until it is [`reset`](Self::reset) or
    /// forced elsewhere. Results of requests under way are stale.
    pub fn force_closed(&self) {
        self.force(Force::Closed);
    }

    /// Admits all requests from now on and counts nothing, until it is [`reset`](Self::reset) or forced elsewhere. Results of
    /// requests under way are stale.
    pub fn disable(&self) {
        self.force(Force::Disabled);
    }

    /// Closes it with nothing counted, whatever it was. Results of requests under way are stale.
    pub fn reset(&self) {
        self.force(Force::Reset);
    }

    fn force(&self, force: Force) {
        if let Some(change) = self.core.force(force) {
            self.changed(change);
        }
    }
}
