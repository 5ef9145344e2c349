//! The samples of the queue document, each a test named after its section. Changed are `use` lines, paths, and what the
//! application brings: `process_item` and `log`. The loop of *Retry Handling* waits for its item, because a pop may find none.
#![expect(clippy::disallowed_methods, reason = "the document spawns tasks through tokio")]

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use syncline_queue::{EncryptionService, Priority, QueueConfig, QueueError, SyncItem, SyncQueue, prelude::*};

/// What the application does with an item; one with `"retry"` in it fails.
async fn process_item(item: &SyncItem) -> Result<(), Busy> {
    if item.payload.get("retry").is_some() { Err(Busy) } else { Ok(()) }
}

#[derive(Debug)]
struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("busy")
    }
}

/// The application's log, as text.
mod log {
    macro_rules! line {
        ($($text:tt)*) => { println!($($text)*) };
    }
    pub(crate) use {line as error, line as warn};
}

#[tokio::test]
async fn basic_usage() {
    // Create a new queue with default configuration
    let queue = SyncQueue::new();

    // Push an item
    let item = SyncItem::new(serde_json::json!({"task": "process_payment", "amount": 100.00}), Priority::High);
    queue.push(item).await.unwrap();

    // Pop and process items
    while let Some(item) = queue.pop().await.unwrap() {
        // Process the item
        process_item(&item).await.unwrap();

        // Mark as completed
        queue.mark_completed(&item.id).await.unwrap();
    }

    assert_eq!(queue.metrics().total_completed, 1);
}

#[tokio::test]
async fn with_persistence_and_encryption() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("queue.dat");
    let config = QueueConfig {
        persistence_path: Some(path),
        enable_encryption: true,
        encryption_key: Some(EncryptionService::generate_key()),
        enable_compression: true,
        compression_level: 6,
        ..Default::default()
    };

    let again = config.clone();
    let queue = SyncQueue::with_config(config).unwrap();

    queue.push(SyncItem::new(json!("kept"), Priority::Normal)).await.unwrap();
    queue.shutdown().await.unwrap();
    assert_eq!(SyncQueue::with_config(again).unwrap().pop().await.unwrap().unwrap().payload, "kept");
}

#[tokio::test]
async fn batch_operations() {
    let queue = SyncQueue::new();

    // Push multiple items
    let items = vec![
        SyncItem::new(json!({"batch": 1}), Priority::Normal),
        SyncItem::new(json!({"batch": 2}), Priority::Normal),
        SyncItem::new(json!({"batch": 3}), Priority::Normal),
    ];

    let added_ids = queue.push_batch(items).await.unwrap();

    // Pop multiple items
    let batch = queue.pop_batch(10).await.unwrap();
    let popped: Vec<_> = batch.iter().map(|item| item.id.clone()).collect();
    for item in batch {
        // Process items in parallel
        tokio::spawn(async move {
            process_item(&item).await.unwrap();
        });
    }

    assert_eq!(added_ids, popped);
}

#[tokio::test(start_paused = true)]
async fn retry_handling() {
    let queue = SyncQueue::new();
    let item = SyncItem::new(json!({"retry": "test"}), Priority::Normal).with_max_retries(5);

    queue.push(item).await.unwrap();

    // Process with retry
    loop {
        let item = queue.pop_wait().await.unwrap();

        match process_item(&item).await {
            Ok(_) => {
                queue.mark_completed(&item.id).await.unwrap();
                break;
            }
            Err(e) => {
                let can_retry = queue.mark_failed(&item.id, Some(e.to_string())).await.unwrap();

                if !can_retry {
                    log::error!("Item {} failed permanently", item.id);
                    break;
                }
            }
        }
    }

    let metrics = queue.metrics();
    assert_eq!((metrics.total_dequeued, metrics.total_retried, metrics.total_failed), (5, 4, 1));
    assert_eq!(queue.dead_letters(None, 1).await.unwrap()[0].errors, ["busy"; 5]);
}

#[test]
#[expect(
    unstable_name_collisions,
    reason = "the standard library is growing a function of this name, which means the same"
)]
fn predefined_configurations() {
    let path = PathBuf::from("/var/lib/app/queue");
    // Optimized for throughput
    let config = QueueConfig::high_performance();
    assert!(config.validate().is_ok());

    // Optimized for security
    let config = QueueConfig::high_security();
    assert!(config.validate().unwrap_err().to_string().contains("set encryption_key"));

    // Custom configuration
    let config = QueueConfig {
        max_capacity: 50_000,
        batch_size: 500,
        persistence_path: Some(path),
        persistence_interval: Duration::from_secs(30),
        enable_deduplication: true,
        enable_compression: true,
        compression_level: 6,
        enable_encryption: false,
        retention_period: Duration::from_days(7),
        base_retry_delay: Duration::from_secs(1),
        max_retry_delay: Duration::from_hours(1),
        cleanup_interval: Duration::from_minutes(5),
        heap_cleanup_threshold: 1000,
        enable_partitioning: false,
        partition_count: 4,
        ..Default::default()
    };
    assert!(config.validate().is_ok());
}

#[test]
fn configuration_options() {
    let config = QueueConfig::default();
    assert_eq!((config.max_capacity, config.batch_size, config.persistence_path), (10_000, 100, None));
    assert_eq!(config.persistence_interval, Duration::from_secs(30));
    assert!(config.enable_deduplication && config.enable_compression && !config.enable_encryption);
    assert_eq!((config.compression_level, config.encryption_key), (6, None));
    assert_eq!(config.retention_period, Duration::from_secs(7 * 86_400));
    assert_eq!(
        (config.base_retry_delay, config.max_retry_delay),
        (Duration::from_secs(1), Duration::from_secs(3_600))
    );
    assert_eq!((config.cleanup_interval, config.heap_cleanup_threshold), (Duration::from_secs(300), 1_000));
    assert_eq!((config.enable_partitioning, config.partition_count), (false, 4));
}

#[tokio::test]
async fn metrics() {
    let queue = SyncQueue::new();
    queue.push(SyncItem::new(json!(1), Priority::Normal)).await.unwrap();
    let item = queue.pop().await.unwrap().unwrap();
    queue.mark_completed(&item.id).await.unwrap();

    let metrics = queue.metrics();

    println!("Queue Statistics:");
    println!("  Total Enqueued: {}", metrics.total_enqueued);
    println!("  Total Completed: {}", metrics.total_completed);
    println!("  Total Failed: {}", metrics.total_failed);
    println!("  Current Size: {}", metrics.current_size);
    println!("  Success Rate: {:.2}%", metrics.success_rate * 100.0);
    println!("  Avg Wait Time: {:?}", metrics.avg_wait_time);
    println!("  Avg Processing Time: {:?}", metrics.avg_processing_time);

    let throughput = queue.throughput();
    println!("Throughput:");
    println!("  Enqueue: {:.2} items/sec", throughput.enqueue_per_sec);
    println!("  Dequeue: {:.2} items/sec", throughput.dequeue_per_sec);

    assert_eq!(format!("{:.2}%", metrics.success_rate * 100.0), "100.00%");
}

#[test]
fn correlation_and_tracing() {
    let item = SyncItem::new(json!({"data": "value"}), Priority::Normal)
        .with_correlation_id("request-123")
        .with_metadata("user_id", "user-456")
        .with_metadata("session", "session-789");

    assert_eq!((item.correlation_id.as_deref(), item.metadata.len()), (Some("request-123"), 2));
}

#[tokio::test]
async fn partitioning_for_scalability() {
    let config = QueueConfig { enable_partitioning: true, partition_count: 8, ..Default::default() };

    let item = SyncItem::new(json!({"data": "value"}), Priority::Normal).with_partition_key("user-123"); // Items with same key go to same partition

    let queue = SyncQueue::with_config(config).unwrap();
    queue.push(item).await.unwrap();
    assert_eq!(queue.partition_of("user-123"), queue.partition_of("user-123"));
    assert_eq!(queue.pop().await.unwrap().unwrap().partition_key.as_deref(), Some("user-123"));
}

#[test]
#[expect(clippy::collapsible_if, reason = "as in the document")]
fn circuit_breaker() {
    let queue = SyncQueue::new();
    if let Ok(healthy) = queue.health_check() {
        if !healthy {
            log::warn!("Queue circuit breaker is open - too many failures");
            // Wait for recovery or take alternative action
        }
    }
    assert!(queue.health_check().unwrap());
}

#[tokio::test]
async fn graceful_shutdown() {
    let queue = SyncQueue::new();
    // Shutdown gracefully, persisting all items
    queue.shutdown().await.unwrap();
    assert!(matches!(queue.pop().await, Err(QueueError::ShuttingDown)));
}

#[test]
fn error_handling() {
    let error = || syncline_core::Error::new(syncline_core::ErrorKind::Unavailable, "x");
    let errors = [
        QueueError::CapacityExceeded(3),
        QueueError::ItemNotFound("a".into()),
        QueueError::ShuttingDown,
        QueueError::Locked,
        QueueError::DuplicateItem("a".into()),
        QueueError::PersistenceError(error()),
        QueueError::EncryptionError(error()),
        QueueError::CompressionError("x".into()),
    ];
    assert!(errors.iter().all(|error| !error.to_string().is_empty()));
}

#[tokio::test]
async fn thread_safety() {
    let queue = Arc::new(SyncQueue::new());
    let mut tasks = Vec::new();

    // Spawn multiple producers
    for i in 0..10 {
        let q = queue.clone();
        tasks.push(tokio::spawn(async move {
            // Push items
            q.push(SyncItem::new(json!(i), Priority::Normal)).await.unwrap();
        }));
    }

    // Spawn multiple consumers
    for _ in 0..5 {
        let q = queue.clone();
        tasks.push(tokio::spawn(async move {
            // Pop and process items
            for _ in 0..2 {
                let item = q.pop_wait().await.unwrap();
                q.mark_completed(&item.id).await.unwrap();
            }
        }));
    }

    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(queue.metrics().total_completed, 10);
}
