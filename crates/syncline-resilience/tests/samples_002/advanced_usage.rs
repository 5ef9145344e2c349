//! Advanced usage.

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
