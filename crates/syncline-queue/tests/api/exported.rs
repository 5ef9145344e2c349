//! Numbers as a registry shows them.

use prometheus::{Registry, TextEncoder};
use syncline_core::WallTime;
use syncline_queue::{Dead, QueueConfig, Rejected, metrics_export};
use tempfile::tempdir;

use super::*;

fn text(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

/// Every line of `expected` is exported.
fn assert_shows(registry: &Registry, expected: &[&str]) {
    let text = text(registry);
    for line in expected {
        assert!(text.lines().any(|shown| shown == *line), "no line {line:?} in\n{text}");
    }
}

#[tokio::test]
async fn a_registry_shows_what_happened_by_reason_and_level() {
    let (queue, clock) = queue_with(QueueConfig { max_capacity: 4, batch_size: 4, ..Default::default() });
    let registry = Registry::new();
    metrics_export::register(&registry, &queue).unwrap();
    let soon = WallTime::from_millis(clock_wall(&clock) + 10_000);
    queue
        .push_batch(vec![
            urgent("done", Priority::High),
            item("tired").with_max_retries(2),
            item("no use"),
            urgent("late", Priority::Low).with_expires_at(soon),
        ])
        .await
        .unwrap();
    assert!(queue.push(item("one too many")).await.is_err());
    clock.advance(SECOND * 2);
    assert_eq!(queue.pop_batch(3).await.unwrap().len(), 3);
    clock.advance(SECOND);
    queue.mark_completed("done").await.unwrap();
    queue.mark_failed("tired", None).await.unwrap();
    queue.reject("no use", "broken").await.unwrap();
    clock.advance(SECOND * 60);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("tired"));
    queue.mark_failed("tired", None).await.unwrap();
    assert!(queue.push(urgent("late", Priority::Low)).await.is_ok(), "what has expired does not live");

    let metrics = queue.metrics();
    assert_eq!((metrics.failed.exhausted, metrics.failed.rejected), (1, 1));
    assert_eq!(metrics.total_failed, metrics.failed.total());
    assert_eq!(metrics.rejected, Rejected { capacity: 1, ..Default::default() });
    assert_shows(
        &registry,
        &[
            r#"syncline_queue_items{priority="low",queue="queue",state="waiting"} 1"#,
            r#"syncline_queue_oldest_item_age_seconds{priority="low",queue="queue"} 0"#,
            r#"syncline_queue_oldest_dead_age_seconds{queue="queue"} 60"#,
            r#"syncline_queue_capacity_ratio{queue="queue"} 0.25"#,
            r#"syncline_queue_enqueued_total{queue="queue"} 5"#,
            r#"syncline_queue_dequeued_total{queue="queue"} 4"#,
            r#"syncline_queue_completed_total{queue="queue"} 1"#,
            r#"syncline_queue_failed_total{final="false",queue="queue"} 1"#,
            r#"syncline_queue_dead_total{queue="queue",reason="exhausted"} 1"#,
            r#"syncline_queue_dead_total{queue="queue",reason="rejected"} 1"#,
            r#"syncline_queue_rejected_total{queue="queue",reason="capacity"} 1"#,
            r#"syncline_queue_wait_seconds_bucket{priority="high",queue="queue",le="1"} 0"#,
            r#"syncline_queue_wait_seconds_bucket{priority="high",queue="queue",le="2.5"} 1"#,
            r#"syncline_queue_processing_seconds_sum{outcome="completed",queue="queue"} 1"#,
            r#"syncline_queue_processing_seconds_count{outcome="dead",queue="queue"} 2"#,
            r#"syncline_queue_attempts_bucket{queue="queue",le="1"} 2"#,
            r#"syncline_queue_attempts_bucket{queue="queue",le="2"} 3"#,
            r#"syncline_queue_poisoned{queue="queue"} 0"#,
        ],
    );
}

fn clock_wall(clock: &MockClock) -> u64 {
    syncline_core::port::Clock::wall(clock).as_millis()
}

#[tokio::test]
async fn what_died_of_its_age_is_told_from_what_used_up_its_attempts() {
    let (queue, clock) = queue();
    let soon = WallTime::from_millis(clock_wall(&clock) + 1_000);
    queue.push(item("late").with_expires_at(soon)).await.unwrap();
    queue.push(item("fatal").with_max_retries(1)).await.unwrap();
    assert_eq!(queue.pop_batch(1).await.unwrap().len(), 1);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("fatal"), "the other one is in hand");
    queue.requeue("late").await.unwrap();
    clock.advance(QueueConfig::default().lease_duration + SECOND);
    assert_eq!(queue.pop().await.unwrap(), None);
    let dead = Dead { exhausted: 1, expired: 1, ..Default::default() };
    assert_eq!(queue.metrics().failed, dead);
}

#[tokio::test]
async fn a_queue_shows_its_own_journal_and_is_gone_from_the_registry_when_it_is() {
    let dir = tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("queue")), ..Default::default() };
    let queue = SyncQueue::open(config).await.unwrap();
    let registry = Registry::new();
    metrics_export::register(&registry, &queue).unwrap();
    assert!(metrics_export::register(&registry, &queue).is_err(), "twice it would be counted twice");
    queue.push(item("a")).await.unwrap();
    assert_shows(&registry, &[r#"syncline_queue_log_records_total{queue="queue"} 1"#]);
    queue.shutdown().await.unwrap();
    drop(queue);
    assert_eq!(text(&registry), "");
}
