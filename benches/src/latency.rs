//! Percentiles of measured times.

use std::time::Duration;

/// Times of single operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Notes one.
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// Adds those of `other`.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The time in microseconds that `per_mille` of the operations did not exceed; not a number without any.
    pub(crate) fn micros(&mut self, per_mille: usize) -> f64 {
        let rank = (self.0.len() * per_mille).div_ceil(1_000).saturating_sub(1);
        if rank >= self.0.len() {
            return f64::NAN;
        }
        let (_, took, _) = self.0.select_nth_unstable(rank);
        took.as_secs_f64() * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut times = Latencies((1..=200).rev().map(Duration::from_micros).collect());
        assert_eq!((times.micros(500), times.micros(990), times.micros(1_000)), (100.0, 198.0, 200.0));
        assert!(Latencies::default().micros(500).is_nan());
    }
}
