//! Each setting does something.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use syncline_core::port::QueueStorage;
use syncline_queue::{Durability, ItemStatus, Priority, QueueConfig, QueueError};

use super::{faulty::Faulty, *};

#[tokio::test]
async fn capacity_is_all_or_nothing_and_counts_what_lives() {
    let (queue, _) = queue_with(QueueConfig { max_capacity: 3, batch_size: 3, ..Default::default() });
    let four = (0..4).map(|n| item(&n.to_string())).collect();
    assert!(matches!(queue.push_batch(four).await, Err(QueueError::CapacityExceeded(3))));
    assert_eq!(queue.size(), 0);
    let three = (0..3).map(|n| item(&n.to_string())).collect();
    assert_eq!(queue.push_batch(three).await.unwrap().len(), 3);
    assert!(matches!(queue.push(item("x")).await, Err(QueueError::CapacityExceeded(3))));
    assert_eq!(queue.pop_many().await.unwrap().len(), 3);
    assert!(matches!(queue.push(item("x")).await, Err(QueueError::CapacityExceeded(3))));
    queue.reject("0", "dead items take no room").await.unwrap();
    queue.push(item("x")).await.unwrap();
}

#[tokio::test]
async fn batch_size_is_what_one_step_takes() {
    let storage = Faulty::new();
    let config = QueueConfig { batch_size: 7, ..Default::default() };
    let queue = SyncQueue::on(Arc::clone(&storage) as Arc<dyn QueueStorage>, config).unwrap();
    queue.push_batch((0..20).map(|n| item(&n.to_string())).collect()).await.unwrap();
    assert_eq!(queue.pop_many().await.unwrap().len(), 7);
    queue.reject("0", "no").await.unwrap();
    queue.purge_all().await.unwrap();
    assert_eq!(storage.dead_limit.load(SeqCst), 7);
}

#[tokio::test]
async fn a_busy_queue_looks_after_its_leases_within_the_interval() {
    let config = QueueConfig { cleanup_interval: SECOND * 2, lease_duration: SECOND * 320, ..Default::default() };
    for (interval, looks) in [(SECOND * 2, 5), (SECOND * 5, 2), (SECOND * 60, 0)] {
        let storage = Faulty::new();
        let clock = MockClock::new();
        let config = QueueConfig { cleanup_interval: interval, ..config.clone() };
        let port = Arc::clone(&storage) as Arc<dyn QueueStorage>;
        let queue = SyncQueue::on_with_clock(port, config, Arc::new(clock.clone())).unwrap();
        queue.push_batch((0..20).map(|n| item(&n.to_string())).collect()).await.unwrap();
        for _ in 0..10 {
            clock.advance(SECOND);
            queue.pop().await.unwrap().unwrap();
        }
        assert_eq!(storage.reaps.load(SeqCst), looks, "every {interval:?}");
    }
}

#[tokio::test]
async fn so_many_settled_items_are_cleaned_up_after() {
    for (threshold, looks) in [(3, 3), (5, 1), (100, 0)] {
        let storage = Faulty::new();
        let config = QueueConfig { heap_cleanup_threshold: threshold, ..Default::default() };
        let port = Arc::clone(&storage) as Arc<dyn QueueStorage>;
        let queue = SyncQueue::on_with_clock(port, config, Arc::new(MockClock::new())).unwrap();
        queue.push_batch((0..20).map(|n| item(&n.to_string())).collect()).await.unwrap();
        for _ in 0..10 {
            let popped = queue.pop().await.unwrap().unwrap();
            queue.mark_completed(&popped.id).await.unwrap();
        }
        assert_eq!(storage.reaps.load(SeqCst), looks, "threshold {threshold}");
    }
}

#[tokio::test]
async fn an_end_is_remembered_for_the_retention_period() {
    let (queue, clock) = queue_with(QueueConfig { retention_period: SECOND * 60, ..Default::default() });
    queue.push(item("a")).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.mark_completed("a").await.unwrap();
    clock.advance(SECOND * 59);
    assert_eq!(queue.status("a").await.unwrap(), Some(ItemStatus::Completed));
    clock.advance(SECOND);
    assert_eq!(queue.status("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_dead_letter_stays_for_its_time() {
    for (ttl, left) in [(None, 2), (Some(SECOND * 60), 1), (Some(SECOND * 30), 0)] {
        let (queue, clock) = queue_with(QueueConfig { dead_letter_ttl: ttl, ..Default::default() });
        for id in ["old", "young"] {
            queue.push(item(id)).await.unwrap();
            queue.pop().await.unwrap().unwrap();
            queue.reject(id, "no").await.unwrap();
            clock.advance(SECOND * 30);
        }
        assert!(queue.pop().await.unwrap().is_none());
        assert_eq!((queue.metrics().dead, queue.metrics().total_dead_expired), (left, 2 - left), "{ttl:?}");
    }
}

#[tokio::test]
async fn aging_lifts_what_has_waited() {
    for (aging, first) in [(None, "new"), (Some(SECOND * 10), "old")] {
        let (queue, clock) = queue_with(QueueConfig { aging, ..Default::default() });
        queue.push(urgent("old", Priority::Background)).await.unwrap();
        clock.advance(SECOND * 40);
        queue.push(urgent("new", Priority::Critical)).await.unwrap();
        assert_eq!(pop_id(&queue).await.as_deref(), Some(first), "{aging:?}");
    }
}

#[test]
fn keys_are_spread_over_the_partitions_and_always_in_the_same_way() {
    let queue = SyncQueue::with_config(QueueConfig { partition_count: 8, ..Default::default() }).unwrap();
    let mut counts = [0; 8];
    for number in 0..8_000 {
        counts[queue.partition_of(&format!("user-{number}"))] += 1;
    }
    assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    assert_eq!(queue.partition_of("user-123"), 2);
    assert_eq!(SyncQueue::new().config().partition_count, 4);
}

#[test]
fn a_storage_that_is_given_is_not_said_to_be_elsewhere_or_encrypted() {
    let refused = |config| SyncQueue::on(Faulty::new(), config).unwrap_err().to_string();
    let path = QueueConfig { persistence_path: Some("/nowhere".into()), ..Default::default() };
    assert!(refused(path).contains("persistence_path is set"));
    assert!(refused(QueueConfig::high_security_with_key(vec![1; 32])).contains("enable_encryption is set"));
    let buffered = QueueConfig { durability: Durability::Buffered, ..Default::default() };
    assert!(refused(buffered).contains("durability is set"));
}

#[test]
fn an_interval_of_nothing_is_no_bound() {
    let config = QueueConfig {
        durability: Durability::Interval,
        persistence_interval: Duration::ZERO,
        ..Default::default()
    };
    assert!(config.validate().unwrap_err().to_string().contains("persistence_interval"));
    assert!(QueueConfig { durability: Durability::Buffered, ..config }.validate().is_ok());
}

#[tokio::test]
async fn a_shutdown_waits_for_calls_up_to_its_deadline() {
    let (queue, clock) = queue_with(QueueConfig { shutdown_deadline: Duration::from_secs(5), ..Default::default() });
    queue.shutdown().await.unwrap();
    assert!(matches!(queue.push(item("a")).await, Err(QueueError::ShuttingDown)));
    assert!(matches!(queue.mark_completed("a").await, Err(QueueError::ShuttingDown)));
    assert_eq!(clock.sleepers(), 0);
    queue.shutdown().await.unwrap();
}
