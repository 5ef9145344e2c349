//! The queue as threads use it, without any runtime.

use std::{thread, time::Duration};

use serde_json::json;
use syncline_core::rt;
use syncline_queue::{Priority, QueueConfig, QueueError, QueueResult, SyncItem, blocking::SyncQueue};

fn item(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!({}), Priority::Normal)
}

fn token(item: &SyncItem) -> u64 {
    item.lease_token.unwrap()
}

#[test]
fn what_a_thread_pushed_survives_and_is_worked_off_by_threads() -> QueueResult<()> {
    let dir = tempfile::tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("queue")), ..QueueConfig::default() };
    let queue = SyncQueue::with_config(config.clone())?;
    let receipts: Vec<_> = ["a", "b", "c"].map(|id| queue.push_nowait(item(id))).into();
    receipts.into_iter().try_for_each(|receipt| receipt.wait())?;
    assert_eq!(queue.push_batch(vec![item("c"), item("d")])?, ["d"]);
    queue.shutdown()?;
    drop(queue);

    let queue = SyncQueue::with_config(config)?;
    let work = || {
        while let Some(item) = queue.pop()? {
            queue.mark_completed_lease(&item.id, token(&item))?;
        }
        QueueResult::Ok(())
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().try_for_each(|worker| worker.join().unwrap())
    })?;
    assert_eq!((queue.metrics().total_completed, queue.size(), queue.is_idle()), (4, 0, true));
    queue.shutdown()
}

#[test]
fn a_thread_that_waits_is_woken_by_a_push_and_by_the_end() {
    let queue = SyncQueue::new();
    let (id, then) = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let item = queue.pop_wait().unwrap();
            queue.mark_failed_lease(&item.id, token(&item), Some("no".into())).unwrap();
            (item.id, queue.pop_wait().map(|item| item.id))
        });
        queue.push(item("a").with_max_retries(1)).unwrap();
        while queue.dead_letters(None, 1).unwrap().is_empty() {
            thread::yield_now();
        }
        queue.shutdown().unwrap();
        waiter.join().unwrap()
    });
    assert_eq!(id, "a");
    assert!(matches!(then, Err(QueueError::ShuttingDown)), "{then:?}");
}

#[test]
fn threads_and_tasks_may_share_a_queue() {
    let queue = syncline_queue::SyncQueue::new();
    let blocking = SyncQueue::from(queue.clone());
    blocking.push(item("a")).unwrap();
    let popped = rt::block_on(blocking.as_async().pop()).unwrap().unwrap();
    assert_eq!(rt::block_on(queue.status("a")).unwrap(), blocking.status("a").unwrap());
    blocking.extend(&popped.id, Duration::from_secs(60)).unwrap();
    blocking.requeue(&popped.id).unwrap();
    assert_eq!(blocking.peek().unwrap().unwrap().id, "a");
    blocking.cancel("a").unwrap();
    assert!(queue.is_empty());
}
