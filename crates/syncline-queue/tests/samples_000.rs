//! The samples of the umbrella document that are about the queue, each a test named after its section. Changed are `use`
//! lines, paths, bodies of empty arms, a `_ =>` where a match is over all errors, and what the application brings.

use std::{error::Error as StdError, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use syncline_queue::{DEFAULT_MAX_RETRIES, Priority, QueueConfig, QueueError, SyncItem, SyncQueue};

type Error = Box<dyn StdError + Send + Sync>;

/// What the application does with an item; one with a `"bad"` in it fails.
async fn process_item(item: &SyncItem) -> Result<(), String> {
    if item.payload.get("bad").is_some() { Err("bad item".into()) } else { Ok(()) }
}

#[tokio::test]
async fn message_queue_operations() -> Result<(), Error> {
    // Create queue with custom configuration
    let config = QueueConfig {
        max_capacity: 50_000,
        enable_deduplication: true,
        enable_compression: true,
        base_retry_delay: Duration::from_secs(1),
        max_retry_delay: Duration::from_secs(3600),
        ..Default::default()
    };

    let queue = SyncQueue::with_config(config)?;

    // Push high-priority item
    let item = SyncItem::new(serde_json::json!({"task": "process_payment", "amount": 100.00}), Priority::High)
        .with_max_retries(5)
        .with_correlation_id("req-123".to_string())
        .with_metadata("user_id".to_string(), "user-456".to_string());

    queue.push(item).await?;

    // Process items
    while let Some(item) = queue.pop().await? {
        match process_item(&item).await {
            Ok(_) => {
                // Mark as completed
                queue.mark_completed(&item.id).await?;
            }
            Err(e) => {
                // Mark as failed - automatically retries if under max_retries
                let can_retry = queue.mark_failed(&item.id, Some(e.to_string())).await?;

                if !can_retry {
                    eprintln!("Item {} failed permanently", item.id);
                }
            }
        }
    }

    // Batch operations
    let items = vec![
        SyncItem::new(json!({"batch": 1}), Priority::Normal),
        SyncItem::new(json!({"batch": 2}), Priority::Normal),
        SyncItem::new(json!({"batch": 3}), Priority::Normal),
    ];

    let added_ids = queue.push_batch(items).await?;
    let batch = queue.pop_batch(10).await?;
    assert_eq!(added_ids.len(), batch.len());

    // Get metrics
    let metrics = queue.metrics();
    println!("Total enqueued: {}", metrics.total_enqueued);
    println!("Success rate: {:.1}%", metrics.success_rate);
    println!("Throughput: {:.2} items/sec", metrics.throughput);
    assert_eq!(format!("{:.1}%", metrics.success_rate), "100.0%");

    // Graceful shutdown
    queue.shutdown().await?;
    Ok(())
}

#[tokio::test]
async fn queue_with_persistence_and_encryption() -> Result<(), Error> {
    let dir = tempfile::tempdir()?;
    let path: PathBuf = dir.path().join("queue.dat");
    let encryption_key = vec![0u8; 32]; // Generate a proper key in production

    let config = QueueConfig {
        persistence_path: Some(path),
        persistence_interval: Duration::from_secs(30),
        enable_compression: true,
        compression_level: 6,
        enable_encryption: true,
        encryption_key: Some(encryption_key),
        ..Default::default()
    };

    let again = config.clone();
    let queue = SyncQueue::with_config(config)?;

    queue.push(SyncItem::new(json!("kept"), Priority::Normal)).await?;
    queue.shutdown().await?;
    let popped = SyncQueue::with_config(again)?.pop().await?;
    assert_eq!(popped.map(|item| item.payload), Some(json!("kept")));
    Ok(())
}

#[test]
fn queue_priority_levels() {
    let levels = [Priority::Critical, Priority::High, Priority::Normal, Priority::Low, Priority::Background];
    assert_eq!(levels.map(|level| level as u8), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn queue_metrics() -> Result<(), Error> {
    let queue = SyncQueue::new();
    queue.push(SyncItem::new(json!(1), Priority::Normal)).await?;

    let metrics = queue.metrics();
    println!("Queue Statistics:");
    println!("  Total Enqueued: {}", metrics.total_enqueued);
    println!("  Total Dequeued: {}", metrics.total_dequeued);
    println!("  Total Completed: {}", metrics.total_completed);
    println!("  Total Failed: {}", metrics.total_failed);
    println!("  Total Retried: {}", metrics.total_retried);
    println!("  Current Size: {}", metrics.current_size);
    println!("  Max Depth: {}", metrics.queue_depth_max);
    println!("  Success Rate: {:.1}%", metrics.success_rate);
    println!("  Avg Processing Time: {:.2}ms", metrics.average_processing_time_ms);
    println!("  Throughput: {:.2} items/sec", metrics.throughput);
    println!("  Deduplication Hits: {}", metrics.deduplication_hits);
    println!("  Compression Saved: {} bytes", metrics.compression_bytes_saved);

    assert_eq!((metrics.current_size, metrics.queue_depth_max), (1, 1));
    Ok(())
}

/// What the sample's match says of a push.
async fn push_and_match(queue: &SyncQueue, item: SyncItem) -> String {
    match queue.push(item).await {
        Ok(_) => "kept".into(),
        Err(QueueError::CapacityExceeded(max)) =>
        // Queue is full
        {
            format!("full at {max}")
        }
        Err(QueueError::DuplicateItem(id)) =>
        // Item already exists (deduplication)
        {
            format!("{id} exists")
        }
        Err(QueueError::ShuttingDown) =>
        // Queue is shutting down
        {
            "shutting down".into()
        }
        Err(QueueError::Locked) =>
        // Queue is locked for maintenance
        {
            "locked".into()
        }
        Err(QueueError::ItemNotFound(id)) =>
        // Item ID not found
        {
            format!("{id} not found")
        }
        Err(QueueError::InvalidState(msg)) =>
        // Invalid queue state
        {
            msg
        }
        Err(other) => other.to_string(),
    }
}

#[tokio::test]
async fn queue_errors() -> Result<(), Error> {
    let queue = SyncQueue::with_config(QueueConfig { max_capacity: 1, batch_size: 1, ..Default::default() })?;
    let item = |id: &str| SyncItem::with_id(id, json!(1), Priority::Normal);
    assert_eq!(push_and_match(&queue, item("a")).await, "kept");
    assert_eq!(push_and_match(&queue, item("a")).await, "a exists");
    assert_eq!(push_and_match(&queue, item("b")).await, "full at 1");
    queue.lock()?;
    assert_eq!(push_and_match(&queue, item("b")).await, "locked");
    queue.unlock()?;
    queue.shutdown().await?;
    assert_eq!(push_and_match(&queue, item("b")).await, "shutting down");
    Ok(())
}

#[expect(missing_docs, missing_debug_implementations, reason = "as in the document")]
pub struct ProcessingPipeline {
    input_queue: Arc<SyncQueue>,
    output_queue: Arc<SyncQueue>,
}

#[expect(missing_docs, reason = "as in the document")]
impl ProcessingPipeline {
    pub async fn process_batch(&self, batch_size: usize) -> Result<(), Error> {
        let items = self.input_queue.pop_batch(batch_size).await?;

        for item in items {
            // Process with circuit breaker protection
            match self.process_item(&item).await {
                Ok(result) => {
                    // Mark input item as completed
                    self.input_queue.mark_completed(&item.id).await?;

                    // Push result to output queue
                    let output = SyncItem::new(serde_json::to_value(result)?, Priority::Normal);
                    self.output_queue.push(output).await?;
                }
                Err(e) => {
                    // Mark as failed - automatic retry
                    self.input_queue.mark_failed(&item.id, Some(e.to_string())).await?;
                }
            }
        }

        Ok(())
    }

    /// The application's own work.
    async fn process_item(&self, item: &SyncItem) -> Result<String, String> {
        process_item(item).await.map(|()| format!("done: {}", item.payload))
    }
}

#[tokio::test]
async fn queue_based_processing_pipeline() -> Result<(), Error> {
    let pipeline = ProcessingPipeline {
        input_queue: Arc::new(SyncQueue::new()),
        output_queue: Arc::new(SyncQueue::new()),
    };
    let items = [json!(1), json!({"bad": true}), json!(2)].map(|payload| SyncItem::new(payload, Priority::Normal));
    pipeline.input_queue.push_batch(items.into()).await?;
    pipeline.process_batch(10).await?;
    let outputs: Vec<_> = pipeline.output_queue.pop_batch(10).await?.into_iter().map(|item| item.payload).collect();
    assert_eq!(outputs, ["done: 1", "done: 2"]);
    assert_eq!((pipeline.input_queue.size(), pipeline.input_queue.metrics().total_retried), (1, 1));
    Ok(())
}

#[test]
fn default_configuration() {
    let config = QueueConfig::default();
    assert_eq!((config.max_capacity, config.batch_size, config.compression_level), (10_000, 100, 6));
    assert_eq!(config.persistence_interval, Duration::from_secs(30));
    assert_eq!(config.retention_period, Duration::from_secs(7 * 24 * 3_600));
    assert_eq!(
        (config.base_retry_delay, config.max_retry_delay),
        (Duration::from_secs(1), Duration::from_secs(3_600))
    );
    assert_eq!(config.cleanup_interval, Duration::from_secs(300));
    assert_eq!(DEFAULT_MAX_RETRIES, 5);
}

#[tokio::test]
async fn thread_safety() {
    let queue = Arc::new(SyncQueue::new());
    let tasks = (0..10).map(|number| {
        let q = queue.clone();
        syncline_core::rt::spawn("sample", async move {
            // All components are safe to use concurrently
            q.push(SyncItem::new(json!(number), Priority::Normal)).await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(queue.size(), 10);
}
