//! Thread safety.

use std::sync::Arc;

use syncline_resilience::{CircuitBreaker, RetryBudget, RetryStrategy};

#[expect(
    unused_variables,
    clippy::disallowed_methods,
    reason = "the page has tasks that do nothing, spawned by tokio"
)]
#[tokio::test]
async fn thread_safety() {
    let strategy = Arc::new(RetryStrategy::new());
    let circuit_breaker = Arc::new(CircuitBreaker::new());
    let budget = Arc::new(RetryBudget::new(100, 10.0));

    // Spawn multiple tasks
    for i in 0..10 {
        let s = strategy.clone();
        let cb = circuit_breaker.clone();
        let b = budget.clone();

        tokio::spawn(async move {
            // All components are safe to use concurrently
        });
    }
}
