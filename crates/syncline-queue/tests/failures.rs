//! What users see of a disk that fails, fills up, or is let go.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::json;
use syncline_core::{memory::MemoryDisk, port::Disk, rt::SystemClock};
use syncline_journal::{Config, Journal};
use syncline_queue::{Priority, QueueConfig, QueueError, QueueResult, Reason, SyncItem, SyncQueue};
use syncline_testkit::{
    SimDisk,
    disk::{Call, Fault},
    seed,
};

const SEGMENT_BYTES: u64 = 64 * 1_024;
const PATIENCE: Duration = Duration::from_secs(30);

fn open(disk: Arc<dyn Disk>) -> (SyncQueue, Journal) {
    let config = Config { segment_bytes: SEGMENT_BYTES, ..Config::default() };
    let journal = Journal::open(disk, config).unwrap().journal;
    let queue = SyncQueue::on_journal(&journal, "jobs", QueueConfig::default(), Arc::new(SystemClock)).unwrap();
    (queue, journal)
}

fn on(disk: &SimDisk) -> (SyncQueue, Journal) {
    open(Arc::new(disk.clone()))
}

fn item(id: &str) -> SyncItem {
    SyncItem::with_id(id, json!("x".repeat(500)), Priority::Normal)
}

async fn ids(queue: &SyncQueue) -> Vec<String> {
    queue.pop_batch(10_000).await.unwrap().into_iter().map(|item| item.id).collect()
}

/// Whether a call failed because of the disk, and said so.
fn is_of_the_disk<T>(answer: &QueueResult<T>) -> bool {
    use QueueError::{CircuitBreakerOpen, PersistenceError, Poisoned};
    matches!(answer, Err(PersistenceError(_) | Poisoned(_) | CircuitBreakerOpen { .. }))
}

/// What goes wrong elsewhere: after a sync that failed the next one succeeds, though the pages are lost, and what it covers is
/// acknowledged.
#[tokio::test]
async fn after_a_failed_sync_nothing_more_is_promised_and_it_says_so() {
    let seed = seed();
    let disk = SimDisk::new(seed);
    let (queue, journal) = on(&disk);
    queue.push(item("safe")).await.unwrap();
    disk.fail(Fault::eio(Call::Sync));

    // Everybody hears of it: who asked, who comes after, and who only looks.
    let (one, other) = tokio::join!(queue.push(item("a")), queue.push(item("b")));
    assert!(is_of_the_disk(&one) || is_of_the_disk(&other), "seed {seed}: {one:?}, {other:?}");
    assert!(matches!(queue.push(item("c")).await, Err(QueueError::Poisoned(_))), "seed {seed}");
    assert!(!queue.health_check().unwrap());
    let report = queue.health();
    assert!(report.reasons.contains(&Reason::Poisoned) && !report.live, "{report:?}");
    assert!(queue.metrics().total_enqueued <= 2, "seed {seed}");

    drop((queue, journal));
    let (queue, _journal) = on(&disk.synced_image());
    let found = ids(&queue).await;
    assert_eq!(found.first().map(String::as_str), Some("safe"), "seed {seed}: {found:?}");
    for (id, answer) in [("a", one), ("b", other)] {
        assert!(answer.is_err() || found.iter().any(|found| found == id), "seed {seed}: {id} was acknowledged");
    }
    assert!(queue.health_check().unwrap());
}

/// What goes wrong elsewhere: a write fails half-way, what comes after is acknowledged, and is cut off with it at the restart.
#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_that_a_restart_loses() {
    let seed = seed();
    for writes_before in 0..6 {
        let disk = SimDisk::new(seed);
        let (queue, journal) = on(&disk);
        disk.fail(Fault::eio(Call::Write).after(writes_before));
        let mut acknowledged = Vec::new();
        for number in 0..12 {
            let id = number.to_string();
            match queue.push(item(&id)).await {
                Ok(_) => acknowledged.push(id),
                answer => assert!(is_of_the_disk(&answer), "seed {seed}: {answer:?}"),
            }
        }
        drop((queue, journal));
        let (queue, _journal) = on(&disk.synced_image());
        let found = ids(&queue).await;
        assert!(found.starts_with(&acknowledged), "seed {seed}, {writes_before}: {acknowledged:?}, {found:?}");
    }
}

/// What went wrong: on a full disk nothing could be popped or completed, though that is what would free the space. And pushes
/// were refused although that had freed some, until the journal had a quiet moment to give it back.
#[tokio::test]
async fn a_full_disk_refuses_pushes_takes_outcomes_and_recovers_by_them() {
    let seed = seed();
    let disk = SimDisk::new(seed);
    let (queue, journal) = on(&disk);
    let used: u64 = disk.files().iter().map(|(_, bytes)| bytes).sum();
    disk.set_capacity(Some(used + 2 * SEGMENT_BYTES));
    let mut pushed = 0;
    let refused = loop {
        match queue.push(item(&pushed.to_string())).await {
            Ok(_) => pushed += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, QueueError::StorageFull(_)) && refused.is_retryable(), "seed {seed}: {refused:?}");
    assert!(queue.health_check().unwrap(), "seed {seed}: it does the rest of its work");

    let mut done = 0;
    while let Some(popped) = queue.pop().await.unwrap() {
        match done % 3 {
            0 => queue.mark_completed(&popped.id).await.unwrap(),
            1 => queue.cancel(&popped.id).await.unwrap(),
            _ => queue.reject(&popped.id, "no use").await.unwrap(),
        }
        done += 1;
    }
    assert_eq!(done, pushed, "seed {seed}");
    queue.purge_all().await.unwrap();
    // What ended is remembered in the segments: a push that finds no space has that forgotten, for the next one.
    if let Err(error) = queue.push(item("again")).await {
        assert!(matches!(error, QueueError::StorageFull(_)), "seed {seed}: {error:?}");
        queue.push(item("again")).await.unwrap();
    }
    drop((queue, journal));
    assert_eq!(ids(&on(&disk.synced_image()).0).await, ["again"], "seed {seed}");
}

/// What went wrong: the last save could fail, and the shutdown was a success.
#[tokio::test]
async fn a_shutdown_that_cannot_save_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = QueueConfig { persistence_path: Some(dir.path().join("queue")), ..Default::default() };
    let queue = SyncQueue::with_config(config).unwrap();
    queue.push(item("a")).await.unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    let answer = queue.shutdown_within(PATIENCE).await;
    assert!(is_of_the_disk(&answer), "{answer:?}");
}

/// What went wrong: the tasks of a queue that was dropped went on, and saved over what its successor had written.
#[tokio::test]
async fn a_queue_that_is_dropped_lets_go_of_its_disk_at_once() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let observer: Weak<dyn Disk> = Arc::downgrade(&disk);
    let (queue, journal) = open(disk);
    queue.push(item("a")).await.unwrap();
    let waiter = queue.clone();
    let mut wait = Box::pin(async move { waiter.pop_wait().await.unwrap() });
    assert_eq!(wait.as_mut().await.id, "a");
    drop((wait, queue, journal));
    assert!(observer.upgrade().is_none(), "somebody still has it");
}
