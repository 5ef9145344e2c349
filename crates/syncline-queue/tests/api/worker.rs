//! Workers: what becomes of an item whose handler ends, fails, panics, hangs, blocks, or is no longer wanted.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use serde::Deserialize;
use serde_json::json;
use syncline_queue::{DeadReason, ItemStatus, JobError, QueueError, Worker};
use tokio::sync::Notify;

use super::*;

#[derive(Debug, Deserialize)]
struct Mail {
    to: String,
}

fn mail(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!({"to": id}), Priority::Normal)
}

/// Lets all tasks run until it holds. The clock stands still meanwhile.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

async fn errors_of(queue: &SyncQueue) -> Vec<(DeadReason, Vec<String>)> {
    let letters = queue.dead_letters(None, 10).await.unwrap();
    letters.into_iter().map(|letter| (letter.reason, letter.errors)).collect()
}

#[tokio::test]
async fn a_handler_is_called_with_what_it_takes_and_its_item_is_completed() {
    let (queue, _) = queue();
    queue.push(mail("ada").with_correlation_id("r-1")).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let worker = Worker::builder(&queue, move |mail: Mail, job| {
        let seen = Arc::clone(&sees);
        async move {
            let of = job.item().correlation_id.clone();
            seen.lock().unwrap().push((mail.to, job.attempt(), job.is_last_attempt(), of));
            Ok(())
        }
    });
    let worker = worker.start().unwrap();
    until(|| queue.metrics().total_completed == 1).await;
    assert_eq!(*seen.lock().unwrap(), [("ada".to_owned(), 1, false, Some("r-1".to_owned()))]);
    assert_eq!(worker.shutdown().await.unwrap(), 0);
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_dead_at_once_and_says_why() {
    let (queue, _) = queue();
    queue.push(SyncItem::with_id("a", json!({"to": 7}), Priority::Normal)).await.unwrap();
    let worker = Worker::builder(&queue, async |_: Mail, _| Ok(())).start().unwrap();
    until(|| queue.metrics().dead == 1).await;
    let [(reason, errors)] = &errors_of(&queue).await[..] else { panic!("one is dead") };
    assert_eq!(*reason, DeadReason::Rejected);
    assert!(errors[0].starts_with("the payload does not fit: invalid type: integer `7`"), "{errors:?}");
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_handler_says_whether_and_when_it_is_tried_again() {
    let (queue, clock) = queue();
    queue.push(mail("a")).await.unwrap();
    let worker = Worker::builder(&queue, async |_: Mail, job| match job.attempt() {
        1 => Err("x".parse::<u8>().unwrap_err().into()),
        2 => Err(JobError::retry_after("not yet", SECOND * 100)),
        _ => Err(JobError::reject("never")),
    });
    let worker = worker.start().unwrap();
    until(|| queue.metrics().total_retried == 1).await;
    clock.advance(SECOND);
    until(|| queue.metrics().total_retried == 2).await;
    let item = queue.get("a").await.unwrap().unwrap();
    assert_eq!(item.next_retry_at, Some(syncline_core::port::Clock::wall(&clock) + SECOND * 100));
    clock.advance(SECOND * 100);
    until(|| queue.metrics().dead == 1).await;
    let errors = ["invalid digit found in string", "not yet", "never"].map(str::to_owned).to_vec();
    assert_eq!(errors_of(&queue).await, [(DeadReason::Rejected, errors)]);
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let (queue, _) = queue();
    queue.push(mail("bad").with_max_retries(1)).await.unwrap();
    queue.push(mail("good")).await.unwrap();
    let worker = Worker::builder(&queue, async |mail: Mail, _| {
        assert_eq!(mail.to, "good", "bad mail");
        Ok(())
    });
    let worker = worker.start().unwrap();
    until(|| queue.is_idle()).await;
    let metrics = queue.metrics();
    assert_eq!((metrics.total_completed, metrics.total_panics, metrics.dead), (1, 1, 1));
    let [(reason, errors)] = &errors_of(&queue).await[..] else { panic!("one is dead") };
    assert_eq!(*reason, DeadReason::Exhausted);
    assert!(errors[0].starts_with("the handler panicked") && errors[0].contains("bad mail"), "{errors:?}");
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_handler_that_hangs_is_aborted_at_its_deadline() {
    let (queue, clock) = queue();
    queue.push(mail("a").with_max_retries(1)).await.unwrap();
    let (began, was_dropped) = (Arc::new(AtomicBool::new(false)), Arc::new(Dropped::default()));
    let (begins, drops) = (Arc::clone(&began), Arc::clone(&was_dropped));
    let worker = Worker::builder(&queue, move |_: Mail, _| {
        let (began, guard) = (Arc::clone(&begins), Guard(Arc::clone(&drops)));
        async move {
            let _guard = guard;
            began.store(true, SeqCst);
            std::future::pending().await
        }
    });
    let worker = worker.with_deadline(SECOND * 10).start().unwrap();
    until(|| began.load(SeqCst)).await;
    clock.advance(SECOND * 10);
    until(|| queue.metrics().dead == 1 && was_dropped.0.load(SeqCst)).await;
    assert_eq!(queue.metrics().total_overruns, 1);
    let errors = vec!["the handler did not end by its deadline".to_owned()];
    assert_eq!(errors_of(&queue).await, [(DeadReason::Exhausted, errors)]);
    worker.shutdown().await.unwrap();
}

#[derive(Default)]
struct Dropped(AtomicBool);

struct Guard(Arc<Dropped>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.store(true, SeqCst);
    }
}

/// What went wrong elsewhere: the heartbeat was a task beside the handler, so that one that blocked its runtime lost its item,
/// and two workers did the same job.
#[tokio::test]
async fn a_handler_that_blocks_its_runtime_keeps_its_item() {
    let (queue, clock) = queue();
    queue.push(mail("a")).await.unwrap();
    let (watched, stepped) = (queue.clone(), clock.clone());
    let worker = Worker::builder(&queue, move |_: Mail, _| {
        let (queue, clock) = (watched.clone(), stepped.clone());
        async move {
            let lease = queue.config().lease_duration;
            for _ in 0..12 {
                let before = queue.metrics().total_leases_extended;
                clock.advance(lease / 4);
                while queue.metrics().total_leases_extended == before {
                    std::thread::yield_now();
                }
            }
            Ok(())
        }
    });
    let worker = worker.start().unwrap();
    until(|| queue.is_idle()).await;
    let metrics = queue.metrics();
    assert_eq!((metrics.total_completed, metrics.total_leases_lost, metrics.total_dequeued), (1, 0, 1));
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_works_on_an_item_hears_that_it_was_cancelled() {
    let (queue, _) = queue();
    queue.push(mail("a")).await.unwrap();
    let heard = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&heard);
    let worker = Worker::builder(&queue, move |_: Mail, job| {
        let heard = Arc::clone(&hears);
        async move {
            job.cancelled().await;
            heard.store(job.is_cancelled(), SeqCst);
            Ok(())
        }
    });
    let worker = worker.start().unwrap();
    until(|| queue.in_flight() == 1).await;
    tokio::task::yield_now().await;
    queue.cancel("a").await.unwrap();
    until(|| heard.load(SeqCst)).await;
    assert_eq!(worker.shutdown().await.unwrap(), 0);
    assert_eq!(queue.status("a").await.unwrap(), Some(ItemStatus::Cancelled));
    assert_eq!(queue.metrics().total_completed, 0);
}

#[tokio::test]
async fn who_lost_a_lease_hears_of_it_and_changes_nothing() {
    let (queue, clock) = queue();
    queue.push(mail("a")).await.unwrap();
    let (ended, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (tells, told) = (Arc::clone(&ended), Arc::clone(&ends));
    let worker = Worker::builder(&queue, move |_: Mail, job| {
        let (ended, told) = (Arc::clone(&tells), Arc::clone(&told));
        async move {
            told.store(true, SeqCst);
            job.cancelled().await;
            ended.store(true, SeqCst);
            Err(JobError::reject("too late"))
        }
    });
    let worker = worker.with_concurrency(1).start().unwrap();
    until(|| ends.load(SeqCst)).await;
    // Somebody takes the item away; the next heartbeat finds that.
    queue.requeue("a").await.unwrap();
    let other = queue.pop().await.unwrap().unwrap();
    clock.advance(queue.config().lease_duration / 4);
    until(|| ended.load(SeqCst)).await;
    worker.shutdown().await.unwrap();
    queue.mark_completed_lease("a", other.lease_token.unwrap()).await.unwrap();
    assert_eq!((queue.metrics().dead, queue.metrics().total_completed), (0, 1));
}

#[tokio::test]
async fn a_worker_takes_what_it_has_hands_for_up_to_a_batch() {
    for (concurrency, batch_size, in_hand) in [(3, 100, 3), (8, 2, 8), (1, 1, 1)] {
        let (queue, _) = queue_with(QueueConfig { batch_size, ..Default::default() });
        queue.push_batch((0..20).map(|n| mail(&n.to_string())).collect()).await.unwrap();
        let (gate, running, most) =
            (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (Arc::clone(&gate), Arc::clone(&running), Arc::clone(&most));
        let worker = Worker::builder(&queue, move |_: Mail, _| {
            let (gate, running, most) = shared.clone();
            async move {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                gate.notified().await;
                running.fetch_sub(1, SeqCst);
                Ok(())
            }
        });
        let worker = worker.with_concurrency(concurrency).start().unwrap();
        until(|| running.load(SeqCst) == in_hand).await;
        assert_eq!(queue.in_flight(), in_hand);
        until(|| {
            gate.notify_one();
            queue.is_idle()
        })
        .await;
        assert_eq!(most.load(SeqCst), in_hand);
        worker.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_shutdown_waits_for_handlers_and_gives_back_what_they_do_not_end() {
    let (queue, clock) = queue();
    queue.push_batch(vec![mail("ends"), mail("stays"), mail("waits")]).await.unwrap();
    let gate = Arc::new(Notify::new());
    let opens = Arc::clone(&gate);
    let worker = Worker::builder(&queue, move |mail: Mail, _| {
        let gate = Arc::clone(&opens);
        async move {
            match mail.to.as_str() {
                "ends" => gate.notified().await,
                _ => std::future::pending().await,
            }
            Ok(())
        }
    });
    let worker = worker.with_concurrency(2).start().unwrap();
    until(|| queue.in_flight() == 2).await;
    let mut shutdown = Box::pin(worker.shutdown_within(SECOND * 5));
    assert!(poll(&mut shutdown.as_mut()).is_pending());
    gate.notify_one();
    until(|| queue.metrics().total_completed == 1).await;
    assert_eq!(queue.in_flight(), 1, "no more is taken");
    assert!(poll(&mut shutdown.as_mut()).is_pending());
    clock.advance(SECOND * 5);
    assert_eq!(shutdown.await.unwrap(), 1);
    let next = queue.pop().await.unwrap().unwrap();
    assert_eq!((next.id.as_str(), next.retry_count), ("stays", 0), "its place and its attempts are as they were");
}

#[tokio::test]
async fn a_dropped_worker_gives_back_what_it_has() {
    let (queue, _) = queue();
    queue.push(mail("a")).await.unwrap();
    let worker = Worker::builder(&queue, async |_: Mail, _| std::future::pending().await).start().unwrap();
    until(|| queue.in_flight() == 1).await;
    drop(worker);
    until(|| queue.in_flight() == 0).await;
    assert_eq!(queue.pop().await.unwrap().unwrap().retry_count, 0);
}

#[tokio::test]
async fn what_follows_a_job_is_pushed_with_its_completion_alone() {
    let (queue, clock) = queue();
    queue.push(mail("first")).await.unwrap();
    let worker = Worker::builder(&queue, async |mail: Mail, job| {
        if mail.to == "first" {
            job.follow(SyncItem::with_id("second", json!({"to": "second"}), Priority::Normal));
            if job.attempt() == 1 {
                return Err(JobError::retry("once more"));
            }
        }
        Ok(())
    });
    let worker = worker.start().unwrap();
    until(|| queue.metrics().total_retried == 1).await;
    assert!(queue.get("second").await.unwrap().is_none());
    clock.advance(SECOND);
    until(|| queue.metrics().total_completed == 2).await;
    worker.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_worker_outlives_failures_of_its_storage_and_ends_with_its_queue() {
    let storage = faulty::Faulty::new();
    let clock = MockClock::new();
    let port = Arc::clone(&storage) as Arc<dyn syncline_queue::QueueStorage>;
    let queue = SyncQueue::on_with_clock(port, QueueConfig::default(), Arc::new(clock.clone())).unwrap();
    queue.push(mail("a")).await.unwrap();
    storage.is_down.store(true, SeqCst);
    let worker = Worker::builder(&queue, async |_: Mail, _| Ok(())).start().unwrap();
    until(|| clock.sleepers() > 0).await;
    storage.is_down.store(false, SeqCst);
    clock.advance(SECOND);
    until(|| queue.metrics().total_completed == 1).await;
    queue.shutdown().await.unwrap();
    assert_eq!(worker.shutdown().await.unwrap(), 0);
}

#[test]
fn a_worker_needs_hands_and_a_runtime() {
    let queue = SyncQueue::new();
    let build = || Worker::builder(&queue, async |_: Mail, _| Ok(()));
    assert!(matches!(build().start(), Err(QueueError::InvalidState(_))));
    assert!(matches!(build().with_concurrency(0).start(), Err(QueueError::InvalidConfig(_))));
}
