//! Error handling.

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
