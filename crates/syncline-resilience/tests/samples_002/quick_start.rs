//! Quick start.

use std::{io, sync::Arc, time::Duration};

use syncline_resilience::retry::{
    CircuitBreaker, RetryBudget, RetryCondition, RetryError, RetryPolicies, RetryStrategy,
};

async fn perform_network_request() -> Result<&'static str, io::Error> {
    Ok("answer")
}

async fn perform_operation() -> Result<&'static str, io::Error> {
    Ok("answer")
}

#[tokio::test(start_paused = true)]
async fn basic_retry() {
    // Simple retry with defaults
    let strategy = RetryStrategy::new();
    let result = strategy
        .execute(|| async {
            // Your operation here
            perform_network_request().await
        })
        .await;

    assert_eq!(result.unwrap(), "answer");
}

#[expect(unused_variables, reason = "the page shows one after the other")]
#[test]
fn using_predefined_policies() {
    // Network operations (8 attempts, 500ms-30s backoff)
    let strategy = RetryPolicies::network_policy();

    // Database operations (5 attempts, 100ms-10s backoff)
    let strategy = RetryPolicies::database_policy();

    // Rate-limited APIs (10 attempts, fixed 60s delay)
    let strategy = RetryPolicies::rate_limit_policy();

    // File system operations (3 attempts, 50ms-1s backoff)
    let strategy = RetryPolicies::filesystem_policy();

    // Idempotent operations (safe to retry many times)
    let strategy = RetryPolicies::idempotent_policy();

    // Non-idempotent operations (limited retries)
    let strategy = RetryPolicies::non_idempotent_policy();
}

#[tokio::test(start_paused = true)]
async fn custom_retry_policy() -> Result<(), Box<dyn std::error::Error>> {
    let strategy = RetryStrategy::new()
        .with_max_attempts(5)?
        .with_base_delay(Duration::from_millis(100))?
        .with_max_delay(Duration::from_secs(10))?
        .with_jitter_factor(0.3)
        .with_timeout(Duration::from_secs(60))
        .with_retry_condition(RetryCondition::Custom(Arc::new(|err| {
            // Only retry specific errors
            err.to_string().contains("temporary")
        })));

    let attempts = async |text: &'static str| {
        let error = strategy.execute(|| async { Err::<(), _>(io::Error::other(text)) }).await.unwrap_err();
        error.attempts()
    };
    assert_eq!((attempts("temporary outage").await, attempts("gone").await), (5, 1));
    Ok(())
}

fn breaker() -> Arc<CircuitBreaker> {
    let circuit_breaker = Arc::new(
        CircuitBreaker::new()
            .with_failure_threshold(5) // Open after 5 failures
            .with_success_threshold(2) // Close after 2 successes
            .with_timeout(Duration::from_secs(60)),
    ); // Recovery timeout
    circuit_breaker
}

#[tokio::test(start_paused = true)]
async fn with_circuit_breaker() {
    async fn sample(circuit_breaker: &CircuitBreaker) -> Result<&'static str, RetryError<io::Error>> {
        let strategy = RetryStrategy::new();

        // Check circuit breaker before attempting
        if circuit_breaker.should_allow_request() {
            match strategy.execute(|| async { perform_operation().await }).await {
                Ok(result) => {
                    circuit_breaker.record_success();
                    Ok(result)
                }
                Err(err) => {
                    circuit_breaker.record_failure();
                    Err(err)
                }
            }
        } else {
            // Circuit is open, fail fast
            Err(RetryError::CircuitBreakerOpen)
        }
    }

    let circuit_breaker = breaker();
    assert_eq!(sample(&circuit_breaker).await.unwrap(), "answer");
    (0..5).for_each(|_| circuit_breaker.record_failure());
    assert!(matches!(sample(&circuit_breaker).await, Err(RetryError::CircuitBreakerOpen)));
}

#[tokio::test(start_paused = true)]
async fn with_retry_budget() {
    async fn sample(budget: &RetryBudget, strategy: &RetryStrategy) -> Result<&'static str, RetryError<io::Error>> {
        // Try to acquire retry tokens
        if budget.try_acquire_multiple(3) {
            // Request 3 tokens for up to 3 retries
            let result = strategy.execute(|| async { perform_operation().await }).await;

            // Return unused tokens if succeeded quickly
            if result.is_ok() {
                budget.return_tokens(2); // Used only 1 retry
            }
            result
        } else {
            // No budget available, fail fast
            Err(RetryError::BudgetExhausted)
        }
    }

    // 100 tokens, refill 10 tokens per second
    let budget = Arc::new(RetryBudget::new(100, 10.0));

    let strategy = RetryStrategy::new();
    assert_eq!(sample(&budget, &strategy).await.unwrap(), "answer");
    assert_eq!(budget.available(), 99);
    assert!(budget.try_acquire_multiple(99));
    assert!(matches!(sample(&budget, &strategy).await, Err(RetryError::BudgetExhausted)));
}
