//! Who is next.

use std::time::Duration;

use syncline_core::port::Clock as _;
use syncline_queue::{ItemStatus, Priority, QueueConfig, QueueError};

use super::*;

/// What went wrong: a pop put an item that was not due back and took it again, under a lock, until it was due: 2.29 s at full
/// load in which nobody could push, while an item that was ready waited.
#[tokio::test]
async fn a_retry_that_is_not_due_holds_up_nobody() {
    let (queue, clock) = queue();
    queue.push(urgent("retry", Priority::Critical)).await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("retry"));
    assert!(queue.mark_failed("retry", Some("busy".into())).await.unwrap());
    queue.push(urgent("ready", Priority::Low)).await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("ready"));
    assert_eq!(pop_id(&queue).await, None);
    clock.advance(SECOND);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("retry"));
}

#[tokio::test]
async fn levels_go_in_order_and_each_is_first_in_first_out() {
    let (queue, _) = queue();
    for (number, priority) in (0..).zip(Priority::ALL.into_iter().rev().cycle().take(10)) {
        queue.push(urgent(&format!("{number}"), priority)).await.unwrap();
    }
    let ids: Vec<_> = queue.pop_batch(100).await.unwrap().into_iter().map(|item| item.id).collect();
    assert_eq!(ids, ["4", "9", "3", "8", "2", "7", "1", "6", "0", "5"]);
}

#[tokio::test]
async fn an_item_is_not_handed_out_before_its_time_nor_after_its_end() {
    let (queue, clock) = queue();
    let now = clock.wall();
    queue.push(item("later").with_scheduled_at(now + SECOND * 5)).await.unwrap();
    queue
        .push(item("brief").with_scheduled_at(now + SECOND).with_expires_at(now + SECOND * 3))
        .await
        .unwrap();
    assert_eq!(queue.status("later").await.unwrap(), Some(ItemStatus::Scheduled));
    assert_eq!(pop_id(&queue).await, None);
    clock.advance(SECOND * 5);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("later"));
    assert_eq!(pop_id(&queue).await, None);
    assert_eq!(queue.dead_letters(None, 9).await.unwrap()[0].item.id, "brief");
}

/// What went wrong: the second push of an id was counted and then vanished.
#[tokio::test]
async fn without_deduplication_both_items_of_an_id_are_handed_out_and_settled_each_for_itself() {
    let (queue, clock) = queue_with(QueueConfig { enable_deduplication: false, ..Default::default() });
    for number in [1, 2] {
        queue.push(SyncItem::with_id("twin", json!(number), Priority::Normal)).await.unwrap();
    }
    let (first, second) = (queue.pop().await.unwrap().unwrap(), queue.pop().await.unwrap().unwrap());
    assert_eq!((first.payload.clone(), second.payload.clone()), (json!(1), json!(2)));
    assert_ne!(first.lease_token, second.lease_token);
    queue.mark_failed_lease("twin", first.lease_token.unwrap(), None).await.unwrap();
    queue.mark_completed_lease("twin", second.lease_token.unwrap()).await.unwrap();
    clock.advance(SECOND);
    let again = queue.pop().await.unwrap().unwrap();
    assert_eq!((again.payload, again.retry_count), (json!(1), 1));
    queue.mark_completed_lease("twin", again.lease_token.unwrap()).await.unwrap();
    assert!(queue.is_idle());
    assert_eq!((queue.metrics().total_enqueued, queue.metrics().total_completed), (2, 2));
}

#[tokio::test]
async fn a_duplicate_is_refused_alone_and_skipped_in_a_batch() {
    let (queue, _) = queue();
    queue.push(item("a")).await.unwrap();
    assert!(matches!(queue.push(item("a")).await, Err(QueueError::DuplicateItem(id)) if id == "a"));
    let added = queue.push_batch(vec![item("b"), item("a"), item("b"), item("c")]).await.unwrap();
    assert_eq!(added, ["b", "c"]);
    let keyed = |id| item(id).with_dedup_key("invoice-7", Duration::from_secs(60));
    queue.push(keyed("d")).await.unwrap();
    assert!(matches!(queue.push(keyed("e")).await, Err(QueueError::DuplicateItem(id)) if id == "d"));
    assert_eq!((queue.metrics().deduplication_hits, queue.metrics().total_enqueued), (4, 4));
}

/// What went wrong: the settings for partitions were never read.
#[tokio::test]
async fn of_one_partition_key_one_item_is_in_hand_at_a_time_and_others_are_free() {
    let (queue, clock) = queue_with(QueueConfig { enable_partitioning: true, ..Default::default() });
    for id in ["a1", "a2", "b1"] {
        queue.push(item(id).with_partition_key(&id[..1])).await.unwrap();
    }
    let ids: Vec<_> = queue.pop_batch(9).await.unwrap().into_iter().map(|item| item.id).collect();
    assert_eq!(ids, ["a1", "b1"]);
    queue.mark_failed("a1", None).await.unwrap();
    assert_eq!(pop_id(&queue).await, None, "its retry keeps its order");
    clock.advance(SECOND);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a1"));
    queue.mark_completed("a1").await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a2"));

    let (free, _) = super::queue();
    for id in ["a1", "a2"] {
        free.push(item(id).with_partition_key("a")).await.unwrap();
    }
    let both = free.pop_batch(9).await.unwrap();
    assert_eq!((both.len(), both[0].partition_key.as_deref()), (2, Some("a")));
}

#[tokio::test]
async fn a_look_takes_nothing() {
    let (queue, _) = queue();
    assert_eq!(queue.peek().await.unwrap(), None);
    queue.push(item("b")).await.unwrap();
    queue.push(urgent("a", Priority::High)).await.unwrap();
    let next = queue.peek().await.unwrap().unwrap();
    assert_eq!((next.id.as_str(), next.status, next.lease_token), ("a", ItemStatus::Pending, None));
    assert_eq!(queue.get("b").await.unwrap().unwrap().payload, json!({"of": "b"}));
    assert_eq!(queue.get("c").await.unwrap(), None);
    assert_eq!((queue.size(), queue.in_flight()), (2, 0));
}
