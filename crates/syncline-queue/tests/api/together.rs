//! Many at once, some of whom go away in the middle.

use std::{collections::BTreeMap, sync::Mutex, task::Poll};

use syncline_core::{
    port::{Clock as _, Random as _},
    rt::{SystemClock, spawn},
};
use syncline_queue::{QueueConfig, QueueError};
use syncline_testkit::{SeededRandom, seed};
use tempfile::tempdir;

use super::*;

const PRODUCERS: u64 = 4;
const WORKERS: u64 = 6;
const ITEMS: u64 = 150;

/// Polls a call a few times and may then drop it; `None` when it did.
async fn perhaps<T>(call: impl Future<Output = T>, polls: u64) -> Option<T> {
    let (mut call, mut left) = (Box::pin(call), polls);
    std::future::poll_fn(move |cx| match call.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Every item is completed once, and everybody comes to an end: a lost wake-up would leave workers asleep.
async fn all_is_done_once(config: QueueConfig, random: &SeededRandom) {
    let queue = SyncQueue::open(QueueConfig {
        base_retry_delay: Duration::from_millis(1),
        max_retry_delay: Duration::from_millis(4),
        ..config
    })
    .await
    .unwrap();
    let done = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let mut tasks = Vec::new();
    for producer in 0..PRODUCERS {
        let (queue, draws) = (queue.clone(), SeededRandom::new(random.next_u64()));
        tasks.push(spawn("producer", async move {
            for number in 0..ITEMS {
                let due = SystemClock.wall() + Duration::from_millis(draws.next_u64() % 4);
                let id = format!("{producer}-{number}");
                let new = || {
                    let new = urgent(&id, Priority::ALL[(number % 5) as usize]).with_max_retries(1_000);
                    let new = if number % 3 == 0 { new.with_scheduled_at(due) } else { new };
                    // A push that was dropped may have had its effect, and the item may be done by now.
                    new.with_dedup_key(id.as_str(), Duration::from_secs(600))
                };
                loop {
                    match perhaps(queue.push(new()), draws.next_u64() % 3).await {
                        Some(Ok(()) | Err(QueueError::DuplicateItem(_))) => break,
                        Some(Err(error)) => panic!("{error:?}"),
                        None => {}
                    }
                }
            }
        }));
    }
    for _ in 0..WORKERS {
        let (queue, done, draws) = (queue.clone(), Arc::clone(&done), SeededRandom::new(random.next_u64()));
        tasks.push(spawn("worker", async move {
            while (done.lock().unwrap().len() as u64) < PRODUCERS * ITEMS {
                let popped = match draws.next_u64() % 4 {
                    0 => perhaps(queue.pop_wait(), draws.next_u64() % 4).await,
                    _ => Some(queue.pop_wait().await),
                };
                let Some(Ok(popped)) = popped else { continue };
                let token = popped.lease_token.unwrap();
                match draws.next_u64() % 8 {
                    0 => drop(queue.mark_failed_lease(&popped.id, token, None).await.unwrap()),
                    1 => queue.requeue_lease(&popped.id, token).await.unwrap(),
                    _ => {
                        queue.mark_completed_lease(&popped.id, token).await.unwrap();
                        let is_last = {
                            let mut done = done.lock().unwrap();
                            *done.entry(popped.id).or_default() += 1;
                            done.len() as u64 == PRODUCERS * ITEMS
                        };
                        if is_last {
                            // The others wait for what will not come.
                            queue.shutdown().await.unwrap();
                        }
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let done = done.lock().unwrap();
    let more: Vec<_> = done.iter().filter(|(_, count)| **count != 1).collect();
    assert!(more.is_empty(), "{more:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory_every_item_is_completed_once_and_nobody_sleeps_for_ever() {
    let random = SeededRandom::new(seed());
    all_is_done_once(QueueConfig::default(), &random).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_journal_every_item_is_completed_once_and_nobody_sleeps_for_ever() {
    let (dir, random) = (tempdir().unwrap(), SeededRandom::new(seed()));
    let config = QueueConfig { persistence_path: Some(dir.path().into()), ..Default::default() };
    all_is_done_once(config, &random).await;
}
