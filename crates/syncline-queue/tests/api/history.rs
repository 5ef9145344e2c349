//! What ended is remembered, within its bounds.

use syncline_core::port::QueueStorage;
use syncline_queue::{EndedItem, Ending, ItemStatus, QueueConfig};

use super::{faulty::Faulty, *};

async fn remembered(queue: &SyncQueue) -> Vec<EndedItem> {
    queue.history(None, 1_024).await.unwrap().items
}

async fn ids(queue: &SyncQueue) -> Vec<String> {
    remembered(queue).await.into_iter().map(|item| item.id).collect()
}

/// One item of each ending, a second apart, and one that is dead.
async fn end_some(queue: &SyncQueue, clock: &MockClock) {
    for id in ["completed", "purged", "expired", "dead"] {
        queue.push(urgent(id, Priority::High)).await.unwrap();
        queue.pop().await.unwrap().unwrap();
        if id == "completed" {
            queue.mark_completed(id).await.unwrap();
        } else {
            queue.reject(id, &format!("{id} is wrong")).await.unwrap();
        }
        clock.advance(SECOND);
    }
    queue.push(item("cancelled")).await.unwrap();
    queue.cancel("cancelled").await.unwrap();
    clock.advance(SECOND);
    assert_eq!(queue.purge(&["purged".to_owned()]).await.unwrap(), 1);
    clock.advance(SECOND * 55);
    assert!(queue.pop().await.unwrap().is_none());
}

/// What went wrong: that an item was completed or cancelled was a note in memory, and gone with the process.
#[tokio::test]
async fn what_ended_is_told_with_how_and_when_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let clock = MockClock::new();
    for path in [None, Some(dir.path().join("q"))] {
        let is_kept = path.is_some();
        let config = QueueConfig { persistence_path: path, dead_letter_ttl: Some(SECOND * 58), ..Default::default() };
        let mut queue = SyncQueue::with_clock(config.clone(), Arc::new(clock.clone())).unwrap();
        end_some(&queue, &clock).await;
        let before = remembered(&queue).await;
        if is_kept {
            queue.shutdown().await.unwrap();
            queue = SyncQueue::with_clock(config, Arc::new(clock.clone())).unwrap();
            assert_eq!(remembered(&queue).await, before);
        }
        let told: Vec<_> = before.iter().map(|one| (one.id.as_str(), one.ending, one.attempts)).collect();
        let expected = [
            ("expired", Ending::Expired, 1),
            ("purged", Ending::Purged, 1),
            ("cancelled", Ending::Cancelled, 0),
            ("completed", Ending::Completed, 1),
        ];
        assert_eq!(told, expected);
        assert_eq!(before[0].last_error.as_deref(), Some("expired is wrong"));
        assert_eq!((before[3].last_error.as_deref(), before[3].priority), (None, Priority::High));
        assert_eq!(before[1].ended_at, before[2].ended_at + SECOND);
        assert_eq!(queue.status("completed").await.unwrap(), Some(ItemStatus::Completed));
        assert_eq!(queue.status("cancelled").await.unwrap(), Some(ItemStatus::Cancelled));
        assert_eq!(queue.status("purged").await.unwrap(), None);
        let first = queue.history(None, 3).await.unwrap();
        let rest = queue.history(first.next, 3).await.unwrap();
        assert_eq!((first.items.len(), rest.items.len(), rest.next), (3, 1, None));
        queue.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn so_many_items_are_remembered_for_so_long_in_so_many_bytes() {
    let hour = SECOND * 3_600;
    let all = QueueConfig::default();
    let bounds = (all.retention_period, all.retention_items, all.retention_bytes);
    assert_eq!(bounds, (hour * 7 * 24, 10_000, 64 * 1_024 * 1_024));
    let cases = [
        (all.clone(), 5),
        (QueueConfig { retention_items: 3, ..all.clone() }, 3),
        (QueueConfig { retention_items: 0, ..all.clone() }, 0),
        (QueueConfig { retention_bytes: 65 * 2, ..all.clone() }, 2),
        (QueueConfig { retention_bytes: 0, ..all.clone() }, 0),
        (QueueConfig { retention_period: hour * 4, ..all.clone() }, 4),
        (QueueConfig { retention_period: Duration::ZERO, ..all }, 0),
    ];
    for (config, left) in cases {
        let (queue, clock) = queue_with(config);
        for n in 0..5 {
            queue.push(item(&n.to_string())).await.unwrap();
            queue.cancel(&n.to_string()).await.unwrap();
            clock.advance(if n < 4 { hour } else { SECOND });
        }
        assert_eq!(ids(&queue).await, ["4", "3", "2", "1", "0"][..left], "{:?}", queue.config());
    }
}

/// What went wrong: on a storage that was given an end was a note in memory, without a history, and gone with the process.
#[tokio::test]
async fn a_storage_that_is_given_remembers_as_the_queue_says() {
    let storage = Faulty::new();
    let config = QueueConfig { retention_items: 2, ..Default::default() };
    let queue = SyncQueue::on(Arc::clone(&storage) as Arc<dyn QueueStorage>, config.clone()).unwrap();
    for id in ["a", "b", "c"] {
        queue.push(item(id)).await.unwrap();
        queue.cancel(id).await.unwrap();
    }
    drop(queue);
    let queue = SyncQueue::on(Arc::clone(&storage) as Arc<dyn QueueStorage>, config).unwrap();
    assert_eq!(ids(&queue).await, ["c", "b"]);
    assert_eq!(queue.status("c").await.unwrap(), Some(ItemStatus::Cancelled));
    assert_eq!(queue.status("a").await.unwrap(), None, "two are remembered");
    storage.is_down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(queue.history(None, 9).await.is_err(), "who does not answer has not said that there is nothing");
}
