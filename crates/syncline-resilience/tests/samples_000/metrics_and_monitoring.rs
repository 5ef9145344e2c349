//! Metrics and monitoring.

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
