//! What happens on a queue is told to those who watch it, and nobody waits for them.

use syncline_core::port::Clock as _;
use syncline_queue::{
    QueueConfig,
    QueueEvent::{self, *},
};

use super::*;

async fn told(events: &mut syncline_queue::QueueEvents, count: usize) -> Vec<QueueEvent> {
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(events.next().await.unwrap());
    }
    told
}

#[tokio::test]
async fn each_step_of_an_item_is_told_in_order() {
    let (queue, clock) = queue();
    let (mut events, id) = (queue.events(), "a".to_owned());
    queue.push(item("a").with_max_retries(2)).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.requeue("a").await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.mark_failed("a", None).await.unwrap();
    clock.advance(SECOND);
    queue.pop().await.unwrap().unwrap();
    queue.mark_failed("a", None).await.unwrap();
    queue.redrive(std::slice::from_ref(&id)).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.complete_and_push("a", vec![item("b")]).await.unwrap();
    queue.cancel("b").await.unwrap();
    queue.push(item("c")).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.reject("c", "no").await.unwrap();
    queue.purge(&[id, "c".to_owned()]).await.unwrap();
    let of = |id: &str| id.to_owned();
    let steps = [
        Pushed { id: of("a") },
        Claimed { id: of("a"), attempt: 1 },
        Released { id: of("a") },
        Claimed { id: of("a"), attempt: 1 },
        Retried { id: of("a") },
        Claimed { id: of("a"), attempt: 2 },
        Dead { id: of("a") },
        Redriven { id: of("a") },
        Claimed { id: of("a"), attempt: 1 },
        Completed { id: of("a") },
        Pushed { id: of("b") },
        Cancelled { id: of("b") },
        Pushed { id: of("c") },
        Claimed { id: of("c"), attempt: 1 },
        Dead { id: of("c") },
        Purged { id: of("c") },
    ];
    assert_eq!(told(&mut events, steps.len()).await, steps);
    queue.shutdown().await.unwrap();
    assert_eq!(events.next().await, None);
    assert_eq!(queue.events().next().await, None);
}

#[tokio::test]
async fn a_lease_that_ends_is_told() {
    let (queue, clock) = queue();
    queue.push(item("a").with_max_retries(2)).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    let mut events = queue.events();
    clock.advance(queue.config().lease_duration);
    queue.pop().await.unwrap().unwrap();
    clock.advance(queue.config().lease_duration);
    assert!(queue.pop().await.unwrap().is_none());
    let steps = [
        Expired { leases: 1, dead: 0 },
        Claimed { id: "a".to_owned(), attempt: 2 },
        Expired { leases: 0, dead: 1 },
    ];
    assert_eq!(told(&mut events, steps.len()).await, steps);
}

/// What went wrong: a pop that came upon expired items buried them in silence: no number moved, nobody was told, and who waited
/// for room waited on.
#[tokio::test]
async fn what_a_pop_comes_upon_and_buries_is_counted_and_told_and_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    for path in [None, Some(dir.path().join("q"))] {
        let config = QueueConfig { max_capacity: 2, batch_size: 2, persistence_path: path, ..Default::default() };
        let (queue, clock) = queue_with(config);
        queue.push(item("a").with_expires_at(clock.wall() + SECOND)).await.unwrap();
        queue.push(item("b")).await.unwrap();
        let mut events = queue.events();
        let waits = queue.clone();
        let mut waits = std::pin::pin!(waits.push_wait(item("c"), SECOND * 60));
        assert!(poll(&mut waits).is_pending());
        clock.advance(SECOND);
        assert_eq!(pop_id(&queue).await.as_deref(), Some("b"));
        let metrics = queue.metrics();
        assert_eq!((metrics.failed.expired, metrics.total_failed, metrics.dead), (1, 1, 1));
        assert_eq!(
            told(&mut events, 2).await,
            [Dead { id: "a".to_owned() }, Claimed { id: "b".to_owned(), attempt: 1 }]
        );
        waits.await.unwrap();
        queue.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_how_much_it_missed_and_holds_nobody_up() {
    let (queue, _) = queue();
    let mut slow = queue.events();
    for number in 0..1_030 {
        queue.push(item(&number.to_string())).await.unwrap();
    }
    assert_eq!(slow.next().await, Some(Missed { events: 6 }));
    assert_eq!(slow.next().await, Some(Pushed { id: "6".to_owned() }));
    drop(slow);
    queue.push(item("more")).await.unwrap();
}
