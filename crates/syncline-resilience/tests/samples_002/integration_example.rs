//! Integration example.

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
