//! What is printed where the samples of the documents print numbers and errors, letter by letter.

use syncline_core::{Error, ErrorKind};
use syncline_queue::{QueueError, QueueMetrics, Throughput};

use super::*;

/// A queue with a history of two seconds: four items, one of them pushed twice and one of them dead.
async fn after_some_work() -> SyncQueue {
    let (queue, clock) = queue();
    let items = |ids: &[&str]| ids.iter().map(|id| item(id).with_max_retries(1)).collect();
    queue.push_batch(items(&["0", "1", "2", "3"])).await.unwrap();
    queue.push_batch(items(&["0"])).await.unwrap();
    clock.advance(Duration::from_millis(1_500));
    queue.pop_batch(4).await.unwrap();
    clock.advance(Duration::from_micros(2_500));
    for id in ["0", "1", "2"] {
        queue.mark_completed(id).await.unwrap();
    }
    queue.mark_failed("3", None).await.unwrap();
    clock.advance(Duration::from_micros(497_500));
    queue
}

fn short(metrics: &QueueMetrics) -> String {
    [
        format!("Total enqueued: {}", metrics.total_enqueued),
        format!("Success rate: {:.1}%", metrics.success_rate),
        format!("Throughput: {:.2} items/sec", metrics.throughput),
    ]
    .join("\n")
}

fn long(metrics: &QueueMetrics) -> String {
    [
        "Queue Statistics:".to_owned(),
        format!("  Total Enqueued: {}", metrics.total_enqueued),
        format!("  Total Dequeued: {}", metrics.total_dequeued),
        format!("  Total Completed: {}", metrics.total_completed),
        format!("  Total Failed: {}", metrics.total_failed),
        format!("  Total Retried: {}", metrics.total_retried),
        format!("  Current Size: {}", metrics.current_size),
        format!("  Max Depth: {}", metrics.queue_depth_max),
        format!("  Success Rate: {:.1}%", metrics.success_rate),
        format!("  Avg Processing Time: {:.2}ms", metrics.average_processing_time_ms),
        format!("  Throughput: {:.2} items/sec", metrics.throughput),
        format!("  Deduplication Hits: {}", metrics.deduplication_hits),
        format!("  Compression Saved: {} bytes", metrics.compression_bytes_saved),
    ]
    .join("\n")
}

fn of_the_queue_alone(metrics: &QueueMetrics, throughput: &Throughput) -> String {
    [
        "Queue Statistics:".to_owned(),
        format!("  Total Enqueued: {}", metrics.total_enqueued),
        format!("  Total Completed: {}", metrics.total_completed),
        format!("  Total Failed: {}", metrics.total_failed),
        format!("  Current Size: {}", metrics.current_size),
        format!("  Success Rate: {:.2}%", metrics.success_rate * 100.0),
        format!("  Avg Wait Time: {:?}", metrics.avg_wait_time),
        format!("  Avg Processing Time: {:?}", metrics.avg_processing_time),
        "Throughput:".to_owned(),
        format!("  Enqueue: {:.2} items/sec", throughput.enqueue_per_sec),
        format!("  Dequeue: {:.2} items/sec", throughput.dequeue_per_sec),
    ]
    .join("\n")
}

/// What went wrong: of three quarters one sample printed 7500.00 % and another one 0.8 %.
#[tokio::test]
async fn numbers_are_printed_as_they_are_meant() {
    let queue = after_some_work().await;
    let (metrics, throughput) = (queue.metrics(), queue.throughput());
    assert_eq!(short(&metrics), "Total enqueued: 4\nSuccess rate: 75.0%\nThroughput: 1.50 items/sec");
    let expected = "\
Queue Statistics:
  Total Enqueued: 4
  Total Dequeued: 4
  Total Completed: 3
  Total Failed: 1
  Total Retried: 0
  Current Size: 0
  Max Depth: 4
  Success Rate: 75.0%
  Avg Processing Time: 2.50ms
  Throughput: 1.50 items/sec
  Deduplication Hits: 1
  Compression Saved: 0 bytes";
    assert_eq!(long(&metrics), expected);
    let expected = "\
Queue Statistics:
  Total Enqueued: 4
  Total Completed: 3
  Total Failed: 1
  Current Size: 0
  Success Rate: 75.00%
  Avg Wait Time: 1.5s
  Avg Processing Time: 2.5ms
Throughput:
  Enqueue: 2.00 items/sec
  Dequeue: 2.00 items/sec";
    assert_eq!(of_the_queue_alone(&metrics, &throughput), expected);
}

/// A queue that did nothing has failed nothing.
#[tokio::test]
async fn a_queue_that_did_nothing_prints_no_nonsense() {
    let (queue, _) = queue();
    let (metrics, throughput) = (queue.metrics(), queue.throughput());
    assert_eq!(short(&metrics), "Total enqueued: 0\nSuccess rate: 100.0%\nThroughput: 0.00 items/sec");
    let printed = of_the_queue_alone(&metrics, &throughput);
    assert!(printed.contains("  Success Rate: 100.00%\n  Avg Wait Time: 0ns\n"), "{printed}");
    assert!(printed.ends_with("  Enqueue: 0.00 items/sec\n  Dequeue: 0.00 items/sec"), "{printed}");
}

#[test]
fn each_error_says_what_it_is() {
    let cause = || Error::new(ErrorKind::Unavailable, "x");
    let errors = [
        (QueueError::CapacityExceeded(10_000), "the queue holds 10000 items, its capacity"),
        (QueueError::ItemNotFound("a".into()), "there is no item \"a\""),
        (QueueError::ShuttingDown, "the queue is shutting down"),
        (QueueError::Locked, "the queue is locked for maintenance"),
        (QueueError::DuplicateItem("a".into()), "the item \"a\" is there already"),
        (QueueError::PersistenceError(cause()), "the storage failed"),
        (QueueError::EncryptionError(cause()), "encryption failed"),
        (QueueError::CompressionError("x".into()), "compression failed: x"),
        (QueueError::InvalidState("nobody has the item \"a\"".into()), "nobody has the item \"a\""),
        (QueueError::InvalidItem("x".into()), "invalid item: x"),
        (QueueError::InvalidConfig("x".into()), "invalid configuration: x"),
        (QueueError::InvalidPriority(7), "there is no priority 7, the last is 4"),
        (QueueError::LeaseLost("a".into()), "the lease on \"a\" has ended"),
        (QueueError::ItemTooLarge { bytes: 9, bytes_max: 8 }, "the item has 9 bytes, the most is 8"),
        (QueueError::CircuitBreakerOpen { retry_after: SECOND }, "the circuit breaker of the storage is open"),
        (QueueError::MaintenanceError("it is not locked".into()), "maintenance: it is not locked"),
        (QueueError::StorageFull(cause()), "there is no space for items"),
        (QueueError::Corrupted(cause()), "stored items are damaged"),
        (QueueError::AlreadyOpen(cause()), "the storage is in use"),
        (QueueError::Poisoned(cause()), "an earlier write failed, open the queue again"),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text, "{error:?}");
    }
}
