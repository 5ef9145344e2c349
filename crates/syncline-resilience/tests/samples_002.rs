//! The samples of the retry document, each under the name of its section. What differs from the page is listed in the crate's
//! documentation.

#![expect(
    unreachable_pub,
    unused_qualifications,
    clippy::match_like_matches_macro,
    clippy::redundant_closure,
    reason = "the samples are as the page has them"
)]

mod quick_start {
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
}

mod observability {
    use std::io;

    use syncline_resilience::retry::RetryStrategy;

    async fn call_external_api() -> Result<&'static str, io::Error> {
        Ok("answer")
    }

    #[tokio::test(start_paused = true)]
    async fn with_metrics_collection() {
        let strategy = RetryStrategy::new();

        let (result, metrics) = strategy.execute_with_metrics("api_call", || async { call_external_api().await }).await;

        println!("Attempts: {}", metrics.attempts);
        println!("Total delay: {:?}", metrics.total_delay);
        println!("Success rate: {}", metrics.success_rate());
        println!("Average delay: {:?}", metrics.average_delay());

        assert_eq!((result.unwrap(), metrics.attempts, metrics.success_rate()), ("answer", 1, 1.0));
    }
}

mod advanced_usage {
    use std::{env, error::Error, fmt, fs, path::Path, sync::Arc, time::Duration};

    use syncline_resilience::retry::{CircuitBreaker, RetryPolicyBuilder, RetryStrategy};

    #[derive(Debug)]
    enum MyError {
        Temporary,
        RateLimit,
        Fatal,
    }

    impl fmt::Display for MyError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Debug::fmt(self, f)
        }
    }

    impl Error for MyError {}

    #[tokio::test(start_paused = true)]
    async fn custom_policy_builder() -> Result<(), Box<dyn Error>> {
        let policy = RetryPolicyBuilder::new()
            .max_attempts(5)?
            .base_delay(Duration::from_millis(200))?
            .max_delay(Duration::from_secs(30))?
            .jitter(0.2)
            .timeout(Duration::from_secs(120))
            .when(|err| {
                // Custom retry logic
                match err.downcast_ref::<MyError>() {
                    Some(MyError::Temporary) => true,
                    Some(MyError::RateLimit) => true,
                    _ => false,
                }
            })
            .build();

        let attempts = async |error: fn() -> MyError| {
            policy.execute(|| async move { Err::<(), _>(error()) }).await.unwrap_err().attempts()
        };
        assert_eq!(attempts(|| MyError::Temporary).await, 5);
        assert_eq!(attempts(|| MyError::RateLimit).await, 5);
        assert_eq!(attempts(|| MyError::Fatal).await, 1);
        Ok(())
    }

    #[test]
    fn synchronous_operations() -> Result<(), Box<dyn Error>> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples_002");
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("config.toml"), "key = 1")?;
        env::set_current_dir(dir)?;

        let strategy = RetryStrategy::new();

        // WARNING: Do not use in async context (will block the runtime)
        let result = strategy.execute_sync(|| std::fs::read_to_string("config.toml"))?;

        assert_eq!(result, "key = 1");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn circuit_breaker_stats() {
        let circuit_breaker = Arc::new(CircuitBreaker::new());
        circuit_breaker.record_failure();

        let stats = circuit_breaker.stats();
        println!("State: {}", stats.state);
        println!("Failures: {}", stats.failure_count);
        println!("Successes: {}", stats.success_count);
        if let Some(last_failure) = stats.last_failure_time {
            println!("Last failure: {:?} ago", last_failure.elapsed());
        }

        assert_eq!((stats.state.to_string().as_str(), stats.failure_count), ("Closed", 1));
        tokio::time::advance(Duration::from_secs(9)).await;
        let ago = circuit_breaker.stats().last_failure_time.map(|last_failure| last_failure.elapsed());
        assert_eq!(ago, Some(Duration::from_secs(9)));
    }
}

mod error_handling {
    use std::{io, time::Duration};

    use syncline_resilience::retry::{RetryError, RetryStrategy};

    #[tokio::test(start_paused = true)]
    async fn error_handling() {
        async fn sample(strategy: RetryStrategy, operation: impl AsyncFn() -> Result<u32, io::Error>) -> String {
            let operation = || operation();
            match strategy.execute(operation).await {
                Ok(result) =>
                // Success
                {
                    format!("success: {result}")
                }
                Err(RetryError::AttemptsExhausted { attempts, .. }) =>
                // All retry attempts failed
                {
                    format!("{attempts} attempts")
                }
                Err(RetryError::Timeout { elapsed, .. }) =>
                // Operation timed out
                {
                    format!("out of time after {elapsed:?}")
                }
                Err(RetryError::CircuitBreakerOpen) =>
                // Circuit breaker is preventing retries
                {
                    "open".into()
                }
                Err(RetryError::BudgetExhausted) =>
                // No retry budget available
                {
                    "budget".into()
                }
                Err(RetryError::InvalidConfiguration { message }) =>
                // Configuration error
                {
                    message
                }
                Err(RetryError::OperationFailed { source, .. }) =>
                // The underlying operation failed
                {
                    source.to_string()
                }
            }
        }

        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(sample(RetryStrategy::new(), async || Ok(7)).await, "success: 7");
        assert_eq!(sample(RetryStrategy::new(), async || Err(reset())).await, "5 attempts");
        let hurried = RetryStrategy::new().with_timeout(Duration::ZERO);
        assert_eq!(sample(hurried, async || Err(reset())).await, "out of time after 0ns");
        let careful = RetryStrategy::new().only_not_sent();
        assert_eq!(sample(careful, async || Err(reset())).await, reset().to_string());
    }
}

mod configuration_constants {
    use std::time::Duration;

    use syncline_resilience::retry::*;

    #[test]
    fn configuration_constants() {
        assert_eq!(DEFAULT_MAX_ATTEMPTS, 5);
        assert_eq!(DEFAULT_BASE_DELAY, Duration::from_secs(1));
        assert_eq!(DEFAULT_MAX_DELAY, Duration::from_secs(60));
        assert_eq!(DEFAULT_JITTER_FACTOR, 0.3);
        assert_eq!(DEFAULT_FAILURE_THRESHOLD, 5);
        assert_eq!(DEFAULT_SUCCESS_THRESHOLD, 2);
        assert_eq!(DEFAULT_CIRCUIT_TIMEOUT, Duration::from_secs(60));
        assert_eq!(DEFAULT_HALF_OPEN_REQUESTS, 1);
        assert_eq!(BUDGET_REFILL_INTERVAL, Duration::from_secs(1));
    }
}

mod integration_example {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
    };

    use syncline_resilience::retry::{CircuitBreaker, RetryBudget, RetryError, RetryPolicies, RetryStrategy};

    type Response = String;

    #[derive(Debug)]
    pub enum Error {
        ServiceUnavailable,
        TooManyRequests,
        Http(RetryError<io::Error>),
    }

    impl From<RetryError<io::Error>> for Error {
        fn from(error: RetryError<io::Error>) -> Self {
            Self::Http(error)
        }
    }

    /// Requests that fail before one is answered.
    static FAILURES: AtomicU32 = AtomicU32::new(0);

    pub struct ApiClient {
        retry_strategy: RetryStrategy,
        circuit_breaker: Arc<CircuitBreaker>,
        retry_budget: Arc<RetryBudget>,
    }

    impl ApiClient {
        pub fn new() -> Self {
            Self {
                retry_strategy: RetryPolicies::api_policy(),
                circuit_breaker: Arc::new(CircuitBreaker::new()),
                retry_budget: Arc::new(RetryBudget::new(100, 10.0)),
            }
        }

        pub async fn call_api(&self, endpoint: &str) -> Result<Response, Error> {
            // Check circuit breaker
            if !self.circuit_breaker.should_allow_request() {
                return Err(Error::ServiceUnavailable);
            }

            // Check retry budget
            if !self.retry_budget.try_acquire() {
                return Err(Error::TooManyRequests);
            }

            // Execute with retry
            let (result, metrics) = self
                .retry_strategy
                .execute_with_metrics(endpoint, || async { self.make_http_request(endpoint).await })
                .await;

            // Update circuit breaker
            match &result {
                Ok(_) => self.circuit_breaker.record_success(),
                Err(_) => self.circuit_breaker.record_failure(),
            }

            // Return unused budget if succeeded quickly
            if metrics.attempts == 1 {
                self.retry_budget.return_tokens(1);
            }

            // Log metrics
            tracing::info!(
                endpoint = endpoint,
                attempts = metrics.attempts,
                delay = ?metrics.total_delay,
                success = metrics.succeeded,
                "API call completed"
            );

            result.map_err(|e| Error::from(e))
        }

        async fn make_http_request(&self, endpoint: &str) -> Result<Response, io::Error> {
            let failing = |failures: u32| failures.checked_sub(1);
            match FAILURES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, failing) {
                Ok(_) => Err(io::ErrorKind::ConnectionReset.into()),
                Err(_) => Ok(format!("answer of {endpoint}")),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn integration_example() {
        let client = ApiClient::new();
        assert_eq!(client.call_api("/users").await.unwrap(), "answer of /users");
        assert_eq!(client.retry_budget.available(), 100);

        FAILURES.store(2, Ordering::Relaxed);
        assert_eq!(client.call_api("/users").await.unwrap(), "answer of /users");

        FAILURES.store(u32::MAX, Ordering::Relaxed);
        assert!(matches!(client.call_api("/users").await, Err(Error::Http(RetryError::AttemptsExhausted { .. }))));
        (0..4).for_each(|_| client.circuit_breaker.record_failure());
        assert!(matches!(client.call_api("/users").await, Err(Error::ServiceUnavailable)));

        let poor = ApiClient { retry_budget: Arc::new(RetryBudget::none()), ..ApiClient::new() };
        assert!(matches!(poor.call_api("/users").await, Err(Error::TooManyRequests)));
    }
}
