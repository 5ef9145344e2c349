//! How long to wait before the archive is tried again.

use std::time::Duration;

use syncline_core::port::Random;

/// Delays that double up to a bound, each shortened by a random part of up to one half, so that many nodes do not come back
/// to one server in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: 0 }
    }

    /// The next delay: between one half of the doubled one and the whole, and never above the bound.
    pub(crate) fn next(&mut self, random: &dyn Random) -> Duration {
        let doubled = self.base.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(self.max);
        let half = whole / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        whole - Duration::from_nanos(random.next_u64() % span)
    }

    /// It works again: the next failure starts small.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use syncline_testkit::SeededRandom;

    use super::*;

    #[test]
    fn delays_double_within_their_bound_and_never_collapse() {
        let random = SeededRandom::new(1);
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        for failure in 0..40 {
            let whole = Duration::from_millis(50 << failure.min(20)).min(Duration::from_secs(5));
            let delay = backoff.next(&random);
            assert!(delay <= whole && delay >= whole / 2, "failure {failure}: {delay:?}");
        }
        backoff.reset();
        assert!(backoff.next(&random) <= Duration::from_millis(50));
    }
}
