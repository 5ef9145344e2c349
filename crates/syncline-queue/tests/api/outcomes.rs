//! How it went.

use std::time::Duration;

use syncline_queue::{DeadReason, ItemStatus, QueueConfig, QueueError};

use super::*;

/// What went wrong: any caller could complete any item, even one that nobody had ever taken.
#[tokio::test]
async fn only_an_item_in_hand_can_be_settled() {
    let (queue, _) = queue();
    queue.push(item("a")).await.unwrap();
    assert!(matches!(queue.mark_completed("a").await, Err(QueueError::InvalidState(_))));
    assert!(matches!(queue.mark_failed("a", None).await, Err(QueueError::InvalidState(_))));
    assert!(matches!(queue.mark_completed("b").await, Err(QueueError::ItemNotFound(id)) if id == "b"));
    queue.pop().await.unwrap().unwrap();
    queue.mark_completed("a").await.unwrap();
    assert!(matches!(queue.mark_completed("a").await, Err(QueueError::ItemNotFound(_))));
    assert_eq!(queue.status("a").await.unwrap(), Some(ItemStatus::Completed));
}

#[tokio::test]
async fn a_batch_completes_what_is_held_and_names_the_others() {
    let (queue, clock) = queue();
    queue.push_batch(["a", "b", "c", "d"].map(item).into()).await.unwrap();
    let mut items = queue.pop_batch(3).await.unwrap();
    queue.mark_completed("b").await.unwrap();
    items.push(item("d"));
    assert_eq!(queue.complete_batch(&items).await.unwrap(), ["b", "d"], "b is gone, and nobody took d");
    assert_eq!((queue.size(), queue.in_flight(), queue.metrics().total_completed), (1, 0, 3));
    let held = queue.pop_batch(1).await.unwrap();
    clock.advance(queue.config().lease_duration);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("d"), "its lease is over");
    assert_eq!(queue.complete_batch(&held).await.unwrap(), ["d"], "another one has it");
    assert_eq!(queue.complete_batch(&[]).await.unwrap(), [""; 0]);
    assert_eq!(queue.in_flight(), 1);
}

/// What went wrong: the longest delay was never applied, and the first was twice the base: with a base of 60 s and a most of
/// an hour the ninth retry came after ten hours.
#[tokio::test]
async fn delays_begin_at_the_base_double_and_never_exceed_the_longest() {
    let config = QueueConfig {
        base_retry_delay: Duration::from_secs(60),
        max_retry_delay: Duration::from_secs(600),
        ..Default::default()
    };
    let (queue, clock) = queue_with(config);
    queue.push(item("a").with_max_retries(9)).await.unwrap();
    for longest in [60, 120, 240, 480, 600, 600, 600, 600] {
        let popped = queue.pop().await.unwrap().unwrap();
        assert!(queue.mark_failed(&popped.id, None).await.unwrap());
        clock.advance(Duration::from_secs(longest) * 7 / 10 - Duration::from_millis(1));
        assert_eq!(pop_id(&queue).await, None, "at most 30 % of {longest} s are left to chance");
        clock.advance(Duration::from_secs(longest) * 3 / 10 + Duration::from_millis(1));
    }
    queue.pop().await.unwrap().unwrap();
    assert!(!queue.mark_failed("a", None).await.unwrap());
}

/// What went wrong: jitter came from the clock, so that a burst of failures waited in step.
#[tokio::test]
async fn items_that_failed_together_do_not_come_back_together() {
    let (queue, _) = queue();
    queue.push_batch((0..50).map(|n| item(&n.to_string())).collect()).await.unwrap();
    let mut times = std::collections::BTreeSet::new();
    for popped in queue.pop_batch(50).await.unwrap() {
        queue.mark_failed(&popped.id, None).await.unwrap();
        times.insert(queue.get(&popped.id).await.unwrap().unwrap().next_retry_at);
    }
    assert!(times.len() > 25, "{} different times", times.len());
}

#[tokio::test]
async fn max_retries_is_the_number_of_attempts() {
    let (queue, clock) = queue();
    queue.push(item("two").with_max_retries(2)).await.unwrap();
    queue.push(item("none").with_max_retries(0)).await.unwrap();
    assert_eq!(queue.pop_batch(9).await.unwrap().len(), 2);
    assert!(queue.mark_failed("two", None).await.unwrap());
    assert!(!queue.mark_failed("none", None).await.unwrap());
    clock.advance(SECOND);
    assert_eq!(queue.pop().await.unwrap().unwrap().retry_count, 1);
    assert!(!queue.mark_failed("two", None).await.unwrap());
}

/// What went wrong: an item that had failed for good was gone, with what it had failed with.
#[tokio::test]
async fn a_dead_letter_is_listed_with_its_errors_redriven_and_purged() {
    let (queue, clock) = queue_with(QueueConfig { batch_size: 2, ..Default::default() });
    queue.push(item("a").with_max_retries(2)).await.unwrap();
    for error in ["first", "second"] {
        queue.pop().await.unwrap().unwrap();
        queue.mark_failed("a", Some(error.into())).await.unwrap();
        clock.advance(SECOND);
    }
    let letters = queue.dead_letters(None, 10).await.unwrap();
    let letter = &letters[0];
    assert_eq!((letter.reason, &letter.errors[..]), (DeadReason::Exhausted, &["first".into(), "second".into()][..]));
    assert_eq!((letter.item.status, letter.item.error_message.as_deref()), (ItemStatus::Failed, Some("second")));
    assert_eq!(letter.item.payload, json!({"of": "a"}));

    // Its id is free, and it can be reached all the same.
    queue.push(item("a")).await.unwrap();
    assert_eq!(queue.redrive(&["a".into(), "b".into()]).await.unwrap(), 1);
    assert_eq!(queue.pop_batch(9).await.unwrap().len(), 2);

    queue.push_batch((0..5).map(|n| item(&format!("dead{n}"))).collect()).await.unwrap();
    for popped in queue.pop_batch(9).await.unwrap() {
        queue.reject(&popped.id, "never").await.unwrap();
    }
    assert_eq!(queue.dead_letters(Some("dead3"), 10).await.unwrap()[0].item.id, "dead4");
    assert_eq!(queue.redrive_all().await.unwrap(), 5);
    for popped in queue.pop_batch(9).await.unwrap() {
        queue.reject(&popped.id, "never").await.unwrap();
    }
    assert_eq!((queue.purge(&["dead0".into()]).await.unwrap(), queue.purge_all().await.unwrap()), (1, 4));
    assert_eq!((queue.metrics().dead, queue.metrics().total_redriven), (0, 6));
}

/// What went wrong: the status of an item that was cancelled never changed, and its worker went on to complete it.
#[tokio::test]
async fn a_cancelled_item_is_gone_and_its_worker_hears_of_it() {
    let (queue, _) = queue();
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    let held = queue.pop().await.unwrap().unwrap();
    for id in ["a", "b"] {
        queue.cancel(id).await.unwrap();
        assert_eq!(queue.status(id).await.unwrap(), Some(ItemStatus::Cancelled));
    }
    assert!(queue.mark_completed_lease("a", held.lease_token.unwrap()).await.is_err());
    assert!(matches!(queue.cancel("a").await, Err(QueueError::ItemNotFound(_))));
    assert_eq!((pop_id(&queue).await, queue.metrics().total_cancelled), (None, 2));
}

/// What went wrong: after a hidden 300 s an item was given to a second worker without counting an attempt, so that one that
/// kills its worker went round for ever.
#[tokio::test]
async fn a_lease_that_ends_counts_its_attempt_and_the_old_worker_changes_nothing() {
    let (queue, clock) = queue_with(QueueConfig { lease_duration: SECOND * 10, ..Default::default() });
    queue.push(item("a").with_max_retries(2)).await.unwrap();
    let slow = queue.pop().await.unwrap().unwrap();
    clock.advance(SECOND * 10);
    let second = queue.pop().await.unwrap().unwrap();
    assert_eq!((second.id.as_str(), second.retry_count), ("a", 1));
    let stale = queue.mark_completed_lease("a", slow.lease_token.unwrap()).await;
    assert!(matches!(stale, Err(QueueError::LeaseLost(_))));
    assert!(matches!(
        queue.extend_lease("a", slow.lease_token.unwrap(), SECOND).await,
        Err(QueueError::LeaseLost(_))
    ));
    queue.extend("a", SECOND * 60).await.unwrap();
    clock.advance(SECOND * 59);
    assert_eq!(pop_id(&queue).await, None);
    clock.advance(SECOND);
    assert_eq!(pop_id(&queue).await, None);
    assert_eq!(queue.dead_letters(None, 1).await.unwrap()[0].reason, DeadReason::Exhausted);
    let metrics = queue.metrics();
    assert_eq!((metrics.total_leases_expired, metrics.total_leases_lost, metrics.total_failed), (1, 2, 1));
}

#[tokio::test]
async fn what_follows_is_pushed_with_the_completion_or_not_at_all() {
    let (queue, _) = queue_with(QueueConfig { max_capacity: 1, batch_size: 1, ..Default::default() });
    queue.push(item("a")).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.complete_and_push("a", vec![item("b"), item("c")]).await.unwrap();
    assert_eq!((pop_id(&queue).await.as_deref(), queue.size()), (Some("b"), 1));
    assert!(queue.complete_and_push_lease("b", 99, vec![item("d")]).await.is_err());
    assert_eq!(queue.get("d").await.unwrap(), None);
}

#[tokio::test]
async fn an_item_that_is_given_back_keeps_its_place_and_its_attempts() {
    let (queue, _) = queue();
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    let first = queue.pop().await.unwrap().unwrap();
    queue.requeue_lease("a", first.lease_token.unwrap()).await.unwrap();
    let again = queue.pop().await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.retry_count), ("a", 0));
    queue.requeue("a").await.unwrap();
    assert_eq!(queue.in_flight(), 0);
}

/// What went wrong: a worker that was late could still bury an item that another one was working on.
#[tokio::test]
async fn an_item_is_rejected_under_its_own_lease_alone() {
    let (queue, clock) = queue_with(QueueConfig { lease_duration: SECOND, ..Default::default() });
    queue.push(item("a")).await.unwrap();
    let slow = queue.pop().await.unwrap().unwrap().lease_token.unwrap();
    clock.advance(SECOND);
    let quick = queue.pop().await.unwrap().unwrap().lease_token.unwrap();
    assert!(matches!(queue.reject_lease("a", slow, "late").await, Err(QueueError::LeaseLost(_))));
    assert_eq!(queue.status("a").await.unwrap(), Some(ItemStatus::Processing));
    queue.reject_lease("a", quick, "no").await.unwrap();
    assert_eq!(queue.dead_letters(None, 1).await.unwrap()[0].errors, ["no"]);
}

/// A delay of the caller's is kept as it is: beyond the longest of the queue, and without chance.
#[tokio::test]
async fn an_attempt_that_fails_may_say_when_the_next_one_is() {
    let config = QueueConfig { max_retry_delay: SECOND, lease_duration: SECOND, ..Default::default() };
    let (queue, clock) = queue_with(config);
    queue.push(item("a").with_max_retries(3)).await.unwrap();
    let first = queue.pop().await.unwrap().unwrap().lease_token.unwrap();
    assert!(queue.mark_failed_after_lease("a", first, Some("busy".into()), SECOND * 90).await.unwrap());
    clock.advance(SECOND * 90 - Duration::from_millis(1));
    assert_eq!(pop_id(&queue).await, None);
    clock.advance(Duration::from_millis(1));
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a"));
    let late = queue.mark_failed_after_lease("a", first, None, SECOND).await;
    assert!(matches!(late, Err(QueueError::LeaseLost(_))), "{late:?}");
    assert!(queue.mark_failed_after("a", None, Duration::ZERO).await.unwrap());
    assert_eq!(pop_id(&queue).await.as_deref(), Some("a"));
    assert!(!queue.mark_failed_after("a", None, SECOND).await.unwrap(), "that was the last attempt");
}

#[tokio::test]
async fn leases_are_extended_together_and_those_that_ended_are_told() {
    let (queue, clock) = queue_with(QueueConfig { lease_duration: SECOND * 10, ..Default::default() });
    queue.push_batch((0..3).map(|n| item(&n.to_string())).collect()).await.unwrap();
    let popped = queue.pop_batch(3).await.unwrap();
    let leases: Vec<_> = popped.iter().map(|item| (item.id.clone(), item.lease_token.unwrap())).collect();
    queue.mark_completed("1").await.unwrap();
    clock.advance(SECOND * 9);
    assert_eq!(queue.extend_leases(&leases, SECOND * 10).await.unwrap(), [true, false, true]);
    clock.advance(SECOND * 9);
    assert_eq!((pop_id(&queue).await, queue.in_flight()), (None, 2));
    let metrics = queue.metrics();
    assert_eq!((metrics.total_leases_extended, metrics.total_leases_lost), (2, 1));
}
