//! Dead letters by the many.

use std::{num::NonZeroU32, pin::pin};

use syncline_queue::{DeadReason, ItemFilter, ItemStatus, QueueConfig, QueueError, QueueEvent};

use super::*;

async fn kill(queue: &SyncQueue, ids: impl IntoIterator<Item = usize>, error: &str) {
    for id in ids {
        queue.push(item(&id.to_string())).await.unwrap();
        let popped = queue.pop().await.unwrap().unwrap();
        queue.reject(&popped.id, error).await.unwrap();
    }
}

fn dead() -> ItemFilter {
    ItemFilter::of(ItemStatus::Failed)
}

/// A worker that gives up at once: it takes whatever is ready, and buries it.
async fn give_up(queue: &SyncQueue) -> usize {
    let popped = queue.pop_batch(100).await.unwrap();
    for item in &popped {
        queue.reject(&item.id, "again").await.unwrap();
    }
    popped.len()
}

/// What went wrong: each step asked for the first that were dead, so that with a worker that gave up at once neither call ever
/// came to an end.
#[tokio::test]
async fn what_dies_again_meanwhile_is_left_for_the_next_call() {
    let (queue, clock) = queue_with(QueueConfig { batch_size: 3, ..Default::default() });
    kill(&queue, 0..10, "no").await;
    clock.advance(SECOND);
    // A step a second, and after each one the worker.
    let filter = dead();
    let mut redrive = pin!(queue.redrive_paced(&filter, NonZeroU32::new(1).unwrap()));
    let mut worked = 0;
    let redriven = loop {
        if let Poll::Ready(redriven) = poll(&mut redrive) {
            break redriven.unwrap();
        }
        worked += give_up(&queue).await;
        clock.advance(SECOND);
        assert!(worked <= 10, "it goes round");
    };
    assert_eq!((redriven, worked, queue.size(), queue.metrics().dead), (10, 9, 1, 9));
    assert_eq!(queue.purge_all().await.unwrap(), 9);
}

#[tokio::test]
async fn a_filter_says_who_is_redriven_and_who_is_purged() {
    let (queue, clock) = queue_with(QueueConfig { batch_size: 2, ..Default::default() });
    kill(&queue, 0..7, "timed out").await;
    clock.advance(SECOND);
    kill(&queue, 7..9, "timed out").await;
    kill(&queue, 9..12, "no such address").await;
    let old = ItemFilter { min_age: Some(SECOND), ..dead() };
    let timed_out = ItemFilter { error: Some("timed".into()), ..dead() };
    assert_eq!(
        queue
            .redrive_where(&ItemFilter { reason: Some(DeadReason::Expired), ..dead() })
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        queue
            .redrive_where(&ItemFilter { priority: Some(Priority::Low), ..dead() })
            .await
            .unwrap(),
        0
    );
    assert_eq!((queue.redrive_where(&old).await.unwrap(), queue.size()), (7, 7));
    assert_eq!((queue.purge_where(&timed_out).await.unwrap(), queue.metrics().dead), (2, 3));
    let wrong = queue.purge_where(&ItemFilter::of(ItemStatus::Pending)).await;
    assert!(matches!(wrong, Err(QueueError::InvalidState(_))), "{wrong:?}");
}

#[tokio::test]
async fn a_pace_is_kept_by_the_clock_of_the_queue_and_a_call_that_was_dropped_goes_on_when_repeated() {
    let (queue, clock) = queue();
    kill(&queue, 0..90, "no").await;
    let (filter, pace) = (dead(), NonZeroU32::new(20).unwrap());
    {
        let mut redrive = pin!(queue.redrive_paced(&filter, pace));
        for second in 1..=2 {
            for _ in 0..10 {
                assert!(poll(&mut redrive).is_pending());
                assert!(poll(&mut redrive).is_pending(), "no time has passed");
                clock.advance(SECOND / 10);
            }
            assert_eq!(queue.size(), second * 20);
        }
    }
    assert_eq!((queue.size(), queue.metrics().dead), (40, 50), "dropped, it has lost nothing");
    let mut redrive = pin!(queue.redrive_paced(&filter, pace));
    while poll(&mut redrive).is_pending() {
        clock.advance(SECOND / 10);
    }
    assert_eq!((queue.size(), queue.metrics().dead), (90, 0));
}

/// In the order of their deaths, a few at a time, and each is told.
#[tokio::test]
async fn whoever_waits_wakes_when_the_time_of_the_next_dead_letter_is_over() {
    let config = QueueConfig { dead_letter_ttl: Some(SECOND * 600), ..Default::default() };
    let (queue, clock) = queue_with(config);
    let mut wait = pin!(queue.pop_wait());
    assert!(poll(&mut wait).is_pending());
    assert_eq!(clock.sleepers(), 0, "nobody is dead");
    let busy = queue.clone();
    // This waiter takes what is pushed, and another one sleeps on.
    let mut sleeps = pin!(busy.pop_wait());
    queue.push(item("a")).await.unwrap();
    assert_eq!(wait.await.unwrap().id, "a");
    assert!(poll(&mut sleeps).is_pending());
    queue.reject("a", "no").await.unwrap();
    let mut events = queue.events();
    assert!(poll(&mut sleeps).is_pending());
    clock.advance(SECOND * 599);
    assert!(poll(&mut sleeps).is_pending());
    assert_eq!(queue.metrics().dead, 1);
    clock.advance(SECOND);
    assert!(poll(&mut sleeps).is_pending());
    assert_eq!((queue.metrics().dead, queue.metrics().total_dead_expired), (0, 1));
    assert_eq!(events.next().await, Some(QueueEvent::DeadLetterExpired { id: "a".to_owned() }));
    assert_eq!(clock.sleepers(), 0, "nobody is dead");
}

#[tokio::test]
async fn many_whose_time_is_over_at_once_go_one_pop_after_the_other() {
    let (queue, clock) = queue_with(QueueConfig { dead_letter_ttl: Some(SECOND), ..Default::default() });
    kill(&queue, 0..150, "no").await;
    clock.advance(SECOND);
    for left in [86, 22, 0] {
        assert!(queue.pop().await.unwrap().is_none());
        assert_eq!(queue.metrics().dead, left);
    }
}

/// Those that died before the queue was opened are found by the first pop.
#[tokio::test]
async fn dead_letters_of_an_earlier_opening_have_their_time_too() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), MockClock::new());
    let config = QueueConfig { persistence_path: Some(dir.path().join("q")), ..Default::default() };
    let open = |config: &QueueConfig| SyncQueue::with_clock(config.clone(), Arc::new(clock.clone())).unwrap();
    let queue = open(&config);
    kill(&queue, 0..3, "no").await;
    queue.shutdown().await.unwrap();
    clock.advance(SECOND * 100);
    let queue = open(&QueueConfig { dead_letter_ttl: Some(SECOND * 60), ..config.clone() });
    assert_eq!(queue.metrics().dead, 3);
    assert!(queue.pop().await.unwrap().is_none());
    assert_eq!((queue.metrics().dead, queue.metrics().total_dead_expired), (0, 3));
    queue.shutdown().await.unwrap();
    let queue = open(&config);
    assert_eq!((queue.metrics().dead, queue.redrive_all().await.unwrap()), (0, 0));
}

/// Where ids repeat, a page of the dead may hold one of them several times.
#[tokio::test]
async fn dead_letters_of_one_id_are_all_redriven() {
    let (queue, _) = queue_with(QueueConfig { enable_deduplication: false, batch_size: 4, ..Default::default() });
    for _ in 0..7 {
        kill(&queue, [1, 2], "no").await;
    }
    assert_eq!((queue.redrive_all().await.unwrap(), queue.metrics().dead), (14, 0));
}
