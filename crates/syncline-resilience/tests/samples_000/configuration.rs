//! Configuration.

use std::time::Duration;

use syncline_resilience::*;

#[test]
fn default_configuration() {
    // Retry defaults
    assert_eq!(DEFAULT_MAX_ATTEMPTS, 5);
    assert_eq!(DEFAULT_BASE_DELAY, Duration::from_secs(1));
    assert_eq!(DEFAULT_MAX_DELAY, Duration::from_secs(60));
    assert_eq!(DEFAULT_JITTER_FACTOR, 0.3);

    // Circuit breaker defaults
    assert_eq!(DEFAULT_FAILURE_THRESHOLD, 5);
    assert_eq!(DEFAULT_SUCCESS_THRESHOLD, 2);
    assert_eq!(DEFAULT_CIRCUIT_TIMEOUT, Duration::from_secs(60));
    assert_eq!(DEFAULT_HALF_OPEN_REQUESTS, 1);

    // Budget defaults
    assert_eq!(BUDGET_REFILL_INTERVAL, Duration::from_secs(1));
}
