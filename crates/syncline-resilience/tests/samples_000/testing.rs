//! Testing.

use std::time::Duration;

use syncline_resilience::retry::time::MockClock;
use syncline_resilience::{CircuitBreaker, RetryBudget};

#[expect(unused_variables, reason = "the page makes a budget and does not use it")]
#[test]
fn mock_clock_for_deterministic_tests() {
    let clock = MockClock::new();

    // Create components with mock clock
    let circuit_breaker = CircuitBreaker::with_clock(clock.clone()).with_timeout(Duration::from_secs(60));

    let budget = RetryBudget::with_clock(100, 10.0, clock.clone());

    // Advance time deterministically
    clock.advance(Duration::from_secs(30));

    // Test time-based behavior
    assert!(circuit_breaker.should_allow_request());
}

#[test]
fn a_breaker_that_tripped_is_open_for_59_seconds_and_asks_again_at_60() {
    let clock = MockClock::new();
    let circuit_breaker = CircuitBreaker::with_clock(clock.clone()).with_timeout(Duration::from_secs(60));
    (0..5).for_each(|_| circuit_breaker.record_failure());
    clock.advance(Duration::from_secs(59));
    assert!(!circuit_breaker.should_allow_request());
    clock.advance(Duration::from_secs(1));
    assert!(circuit_breaker.should_allow_request());
}
