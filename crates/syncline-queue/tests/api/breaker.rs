//! The breaker of the jobs: a queue whose jobs fail pauses its pops, and loses nothing.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use serde_json::Value;
use syncline_queue::{JobBreaker, JobError, JobFailures, QueueConfig, Reason, Worker};
use syncline_resilience::breaker::CircuitState;

use super::*;

/// Pauses for a minute after two failures.
fn breaking(breaker: JobBreaker) -> (SyncQueue, MockClock) {
    let job_breaker = Some(JobBreaker { failures: 2, pause: SECOND * 60, ..breaker });
    let retry = SECOND * 600;
    queue_with(QueueConfig {
        job_breaker,
        base_retry_delay: retry,
        max_retry_delay: retry,
        ..Default::default()
    })
}

/// A queue of `a` to `f` that has just paused: `a` and `b` failed.
async fn paused() -> (SyncQueue, MockClock) {
    let (queue, clock) = breaking(JobBreaker::default());
    queue.push_batch(["a", "b", "c", "d", "e", "f"].map(item).into()).await.unwrap();
    for id in ["a", "b"] {
        assert_eq!(pop_id(&queue).await.as_deref(), Some(id));
        queue.mark_failed(id, None).await.unwrap();
    }
    assert_eq!(pop_id(&queue).await, None);
    (queue, clock)
}

#[tokio::test]
async fn jobs_that_fail_pause_pops_and_say_so() {
    let (queue, clock) = paused().await;
    let report = queue.health();
    assert_eq!((report.ready, report.live, report.reasons), (false, true, vec![Reason::JobsFailing]));
    assert_eq!((report.jobs, report.breaker), (Some(CircuitState::Open), CircuitState::Closed));
    assert!(!queue.health_check().unwrap());
    queue.push(item("more")).await.unwrap();
    clock.advance(SECOND * 59);
    assert_eq!(queue.pop_batch(9).await.unwrap(), []);
    let untouched = queue.get("c").await.unwrap().unwrap();
    assert_eq!((untouched.retry_count, untouched.lease_token), (0, None), "no attempt was counted");
}

#[tokio::test]
async fn after_the_pause_one_item_is_handed_out_and_its_completion_ends_it() {
    let (queue, clock) = paused().await;
    let (mut one, mut other) = (pin!(queue.pop_wait()), pin!(queue.pop_wait()));
    assert!(poll(&mut one).is_pending() && poll(&mut other).is_pending());
    clock.advance(SECOND * 60);
    assert!(queue.health_check().unwrap(), "a pop would be tried");
    let probe = one.await.unwrap();
    assert_eq!((probe.id.as_str(), queue.pop_batch(9).await.unwrap().len()), ("c", 0));
    assert_eq!(queue.health().jobs, Some(CircuitState::HalfOpen));
    assert!(poll(&mut other).is_pending());
    queue.mark_completed("c").await.unwrap();
    assert_eq!(other.await.unwrap().id, "d");
    assert_eq!(queue.pop_batch(9).await.unwrap().len(), 2);
    assert_eq!(queue.health().reasons, []);
}

#[tokio::test]
async fn a_probe_that_fails_begins_another_pause() {
    let (queue, clock) = paused().await;
    clock.advance(SECOND * 60);
    assert_eq!(queue.pop_batch(9).await.unwrap().len(), 1);
    queue.reject("c", "no").await.unwrap();
    clock.advance(SECOND * 59);
    assert_eq!(pop_id(&queue).await, None);
    clock.advance(SECOND);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("d"));
}

/// What must not be: a probe that nobody settles holds the queue up for ever.
#[tokio::test]
async fn a_probe_that_says_nothing_makes_way_for_the_next() {
    let (queue, clock) = paused().await;
    clock.advance(SECOND * 60);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("c"));
    queue.requeue("c").await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("c"));
    queue.cancel("c").await.unwrap();
    let mut wait = pin!(queue.pop_wait());
    assert_eq!(pop_id(&queue).await.as_deref(), Some("d"));
    assert!(poll(&mut wait).is_pending());
    // Its lease ends, and it is the next probe itself.
    clock.advance(queue.config().lease_duration);
    assert_eq!(wait.await.unwrap().id, "d");
    queue.mark_completed("d").await.unwrap();
    assert_eq!(pop_id(&queue).await.as_deref(), Some("e"));
}

#[tokio::test]
async fn an_outcome_from_before_the_pause_says_nothing_of_the_probe() {
    let (queue, clock) = breaking(JobBreaker::default());
    queue.push_batch(["a", "b", "c", "d"].map(item).into()).await.unwrap();
    assert_eq!(queue.pop_batch(3).await.unwrap().len(), 3);
    queue.mark_failed("a", None).await.unwrap();
    queue.mark_failed("b", None).await.unwrap();
    clock.advance(SECOND * 60);
    assert_eq!(pop_id(&queue).await.as_deref(), Some("d"));
    queue.mark_completed("c").await.unwrap();
    assert_eq!(queue.health().jobs, Some(CircuitState::HalfOpen));
}

#[tokio::test]
async fn only_final_failures_count_where_that_was_said() {
    let (queue, _) = breaking(JobBreaker { counts: JobFailures::Final, ..JobBreaker::default() });
    queue.push_batch(["a", "b", "c", "d", "e"].map(item).into()).await.unwrap();
    for id in ["a", "b", "c"] {
        assert_eq!(pop_id(&queue).await.as_deref(), Some(id));
        assert!(queue.mark_failed(id, None).await.unwrap());
    }
    for id in ["d", "e"] {
        assert_eq!(pop_id(&queue).await.as_deref(), Some(id));
        queue.reject(id, "no").await.unwrap();
    }
    queue.push(item("f")).await.unwrap();
    assert_eq!(pop_id(&queue).await, None);
}

#[tokio::test]
async fn without_it_nothing_pauses() {
    let (queue, _) = queue();
    queue.push_batch((0..30).map(|n| item(&n.to_string())).collect()).await.unwrap();
    for _ in 0..30 {
        let id = pop_id(&queue).await.unwrap();
        queue.reject(&id, "no").await.unwrap();
    }
    assert_eq!((queue.health().reasons, queue.health().jobs), (vec![], None));
}

#[tokio::test]
async fn a_worker_waits_out_the_pause() {
    let (queue, clock) = breaking(JobBreaker::default());
    queue.push_batch((0..10).map(|n| item(&n.to_string())).collect()).await.unwrap();
    let (calls, heals) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (called, healed) = (Arc::clone(&calls), Arc::clone(&heals));
    let worker = Worker::builder(&queue, move |_: Value, _| {
        called.fetch_add(1, SeqCst);
        let is_well = healed.load(SeqCst);
        async move { if is_well { Ok(()) } else { Err(JobError::retry("down")) } }
    });
    let worker = worker.with_concurrency(1).start().unwrap();
    let until = async |tried: usize| {
        while calls.load(SeqCst) < tried || queue.in_flight() > 0 || clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    };
    until(2).await;
    clock.advance(SECOND * 60);
    until(3).await;
    assert_eq!(queue.health().reasons, [Reason::JobsFailing]);
    heals.store(true, SeqCst);
    clock.advance(SECOND * 60);
    while queue.metrics().total_completed < 7 {
        tokio::task::yield_now().await;
    }
    assert_eq!((calls.load(SeqCst), queue.health().reasons), (10, vec![]));
    worker.shutdown().await.unwrap();
}
