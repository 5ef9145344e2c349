//! Observability.

use std::{io, sync::Arc};

use syncline_resilience::retry::{CircuitBreaker, RetryBudget, RetryStrategy};

async fn call_external_api() -> Result<&'static str, io::Error> {
    Ok("answer")
}

#[tokio::test(start_paused = true)]
async fn prometheus_metrics() -> Result<(), Box<dyn std::error::Error>> {
    use prometheus::Registry;
    use syncline_resilience::retry::metrics_export;

    // Initialize metrics exporter
    let registry = Registry::new();
    metrics_export::init_metrics_exporter(&registry)?;

    // Metrics are automatically collected during retry operations
    let strategy = RetryStrategy::new()
        .with_circuit_breaker(Arc::new(CircuitBreaker::new().with_name("api")))
        .with_budget(Arc::new(RetryBudget::new(100, 10.0).with_name("api")));
    metrics_export::watch_strategy(&strategy);
    let failing = async || Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut));
    let (failed, _) = strategy.execute_with_metrics("failing", failing).await;
    let (answered, _) = strategy.execute_with_metrics("api_call", call_external_api).await;
    assert!(failed.is_err() && answered.is_err(), "the first has opened the breaker");
    let (answered, _) = RetryStrategy::new().execute_with_metrics("api_call", call_external_api).await;
    assert!(answered.is_ok());

    let families = registry.gather();
    for name in [
        "retry_attempts_total",
        "retry_successes_total",
        "retry_failures_total",
        "retry_delay_seconds",
        "circuit_breaker_state",
        "circuit_breaker_transitions_total",
        "retry_budget_available_tokens",
        "retry_budget_capacity_tokens",
    ] {
        assert!(families.iter().any(|family| family.name() == name), "{name}");
    }
    Ok(())
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
