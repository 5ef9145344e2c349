//! What an operation took.

use std::time::Duration;

/// What one operation took, however it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryMetrics {
    /// Attempts that ran. 1 means that nothing was retried, 0 that it was refused before the first.
    pub attempts: u32,
    /// Time spent asleep between attempts.
    pub total_delay: Duration,
    /// Whether the last attempt succeeded.
    pub succeeded: bool,
    /// Whether the time given ended it.
    pub timed_out: bool,
}

impl RetryMetrics {
    /// The part of the attempts that succeeded, from 0.0 to 1.0; 0.0 when none ran.
    pub fn success_rate(&self) -> f64 {
        if self.succeeded && self.attempts > 0 {
            1.0 / f64::from(self.attempts)
        } else {
            0.0
        }
    }

    /// The mean time asleep before a retry; zero when nothing was retried.
    pub fn average_delay(&self) -> Duration {
        self.total_delay.checked_div(self.attempts.saturating_sub(1)).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trap 61.
    #[test]
    fn rates_of_nothing_are_zero() {
        let metrics = RetryMetrics::default();
        assert_eq!((metrics.success_rate(), metrics.average_delay()), (0.0, Duration::ZERO));
    }

    #[test]
    fn one_success_in_four_attempts_is_a_quarter() {
        let metrics = RetryMetrics {
            attempts: 4,
            total_delay: Duration::from_secs(6),
            succeeded: true,
            timed_out: false,
        };
        assert_eq!((metrics.success_rate(), metrics.average_delay()), (0.25, Duration::from_secs(2)));
        assert_eq!(RetryMetrics { succeeded: false, ..metrics }.success_rate(), 0.0);
    }
}
