//! Wake-ups: none is lost, and nobody polls.

use std::pin::pin;

use syncline_core::port::Clock as _;
use syncline_queue::{QueueConfig, QueueError};
use tempfile::tempdir;

use super::*;

/// What went wrong: a batch woke only those who were waiting already, and who looked first and waited then was never woken.
#[tokio::test]
async fn each_item_of_a_batch_wakes_a_waiter() {
    let (queue, _) = queue();
    let (mut a, mut b) = (pin!(queue.pop_wait()), pin!(queue.pop_wait()));
    assert!(poll(&mut a).is_pending() && poll(&mut b).is_pending());
    queue.push_batch(vec![item("1"), item("2")]).await.unwrap();
    assert_eq!((a.await.unwrap().id, b.await.unwrap().id), ("1".into(), "2".into()));
}

/// What went wrong: there was no timer for retries, so that one was only found when something else was pushed.
#[tokio::test]
async fn a_waiter_wakes_when_a_retry_a_schedule_or_a_lease_is_due() {
    let (queue, clock) = queue_with(QueueConfig { lease_duration: SECOND * 10, ..Default::default() });
    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    assert_eq!(clock.sleepers(), 0, "nothing is due");

    queue.push(item("a").with_scheduled_at(clock.wall() + SECOND * 5)).await.unwrap();
    assert!(poll(&mut wait).is_pending());
    assert_eq!(clock.sleepers(), 1);
    clock.advance(SECOND * 5);
    assert_eq!(wait.await.unwrap().id, "a");

    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    queue.mark_failed("a", None).await.unwrap();
    assert!(poll(&mut wait).is_pending());
    clock.advance(SECOND);
    assert_eq!(wait.await.unwrap().retry_count, 1);

    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    clock.advance(SECOND * 10);
    assert_eq!(wait.await.unwrap().retry_count, 2, "its lease was over");
}

/// What went wrong: waiters slept by the steady clock. Where the calendar was set forward meanwhile, what was due by it lay
/// there for as long as if it had not been.
#[tokio::test]
async fn who_sleeps_looks_again_once_a_call_sees_that_the_calendar_was_set_forward() {
    let (queue, clock) = queue();
    let hour = SECOND * 3_600;
    queue.push(item("a").with_scheduled_at(clock.wall() + hour)).await.unwrap();
    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    clock.set_wall(clock.wall() + hour);
    assert!(poll(&mut wait).is_pending(), "nobody has seen it");
    queue.get("nobody").await.unwrap();
    assert!(matches!(poll(&mut wait), Poll::Ready(Ok(item)) if item.id == "a"));
}

#[tokio::test]
async fn a_waiter_that_went_away_costs_the_others_nothing() {
    let (queue, clock) = queue();
    let mut stays = pin!(queue.pop_wait());
    {
        let mut goes = Box::pin(queue.pop_wait());
        assert!(poll(&mut goes.as_mut()).is_pending() && poll(&mut stays).is_pending());
        queue.push(item("a").with_scheduled_at(clock.wall() + SECOND)).await.unwrap();
        assert!(poll(&mut goes.as_mut()).is_pending());
    }
    assert!(poll(&mut stays).is_pending());
    clock.advance(SECOND);
    assert_eq!(stays.await.unwrap().id, "a");

    let mut goes = Box::pin(queue.pop_wait());
    let mut stays = pin!(queue.pop_wait());
    assert!(poll(&mut goes.as_mut()).is_pending() && poll(&mut stays).is_pending());
    queue.push(item("b")).await.unwrap();
    drop(goes);
    assert_eq!(stays.await.unwrap().id, "b", "the wake-up was passed on");
}

/// What went wrong: the end of a lock woke only those who were waiting already.
#[tokio::test]
async fn a_lock_refuses_work_takes_outcomes_and_is_waited_out() {
    let (queue, _) = queue();
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.lock().unwrap();
    assert!(matches!(queue.lock(), Err(QueueError::MaintenanceError(_))));
    assert!(matches!(queue.push(item("c")).await, Err(QueueError::Locked)));
    assert!(matches!(queue.pop().await, Err(QueueError::Locked)));
    queue.mark_completed("a").await.unwrap();
    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    queue.unlock().unwrap();
    assert!(matches!(queue.unlock(), Err(QueueError::MaintenanceError(_))));
    assert_eq!(wait.await.unwrap().id, "b");
}

#[tokio::test]
async fn a_push_waits_for_room_up_to_its_patience() {
    let (queue, clock) = queue_with(QueueConfig { max_capacity: 1, batch_size: 1, ..Default::default() });
    queue.push(item("a")).await.unwrap();
    let mut waits = pin!(queue.push_wait(item("b"), SECOND * 10));
    assert!(poll(&mut waits).is_pending());
    queue.pop().await.unwrap().unwrap();
    assert!(poll(&mut waits).is_pending(), "an item in hand takes room");
    queue.mark_completed("a").await.unwrap();
    waits.await.unwrap();

    let mut waits = pin!(queue.push_wait(item("c"), SECOND * 10));
    assert!(poll(&mut waits).is_pending());
    clock.advance(SECOND * 10);
    assert!(matches!(waits.await, Err(QueueError::CapacityExceeded(1))));
}

#[tokio::test]
async fn a_shutdown_wakes_all_who_wait() {
    let (queue, _) = queue_with(QueueConfig { max_capacity: 1, batch_size: 1, ..Default::default() });
    let mut pops = pin!(queue.pop_wait());
    assert!(poll(&mut pops).is_pending());
    queue
        .push(item("a").with_scheduled_at(syncline_queue::WallTime::from_millis(u64::MAX)))
        .await
        .unwrap();
    let mut pushes = pin!(queue.push_wait(item("b"), SECOND));
    assert!(poll(&mut pops).is_pending() && poll(&mut pushes).is_pending());
    queue.shutdown().await.unwrap();
    assert!(matches!(pops.await, Err(QueueError::ShuttingDown)));
    assert!(matches!(pushes.await, Err(QueueError::ShuttingDown)));
}

#[tokio::test]
async fn what_a_dropped_push_leaves_on_its_way_still_wakes_the_waiter() {
    let dir = tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("q")), ..Default::default() };
    let queue = SyncQueue::open(config).await.unwrap();
    for number in 0..20 {
        let mut wait = pin!(queue.pop_wait());
        assert!(poll(&mut wait).is_pending());
        let receipt = queue.push_nowait(item(&number.to_string()));
        drop(receipt);
        let popped = wait.await.unwrap();
        queue.mark_completed(&popped.id).await.unwrap();
    }
    queue.shutdown().await.unwrap();
}

const DROPPED: u32 = 10;
const TRIES_MAX: u32 = 20_000;

#[tokio::test]
async fn what_a_dropped_pop_took_is_given_back_at_once_and_no_attempt_is_counted() {
    let dir = tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("q")), ..Default::default() };
    let queue = SyncQueue::open(config).await.unwrap();
    queue.push(item("a").with_max_retries(1)).await.unwrap();
    let mut dropped = 0;
    // Whether a pop still waits when it is dropped is chance: it is tried until many did.
    for _ in 0..TRIES_MAX {
        if dropped == DROPPED {
            break;
        }
        let mut pop = Box::pin(queue.pop());
        match poll(&mut pop.as_mut()) {
            Poll::Pending => dropped += 1,
            Poll::Ready(popped) => queue.requeue(&popped.unwrap().unwrap().id).await.unwrap(),
        }
    }
    let popped = queue.pop_wait().await.unwrap();
    assert_eq!((popped.id.as_str(), popped.retry_count), ("a", 0));
    assert_eq!(dropped, DROPPED, "nearly every pop was answered at once");
    queue.shutdown().await.unwrap();
}

#[tokio::test]
async fn receipts_answer_in_any_order() {
    let (queue, _) = queue();
    let first = queue.push_nowait(item("a"));
    let second = queue.push_nowait(item("a"));
    assert_eq!(second.id(), "a");
    assert!(matches!(second.await, Err(QueueError::DuplicateItem(_))));
    first.await.unwrap();
}

/// What went wrong: a claim passed over everything that had expired at once. Now it passes a few, and nobody may take that for
/// a queue where nothing is ready.
#[tokio::test]
async fn what_is_behind_any_number_of_expired_items_is_popped_at_once() {
    for expired in [1, 63, 64, 65, 128, 5_000] {
        let (queue, clock) = queue();
        let end = clock.wall() + SECOND;
        let old = (0..expired).map(|n| item(&format!("old {n}")).with_expires_at(end)).collect();
        queue.push_batch(old).await.unwrap();
        queue.push(item("young")).await.unwrap();
        clock.advance(SECOND);
        assert_eq!(pop_id(&queue).await.as_deref(), Some("young"), "behind {expired}");
        assert_eq!((queue.size(), queue.metrics().dead), (0, expired), "and all of them are dead");
    }
}
