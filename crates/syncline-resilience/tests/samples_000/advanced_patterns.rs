//! Advanced patterns.

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
