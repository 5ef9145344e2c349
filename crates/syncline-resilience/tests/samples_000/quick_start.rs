//! Quick start.

use std::{fmt, io, sync::Arc, time::Duration};

use syncline_resilience::{CircuitBreaker, RetryBudget, RetryCondition, RetryError, RetryPolicies, RetryStrategy};

async fn perform_network_request() -> Result<&'static str, io::Error> {
    Ok("answer")
}

async fn query_database() -> Result<&'static str, io::Error> {
    Ok("rows")
}

#[expect(unused_variables, reason = "the page drops it")]
#[test]
fn basic_retry() {
    #[tokio::main]
    async fn main() {
        // Simple retry with defaults (5 attempts, 1s-60s backoff)
        let strategy = RetryStrategy::new();

        let result = strategy
            .execute(|| async {
                // Your operation here
                perform_network_request().await
            })
            .await;
    }

    main();
}

#[tokio::test(start_paused = true)]
async fn retry_with_metrics() -> Result<(), Box<dyn std::error::Error>> {
    let strategy = RetryStrategy::new()
        .with_max_attempts(5)?
        .with_base_delay(Duration::from_millis(100))?
        .with_max_delay(Duration::from_secs(10))?
        .with_jitter_factor(0.3)
        .with_timeout(Duration::from_secs(60));

    let (result, metrics) = strategy.execute_with_metrics("database_query", || async { query_database().await }).await;

    println!("Attempts: {}", metrics.attempts);
    println!("Total delay: {:?}", metrics.total_delay);
    println!("Succeeded: {}", metrics.succeeded);

    assert_eq!((result?, metrics.attempts, metrics.succeeded), ("rows", 1, true));
    Ok(())
}

#[expect(unused_variables, reason = "the page shows one after the other")]
#[test]
fn using_predefined_policies() {
    // Network operations (8 attempts, 500ms-30s backoff)
    let network = RetryPolicies::network_policy();

    // Database operations (5 attempts, 100ms-10s backoff)
    let database = RetryPolicies::database_policy();

    // Rate-limited APIs (10 attempts, fixed 60s delay)
    let rate_limit = RetryPolicies::rate_limit_policy();

    // API calls (3 attempts, 250ms-5s backoff)
    let api = RetryPolicies::api_policy();

    // File system (3 attempts, 50ms-1s backoff)
    let fs = RetryPolicies::filesystem_policy();

    // Idempotent operations (10 attempts, safe to retry)
    let idempotent = RetryPolicies::idempotent_policy();

    // Non-idempotent (2 attempts, limited retries)
    let non_idempotent = RetryPolicies::non_idempotent_policy();
}

#[tokio::test(start_paused = true)]
async fn custom_retry_conditions() {
    async fn sample(make_api_call: impl AsyncFn() -> Result<u32, io::Error>) -> Result<u32, RetryError<io::Error>> {
        let strategy = RetryStrategy::new().with_retry_condition(RetryCondition::Custom(Arc::new(|err| {
            // Only retry specific error types
            let err_str = err.to_string().to_lowercase();
            err_str.contains("timeout") || err_str.contains("temporary") || err_str.contains("503")
        })));

        let result = strategy.execute(|| async { make_api_call().await }).await;
        result
    }

    let attempts =
        async |text: &'static str| sample(async || Err(io::Error::other(text))).await.unwrap_err().attempts();
    assert_eq!((attempts("Timeout").await, attempts("status 503").await, attempts("no").await), (5, 5, 1));
}

#[derive(Debug)]
enum Error {
    ServiceUnavailable,
    Failed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[tokio::test(start_paused = true)]
async fn circuit_breaker_protection() {
    async fn sample(
        circuit_breaker: &CircuitBreaker,
        perform_operation: impl AsyncFn() -> Result<u32, Error>,
    ) -> Result<u32, Error> {
        // Check circuit state before attempting operation
        if circuit_breaker.should_allow_request() {
            match perform_operation().await {
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
            // Circuit is open - fail fast
            Err(Error::ServiceUnavailable)
        }
    }

    let circuit_breaker = Arc::new(
        CircuitBreaker::new()
            .with_failure_threshold(5) // Open after 5 failures
            .with_success_threshold(2) // Close after 2 successes
            .with_timeout(Duration::from_secs(60)), // Recovery timeout
    );

    assert_eq!(sample(&circuit_breaker, async || Ok(7)).await.unwrap(), 7);
    for _ in 0..5 {
        assert!(matches!(sample(&circuit_breaker, async || Err(Error::Failed)).await, Err(Error::Failed)));
    }
    let refused = sample(&circuit_breaker, async || panic!("it is open")).await;
    assert!(matches!(refused, Err(Error::ServiceUnavailable)));

    // Check circuit breaker stats
    let stats = circuit_breaker.stats();
    println!("State: {}", stats.state);
    println!("Failures: {}", stats.failure_count);

    assert_eq!(stats.state.to_string(), "Open");
}

#[tokio::test(start_paused = true)]
async fn retry_budget_for_rate_limiting() {
    use RetryError as Error;

    async fn perform_operation() -> Result<&'static str, io::Error> {
        Ok("answer")
    }

    async fn sample(budget: &RetryBudget, strategy: &RetryStrategy) -> Result<&'static str, RetryError<io::Error>> {
        // Try to acquire tokens before retrying
        if budget.try_acquire_multiple(3) {
            // Request 3 tokens for up to 3 retries
            let result = strategy.execute(|| async { perform_operation().await }).await;

            // Return unused tokens if succeeded early
            if result.is_ok() {
                budget.return_tokens(2); // Used only 1 retry
            }

            result
        } else {
            // No budget available - fail fast to prevent retry storm
            Err(Error::BudgetExhausted)
        }
    }

    // 100 tokens max, refill 10 tokens per second
    let budget = Arc::new(RetryBudget::new(100, 10.0));

    let strategy = RetryStrategy::new();
    assert_eq!(sample(&budget, &strategy).await.unwrap(), "answer");

    // Check available tokens
    println!("Available: {}/{}", budget.available(), budget.capacity());

    assert_eq!((budget.available(), budget.capacity()), (99, 100));
    assert!(budget.try_acquire_multiple(97));
    assert!(matches!(sample(&budget, &strategy).await, Err(RetryError::BudgetExhausted)));
}
