//! Observability.

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
