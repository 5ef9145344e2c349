//! Error handling.

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
