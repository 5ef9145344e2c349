//! What survives, on a real directory.

use std::{collections::BTreeMap, fs, path::Path};

use syncline_queue::{EncryptionService, QueueConfig, QueueError};
use tempfile::{TempDir, tempdir};

use super::*;

fn at(dir: &Path) -> QueueConfig {
    QueueConfig { persistence_path: Some(dir.to_path_buf()), ..Default::default() }
}

async fn open(dir: &TempDir) -> SyncQueue {
    SyncQueue::open(at(dir.path())).await.unwrap()
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    named.filter(|(name, _)| name != "LOCK").collect()
}

/// The directory as it stands now, as if its process were gone.
fn snapshot(dir: &Path) -> TempDir {
    let copy = tempdir().unwrap();
    for (name, bytes) in files(dir) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    copy
}

async fn drain(queue: &SyncQueue) -> Vec<String> {
    queue.pop_batch(10_000).await.unwrap().into_iter().map(|item| item.id).collect()
}

/// What went wrong: a thousand acknowledged pushes were in memory alone for up to 30 s, and in the order of a hash map after a
/// restart.
#[tokio::test]
async fn what_was_pushed_is_there_in_order_when_its_process_is_gone() {
    let dir = tempdir().unwrap();
    let queue = open(&dir).await;
    let ids: Vec<_> = (0..1_000).map(|n| format!("{n:04}")).collect();
    queue.push_batch(ids.iter().map(|id| item(id)).collect()).await.unwrap();
    let copy = snapshot(dir.path());
    assert_eq!(drain(&open(&copy).await).await, ids);
}

/// What went wrong: an item in hand when its process ended was in nobody's hands and never handed out, or was handed out as if
/// for the first time.
#[tokio::test]
async fn an_item_in_hand_at_the_end_of_its_process_is_back_and_its_attempt_counts() {
    let dir = tempdir().unwrap();
    let queue = open(&dir).await;
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.shutdown().await.unwrap();
    let queue = open(&dir).await;
    let again = queue.pop().await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.retry_count), ("a", 1));
}

/// What went wrong: a load that failed was an empty queue, which then overwrote the file: one flipped bit, or another setting
/// for compression, and all was lost.
#[tokio::test]
async fn damage_is_an_error_and_changes_nothing() {
    let dir = tempdir().unwrap();
    let queue = open(&dir).await;
    queue.push_batch((0..100).map(|n| item(&n.to_string())).collect()).await.unwrap();
    queue.push(item("last")).await.unwrap();
    queue.shutdown().await.unwrap();
    // The segment with the items, not the spare one.
    let (name, mut bytes) = files(dir.path())
        .into_iter()
        .find(|(_, bytes)| bytes.get(300).is_some_and(|b| *b != 0))
        .unwrap();
    bytes[300] ^= 1;
    fs::write(dir.path().join(&name), &bytes).unwrap();
    let before = files(dir.path());
    assert!(matches!(SyncQueue::open(at(dir.path())).await, Err(QueueError::Corrupted(_))));
    assert!(files(dir.path()) == before, "it was touched");
}

#[tokio::test]
async fn other_settings_for_compression_open_the_same_items() {
    let dir = tempdir().unwrap();
    for (number, level) in [6, 0, 9].into_iter().enumerate() {
        let queue = SyncQueue::open(QueueConfig { compression_level: level, ..at(dir.path()) }).await.unwrap();
        assert_eq!(queue.size(), number);
        let text = json!("all the same ".repeat(1_000));
        queue.push(SyncItem::new(text, Priority::Normal)).await.unwrap();
        let saved = queue.metrics().compression_bytes_saved;
        assert!(if level == 0 { saved == 0 } else { saved > 10_000 }, "level {level} saved {saved}");
        queue.shutdown().await.unwrap();
    }
    let off = SyncQueue::open(QueueConfig { enable_compression: false, ..at(dir.path()) })
        .await
        .unwrap();
    assert_eq!((off.size(), off.metrics().compression_bytes_saved), (3, 0));
}

#[tokio::test]
async fn with_a_key_nothing_can_be_read_and_without_it_nothing_is_opened_or_touched() {
    let dir = tempdir().unwrap();
    let secret = |key: Vec<u8>| QueueConfig { enable_compression: false, ..QueueConfig::high_security_with_key(key) };
    let key = EncryptionService::generate_key();
    let config = QueueConfig { persistence_path: Some(dir.path().into()), ..secret(key.clone()) };
    let queue = SyncQueue::open(config.clone()).await.unwrap();
    assert_eq!(queue.config().encryption_key, None);
    queue.push(SyncItem::new(json!("plain text"), Priority::Normal)).await.unwrap();
    queue.shutdown().await.unwrap();
    let before = files(dir.path());
    assert!(before.values().all(|bytes| !bytes.windows(10).any(|window| window == b"plain text")));

    let other = EncryptionService::generate_key();
    let wrong = QueueConfig { persistence_path: Some(dir.path().into()), ..secret(other) };
    for refused in [wrong, at(dir.path())] {
        assert!(matches!(SyncQueue::open(refused).await, Err(QueueError::EncryptionError(_))));
    }
    assert!(files(dir.path()) == before, "it was touched");
    let queue = SyncQueue::open(config).await.unwrap();
    assert_eq!(queue.pop().await.unwrap().unwrap().payload, json!("plain text"));
}

/// What went wrong: two queues whose names differ in their extension shared a temporary file.
#[tokio::test]
async fn queues_side_by_side_do_not_meet() {
    let dir = tempdir().unwrap();
    let [a, b] = ["jobs.a", "jobs.b"].map(|name| SyncQueue::with_config(at(&dir.path().join(name))).unwrap());
    for number in 0..50 {
        let (left, right) = (a.push_nowait(item(&format!("a{number}"))), b.push_nowait(item(&format!("b{number}"))));
        left.await.unwrap();
        right.await.unwrap();
    }
    assert!(drain(&a).await.iter().all(|id| id.starts_with('a')));
    assert!(drain(&b).await.iter().all(|id| id.starts_with('b')));
}

#[tokio::test]
async fn a_directory_has_one_queue_at_a_time_and_any_file_is_none() {
    let dir = tempdir().unwrap();
    let queue = open(&dir).await;
    assert!(matches!(SyncQueue::open(at(dir.path())).await, Err(QueueError::AlreadyOpen(_))));
    drop(queue);
    open(&dir).await;

    let file = dir.path().join("queue.dat");
    fs::write(&file, "old").unwrap();
    assert!(matches!(SyncQueue::with_config(at(&file)), Err(QueueError::Corrupted(_))));
    assert_eq!(fs::read(&file).unwrap(), b"old");
}

/// What went wrong: completions after a shutdown were taken and not kept, errors of the last save were dropped, and a save in
/// the background could overwrite the last one.
#[tokio::test]
async fn after_a_shutdown_nothing_is_taken_and_what_was_completed_stays_so() {
    let dir = tempdir().unwrap();
    let queue = open(&dir).await;
    queue.push_batch(vec![item("a"), item("b")]).await.unwrap();
    assert_eq!(drain(&queue).await.len(), 2);
    queue.mark_completed("a").await.unwrap();
    queue.shutdown().await.unwrap();
    queue.shutdown().await.unwrap();
    assert!(matches!(queue.mark_completed("b").await, Err(QueueError::ShuttingDown)));
    assert!(matches!(queue.push(item("c")).await, Err(QueueError::ShuttingDown)));
    assert_eq!(drain(&open(&dir).await).await, ["b"]);
}

#[test]
fn a_queue_needs_no_runtime() {
    let dir = tempdir().unwrap();
    let queue = SyncQueue::with_config(at(dir.path())).unwrap();
    let executor = |future: Pin<Box<dyn Future<Output = ()>>>| {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut future = future;
        while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            std::thread::park();
        }
    };
    executor(Box::pin(async move {
        queue.push(item("a")).await.unwrap();
        let popped = queue.pop_wait().await.unwrap();
        queue.mark_completed(&popped.id).await.unwrap();
        queue.shutdown().await.unwrap();
    }));
}
