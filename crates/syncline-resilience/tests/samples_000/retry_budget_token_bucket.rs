//! Retry budget token bucket.

use std::time::Duration;

use syncline_resilience::{MockClock, RetryBudget};

#[test]
fn the_corrected_timeline() {
    let clock = MockClock::new();
    let budget = RetryBudget::with_clock(100, 10.0, clock.clone());
    for (acquired, available) in [(0, 100), (5, 95), (0, 100), (20, 80), (0, 90), (100, 0), (1, 9), (0, 19), (5, 24)] {
        assert!(budget.try_acquire_multiple(acquired), "{acquired}");
        assert_eq!(budget.available(), available);
        clock.advance(Duration::from_secs(1));
    }
}
