//! Limits: how many items may be in hands, and how fast they go out.

use std::pin::pin;

use syncline_core::memory::MemoryDisk;
use syncline_journal::{Config, Journal};
use syncline_queue::{QueueConfig, QueueError, Rate};

use super::*;

/// The queue in memory and on a journal.
fn queues(config: &QueueConfig) -> [(SyncQueue, MockClock); 2] {
    let clock = MockClock::new();
    let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default()).unwrap().journal;
    let on_journal = SyncQueue::on_journal(&journal, "jobs", config.clone(), Arc::new(clock.clone())).unwrap();
    [queue_with(config.clone()), (on_journal, clock)]
}

async fn pop_ids(queue: &SyncQueue, most: usize) -> Vec<String> {
    queue.pop_batch(most).await.unwrap().into_iter().map(|item| item.id).collect()
}

fn of_key(id: &str, key: &str) -> SyncItem {
    item(id).with_partition_key(key)
}

#[tokio::test]
async fn no_more_items_are_in_flight_than_may_be() {
    for (queue, clock) in queues(&QueueConfig { max_in_flight: Some(2), ..Default::default() }) {
        queue.push_batch(["a", "b", "c", "d"].map(item).into()).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["a", "b"]);
        assert_eq!(pop_id(&queue).await, None);
        // What is ready and may not be taken wakes nobody: only the end of a lease would.
        let mut wait = pin!(queue.pop_wait());
        assert!(poll(&mut wait).is_pending());
        clock.advance(SECOND * 299);
        assert!(poll(&mut wait).is_pending());
        queue.mark_completed("b").await.unwrap();
        assert_eq!(wait.await.unwrap().id, "c");
        let mut wait = pin!(queue.pop_wait());
        assert!(poll(&mut wait).is_pending());
        clock.advance(SECOND);
        assert_eq!(wait.await.unwrap().id, "a", "its lease was over");
    }
}

/// What went wrong: nobody was told that an item in hand had died with its lease, so that the room that it left was not used.
#[tokio::test]
async fn an_item_that_dies_with_its_lease_makes_room() {
    let config = QueueConfig { max_in_flight: Some(1), lease_duration: SECOND * 10, ..Default::default() };
    for (queue, clock) in queues(&config) {
        queue.push_batch(vec![item("a").with_max_retries(1), item("b")]).await.unwrap();
        assert_eq!(pop_id(&queue).await.as_deref(), Some("a"));
        let (mut one, mut other) = (pin!(queue.pop_wait()), pin!(queue.pop_wait()));
        assert!(poll(&mut one).is_pending() && poll(&mut other).is_pending());
        clock.advance(SECOND * 10);
        assert_eq!(one.await.unwrap().id, "b");
        assert!(poll(&mut other).is_pending());
    }
}

#[tokio::test]
async fn several_of_a_key_are_in_flight_where_its_order_was_given_up() {
    let config = QueueConfig { enable_partitioning: true, max_in_flight_per_key: 2, ..Default::default() };
    for (queue, clock) in queues(&config) {
        let items = [of_key("x1", "x"), of_key("x2", "x"), of_key("x3", "x"), of_key("y1", "y"), item("free")];
        queue.push_batch(items.into()).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["x1", "x2", "y1", "free"]);
        queue.mark_failed("x1", None).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["x3"], "the one that waits for its retry holds up nobody");
        clock.advance(SECOND);
        assert_eq!(pop_id(&queue).await, None, "two are in hand");
        queue.mark_completed("x2").await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["x1"]);
    }
}

#[tokio::test]
async fn a_key_goes_one_by_one_in_order_by_default() {
    for (queue, _) in queues(&QueueConfig { enable_partitioning: true, ..Default::default() }) {
        let urgent = urgent("x2", Priority::Critical).with_partition_key("x");
        queue.push_batch(vec![of_key("x1", "x"), urgent]).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["x1"]);
        queue.mark_failed("x1", None).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, [""; 0]);
    }
}

#[tokio::test]
async fn items_go_out_in_a_burst_and_then_at_their_rate() {
    let tenth = Duration::from_millis(100);
    let max_rate = Some(Rate { items: 10, per: SECOND, burst: 3 });
    for (queue, clock) in queues(&QueueConfig { max_rate, ..Default::default() }) {
        assert_eq!(pop_ids(&queue, 9).await, [""; 0], "a pop that finds nothing costs nothing");
        queue.push_batch((0..9).map(|n| item(&n.to_string())).collect()).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["0", "1", "2"]);
        let (mut one, mut other) = (pin!(queue.pop_wait()), pin!(queue.pop_wait()));
        assert!(poll(&mut one).is_pending() && poll(&mut other).is_pending());
        clock.advance(tenth - Duration::from_millis(1));
        assert!(poll(&mut one).is_pending());
        clock.advance(Duration::from_millis(1));
        assert_eq!(one.await.unwrap().id, "3");
        assert!(poll(&mut other).is_pending());
        clock.advance(tenth);
        assert_eq!(other.await.unwrap().id, "4");
        clock.advance(SECOND * 60);
        assert_eq!(pop_ids(&queue, 9).await, ["5", "6", "7"], "no more than a burst is saved");
    }
}

#[tokio::test]
async fn each_key_has_its_own_rate_and_keeps_its_order() {
    let max_rate_per_key = Some(Rate { items: 1, per: SECOND, burst: 1 });
    for (queue, clock) in queues(&QueueConfig { enable_partitioning: true, max_rate_per_key, ..Default::default() }) {
        let items = [of_key("x1", "x"), of_key("x2", "x"), of_key("y1", "y"), of_key("y2", "y"), item("free")];
        queue.push_batch(items.into()).await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["x1", "y1", "free"]);
        queue.mark_completed("x1").await.unwrap();
        let mut wait = pin!(queue.pop_wait());
        assert!(poll(&mut wait).is_pending());
        while queue.in_flight() > 2 {
            assert!(poll(&mut wait).is_pending());
            tokio::task::yield_now().await;
        }
        let put_off = queue.get("x2").await.unwrap().unwrap();
        assert_eq!((put_off.retry_count, put_off.lease_token, queue.in_flight()), (0, None, 2));
        clock.advance(Duration::from_millis(999));
        assert!(poll(&mut wait).is_pending());
        clock.advance(Duration::from_millis(2));
        let x2 = wait.await.unwrap();
        assert_eq!((x2.id.as_str(), x2.retry_count), ("x2", 0));
        queue.mark_completed("y1").await.unwrap();
        assert_eq!(pop_ids(&queue, 9).await, ["y2"]);
    }
}

#[tokio::test]
async fn limits_that_say_nothing_are_refused() {
    let refused = |config: QueueConfig| matches!(SyncQueue::with_config(config), Err(QueueError::InvalidConfig(_)));
    assert!(refused(QueueConfig { max_in_flight: Some(0), ..Default::default() }));
    assert!(refused(QueueConfig { max_in_flight_per_key: 3, ..Default::default() }));
}
