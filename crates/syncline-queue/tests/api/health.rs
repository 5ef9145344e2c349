//! Numbers, health, and the breaker.

use std::sync::atomic::Ordering::SeqCst;

use syncline_core::port::{Clock as _, QueueStorage};
use syncline_queue::{DeadReason, QueueConfig, QueueError, QueueEvent, Ratio, Reason, Throughput, WallTime};

use super::{faulty::Faulty, *};

fn on(storage: &Arc<Faulty>, config: QueueConfig) -> (SyncQueue, MockClock) {
    let clock = MockClock::new();
    let storage = Arc::clone(storage) as Arc<dyn QueueStorage>;
    (SyncQueue::on_with_clock(storage, config, Arc::new(clock.clone())).unwrap(), clock)
}

/// What went wrong: the threshold of ten was lost to the default of five, what was counted were jobs that failed, nothing
/// asked the breaker before a push, and each look at its health used up a probe.
#[tokio::test]
async fn ten_failures_of_the_storage_refuse_pushes_for_a_minute() {
    let storage = Faulty::new();
    let (queue, clock) = on(&storage, QueueConfig::default());
    storage.is_down.store(true, SeqCst);
    for number in 0..10 {
        assert!(queue.health_check().unwrap(), "after {number}");
        assert!(matches!(queue.push(item("a")).await, Err(QueueError::PersistenceError(_))));
    }
    assert!(!queue.health_check().unwrap());
    let report = queue.health();
    assert_eq!((report.ready, report.live, &report.reasons[..]), (false, true, &[Reason::BreakerOpen][..]));
    let refused = queue.push(item("a")).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(SECOND * 60));
    assert_eq!(storage.pushes.load(SeqCst), 10, "it was not asked");

    storage.is_down.store(false, SeqCst);
    clock.advance(SECOND * 60);
    for _ in 0..100 {
        queue.health_check().unwrap();
    }
    queue.push(item("a")).await.unwrap();
    queue.push(item("b")).await.unwrap();
    assert!(queue.health_check().unwrap() && queue.health().ready);
}

#[tokio::test]
async fn the_age_of_what_waits_grows_until_somebody_takes_it() {
    let (queue, clock) = queue();
    assert_eq!(queue.health().oldest_age, None);
    let now = WallTime::from_millis(clock.wall().as_millis() + 5_000);
    queue.push(item("later").with_scheduled_at(now)).await.unwrap();
    assert_eq!(queue.health().oldest_age, None, "it is not due");
    queue.push(urgent("now", Priority::Background)).await.unwrap();
    clock.advance(SECOND * 7);
    assert_eq!(queue.health().oldest_age, Some(SECOND * 7));
    assert_eq!(queue.pop_batch(2).await.unwrap().len(), 2);
    assert_eq!(queue.health().oldest_age, None);
}

#[tokio::test]
async fn jobs_that_fail_say_nothing_of_the_storage() {
    let (queue, _) = queue();
    queue
        .push_batch((0..50).map(|n| item(&n.to_string()).with_max_retries(1)).collect())
        .await
        .unwrap();
    while let Some(popped) = queue.pop().await.unwrap() {
        assert!(!queue.mark_failed(&popped.id, None).await.unwrap());
    }
    assert!(queue.health_check().unwrap());
    assert_eq!(queue.metrics().total_failed, 50);
}

#[tokio::test]
async fn health_names_what_keeps_it_from_its_work() {
    let (queue, _) = queue();
    assert!(queue.health().ready && queue.health().reasons.is_empty());
    queue.lock().unwrap();
    assert_eq!((queue.health().reasons, queue.health().live), (vec![Reason::Locked], true));
    queue.unlock().unwrap();
    queue.shutdown().await.unwrap();
    assert_eq!((queue.health().reasons, queue.health().live), (vec![Reason::ShuttingDown], false));
    assert!(!queue.health_check().unwrap());
}

/// What went wrong: one record that could not be read failed every pop after it.
#[tokio::test]
async fn an_item_that_cannot_be_read_is_a_dead_letter_and_blocks_nobody() {
    let storage = Faulty::new();
    let (queue, _) = on(&storage, QueueConfig::default());
    queue.push(item("bad")).await.unwrap();
    storage.damages.store(true, SeqCst);
    assert_eq!(queue.pop().await.unwrap(), None);
    storage.damages.store(false, SeqCst);
    queue.push(item("good")).await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("good"));
    let letters = queue.dead_letters(None, 9).await.unwrap();
    assert_eq!((letters[0].item.id.as_str(), letters[0].reason), ("bad", DeadReason::Rejected));
    assert!(letters[0].errors[0].contains("the content of the item \"bad\""), "{:?}", letters[0].errors);
}

/// What went wrong: an idle queue had 10000.00 % of success, times were whole seconds and underflowed, and a queue whose items
/// were all in hand was empty and idle.
#[tokio::test]
async fn numbers_are_exact_and_come_from_one_source() {
    let (queue, clock) = queue();
    assert_eq!(queue.metrics().success_rate, Ratio::ONE);
    queue
        .push_batch((0..4).map(|n| item(&n.to_string()).with_max_retries(1)).collect())
        .await
        .unwrap();
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(queue.pop_batch(4).await.unwrap().len(), 4);
    assert!(queue.is_empty() && !queue.is_idle() && queue.in_flight() == 4);
    clock.advance(Duration::from_micros(2_500));
    for id in ["0", "1", "2"] {
        queue.mark_completed(id).await.unwrap();
    }
    queue.mark_failed("3", None).await.unwrap();
    let metrics = queue.metrics();
    assert_eq!((metrics.total_enqueued, metrics.total_dequeued), (4, 4));
    assert_eq!((metrics.total_completed, metrics.total_failed, metrics.total_retried), (3, 1, 0));
    assert_eq!((metrics.current_size, metrics.queue_depth_max, metrics.dead), (0, 4, 1));
    assert_eq!(metrics.success_rate.as_fraction(), 0.75);
    assert_eq!(metrics.avg_wait_time, Duration::from_millis(1_500));
    assert_eq!(metrics.avg_processing_time, Duration::from_micros(2_500));
    assert_eq!(metrics.average_processing_time_ms, 2.5);
    clock.advance(Duration::from_micros(497_500));
    let rates = Throughput { enqueue_per_sec: 2.0, dequeue_per_sec: 2.0, complete_per_sec: 1.5 };
    assert_eq!((queue.throughput(), queue.metrics().throughput), (rates, 1.5));
}

#[tokio::test]
async fn numbers_of_a_storage_that_was_given_are_those_of_the_last_refresh() {
    let storage = Faulty::new();
    let (queue, _) = on(&storage, QueueConfig::default());
    queue.push(item("a")).await.unwrap();
    assert_eq!(queue.size(), 0);
    queue.refresh().await.unwrap();
    assert_eq!((queue.size(), queue.metrics().current_size), (1, 1));
    assert!(matches!(queue.peek().await, Err(QueueError::InvalidState(_))));
}

/// What went wrong: a pop that had upkeep to do failed with it, so that nothing was handed out where an old item that nobody
/// asked for could not be moved.
#[tokio::test]
async fn upkeep_that_fails_keeps_nothing_back() {
    let storage = Faulty::new();
    let (queue, clock) = on(&storage, QueueConfig { cleanup_interval: SECOND, ..Default::default() });
    queue.push(item("a")).await.unwrap();
    storage.bad_from.store(1, SeqCst);
    clock.advance(SECOND);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a"));
    assert_eq!(storage.reaps.load(SeqCst), 1);
    // Where it is all that is to be done, its failure is the answer.
    clock.advance(queue.config().lease_duration);
    assert!(matches!(queue.pop().await, Err(QueueError::PersistenceError(_))));
    storage.bad_from.store(0, SeqCst);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a"));
}

/// What went wrong: of upkeep that failed at its second step nobody heard what the first one had done.
#[tokio::test]
async fn what_upkeep_did_before_it_failed_is_told() {
    let storage = Faulty::new();
    let (queue, clock) = on(&storage, QueueConfig::default());
    queue.push_batch((0..70).map(|n| item(&n.to_string())).collect()).await.unwrap();
    assert_eq!(queue.pop_batch(70).await.unwrap().len(), 70);
    let mut events = queue.events();
    storage.bad_from.store(2, SeqCst);
    clock.advance(queue.config().lease_duration);
    assert!(queue.pop().await.unwrap().is_some());
    assert_eq!(events.next().await, Some(QueueEvent::Expired { leases: 64, dead: 0 }));
}
