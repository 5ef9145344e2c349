//! The samples of the umbrella document that are about retrying, each under the name of its section. What differs from the
//! page is listed in the crate's documentation.

#![expect(
    unreachable_pub,
    unused_qualifications,
    clippy::let_and_return,
    reason = "the samples are as the page has them"
)]

mod quick_start {
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

        let (result, metrics) =
            strategy.execute_with_metrics("database_query", || async { query_database().await }).await;

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
}

mod metrics_and_monitoring {
    use std::io;

    use syncline_resilience::{CircuitBreaker, RetryStrategy};

    #[tokio::test(start_paused = true)]
    async fn retry_metrics() {
        let strategy = RetryStrategy::new();
        let mut failures = 3;
        let operation = || {
            let fails = failures > 0;
            failures -= i32::from(fails);
            async move { if fails { Err(io::Error::from(io::ErrorKind::TimedOut)) } else { Ok(()) } }
        };

        let (result, metrics) = strategy.execute_with_metrics("operation", operation).await;

        println!("Attempts: {}", metrics.attempts);
        println!("Total delay: {:?}", metrics.total_delay);
        println!("Succeeded: {}", metrics.succeeded);
        println!("Timed out: {}", metrics.timed_out);
        println!("Success rate: {:.1}%", metrics.success_rate() * 100.0);
        println!("Avg delay: {:?}", metrics.average_delay());

        assert!(result.is_ok() && !metrics.timed_out);
        assert_eq!(format!("{:.1}%", metrics.success_rate() * 100.0), "25.0%");
        assert_eq!(metrics.average_delay(), metrics.total_delay / 3);
    }

    #[tokio::test(start_paused = true)]
    async fn circuit_breaker_stats() {
        let circuit_breaker = CircuitBreaker::new();
        circuit_breaker.record_failure();

        let stats = circuit_breaker.stats();
        println!("State: {}", stats.state); // Closed/Open/HalfOpen
        println!("Failures: {}", stats.failure_count);
        println!("Successes: {}", stats.success_count);
        println!("Half-open requests: {}", stats.half_open_requests);

        if let Some(last_failure) = stats.last_failure_time {
            println!("Last failure: {:?} ago", last_failure.elapsed());
        }

        assert_eq!((stats.failure_count, stats.success_count, stats.half_open_requests), (1, 0, 0));
    }
}

mod error_handling {
    use std::{io, time::Duration};

    use syncline_resilience::{RetryError, RetryStrategy};

    #[tokio::test(start_paused = true)]
    async fn retry_errors() {
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
                Err(RetryError::OperationFailed { source, .. }) =>
                // The underlying operation failed
                {
                    source.to_string()
                }
                Err(RetryError::InvalidConfiguration { message }) =>
                // Configuration error
                {
                    message
                }
                _ => "refused".into(),
            }
        }

        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(sample(RetryStrategy::new(), async || Ok(7)).await, "success: 7");
        assert_eq!(sample(RetryStrategy::new(), async || Err(reset())).await, "5 attempts");
        let hurried = RetryStrategy::new().with_timeout(Duration::ZERO);
        assert_eq!(sample(hurried, async || Err(reset())).await, "out of time after 0ns");
    }
}

mod advanced_patterns {
    use std::{io, sync::Arc, time::Duration};

    use syncline_resilience::{CircuitBreaker, RetryBudget, RetryError, RetryPolicies, RetryStrategy};

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

    pub struct ResilientClient {
        retry_strategy: RetryStrategy,
        circuit_breaker: Arc<CircuitBreaker>,
        retry_budget: Arc<RetryBudget>,
    }

    impl ResilientClient {
        pub fn new() -> Self {
            Self {
                retry_strategy: RetryPolicies::api_policy(),
                circuit_breaker: Arc::new(
                    CircuitBreaker::new().with_failure_threshold(10).with_timeout(Duration::from_secs(60)),
                ),
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

            result.map_err(Error::from)
        }

        async fn make_http_request(&self, endpoint: &str) -> Result<Response, io::Error> {
            match endpoint {
                "/down" => Err(io::ErrorKind::ConnectionReset.into()),
                _ => Ok(format!("answer of {endpoint}")),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn complete_resilience_stack() {
        let client = ResilientClient::new();
        assert_eq!(client.call_api("/users").await.unwrap(), "answer of /users");
        assert_eq!(client.retry_budget.available(), 100);
        for _ in 0..10 {
            let failed = client.call_api("/down").await;
            assert!(matches!(failed, Err(Error::Http(RetryError::AttemptsExhausted { .. }))), "{failed:?}");
        }
        assert!(matches!(client.call_api("/users").await, Err(Error::ServiceUnavailable)));

        let poor = ResilientClient { retry_budget: Arc::new(RetryBudget::none()), ..ResilientClient::new() };
        assert!(matches!(poor.call_api("/users").await, Err(Error::TooManyRequests)));
    }
}

mod synchronous_operations {
    use std::{env, fs, path::Path};

    use syncline_resilience::RetryStrategy;

    #[test]
    fn synchronous_operations() -> Result<(), Box<dyn std::error::Error>> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples_000");
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("config.toml"), "key = 1")?;
        env::set_current_dir(dir)?;

        // WARNING: Do not use in async context - will block the runtime
        let strategy = RetryStrategy::new();

        let result = strategy.execute_sync(|| {
            // Blocking operation
            std::fs::read_to_string("config.toml")
        })?;

        assert_eq!(result, "key = 1");

        // With metrics
        let (result, metrics) =
            strategy.execute_sync_with_metrics("read_config", || std::fs::read_to_string("config.toml"));

        assert_eq!((result?.as_str(), metrics.attempts), ("key = 1", 1));
        Ok(())
    }
}

mod configuration {
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
}

mod retry_budget_token_bucket {
    use std::time::Duration;

    use syncline_resilience::{MockClock, RetryBudget};

    #[test]
    fn the_corrected_timeline() {
        let clock = MockClock::new();
        let budget = RetryBudget::with_clock(100, 10.0, clock.clone());
        for (acquired, available) in
            [(0, 100), (5, 95), (0, 100), (20, 80), (0, 90), (100, 0), (1, 9), (0, 19), (5, 24)]
        {
            assert!(budget.try_acquire_multiple(acquired), "{acquired}");
            assert_eq!(budget.available(), available);
            clock.advance(Duration::from_secs(1));
        }
    }
}

mod thread_safety {
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
}

mod testing {
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
}
