//! Space is at most twice what is needed and a constant, whatever the mix.

use syncline_core::memory::MemoryDisk;

use super::*;

const SEGMENT_BYTES: u64 = 64 * 1_024;
const ROUNDS: u64 = 1_000;
const ROUND_ITEMS: usize = 100;
/// The constant: two segments before anything is moved, the one that is reserved, and one on its way.
const CONSTANT: u64 = 4 * SEGMENT_BYTES;
/// What items carry is in memory, or on disk alone.
const IN_MEMORY: [u64; 2] = [u64::MAX, 0];

fn config() -> Config {
    Config { segment_bytes: SEGMENT_BYTES, ..Config::default() }
}

/// What went wrong: one item that was never due kept all that was written after it, for ever.
#[tokio::test]
async fn one_item_that_is_never_due_keeps_only_itself() {
    for payload_memory_bytes in IN_MEMORY {
        keep_only_itself(payload_memory_bytes).await;
    }
}

async fn keep_only_itself(payload_memory_bytes: u64) {
    let journal = journal(Arc::new(MemoryDisk::new()), config());
    let queue = JournalQueueStorage::open_within(&journal, "jobs", payload_memory_bytes).unwrap();
    let immortal = NewItem {
        due: Some(at(u64::from(u32::MAX)).wall),
        ..item("immortal", Priority::Low, 1_000)
    };
    push(&queue, &[immortal], 0).await;
    let mut most = 0;
    for round in 1..=ROUNDS {
        churn(&queue, &round.to_string(), ROUND_ITEMS, 20, round).await;
        upkeep(&queue, round).await;
        most = most.max(disk_bytes(&journal));
    }
    assert!(most <= 2 * 1_100 + CONSTANT, "{most} bytes for one item, {:?}", journal.stats());
    assert!(journal.stats().bytes > 10 * CONSTANT, "{:?}", journal.stats());
    assert!(queue.get("immortal", at(1)).await.unwrap().is_some());
}

/// Queues that nobody looks after hold dead letters, scheduled items and keys, while another one is busy.
#[tokio::test]
async fn many_queues_keep_what_they_need_and_no_more() {
    for payload_memory_bytes in IN_MEMORY {
        keep_what_they_need(payload_memory_bytes).await;
    }
}

async fn keep_what_they_need(payload_memory_bytes: u64) {
    let journal = journal(Arc::new(MemoryDisk::new()), config());
    let queues: Vec<_> = (0..8)
        .map(|n| JournalQueueStorage::open_within(&journal, &format!("queue {n}"), payload_memory_bytes).unwrap())
        .collect();
    let (busy, idle) = queues.split_first().unwrap();
    let mut live = 0;
    for (n, queue) in idle.iter().enumerate() {
        let dead: Vec<_> = (0..100).map(|id| item(format!("dead {id}"), Priority::Normal, 100)).collect();
        push(queue, &dead, 1).await;
        let claimed = claim(queue, 100, 1).await;
        settle(queue, &claimed, QueueOutcome::Reject { error: "no".repeat(50) }, 1).await;
        let later: Vec<_> = (0..100)
            .map(|id| NewItem { due: Some(at(LATER_MS).wall), ..item(format!("later {id}"), Priority::Low, 100) })
            .collect();
        push(queue, &later, 1).await;
        let key = DedupKey { key: format!("key {n}"), window: Duration::from_millis(LATER_MS) };
        push(queue, &[NewItem { dedup: Some(key), ..item("keyed", Priority::Critical, 100) }], 1).await;
        let claimed = claim(queue, 1, 1).await;
        settle(queue, &claimed, done(), 1).await;
        live += 200 * (100 + 60) + 100 * 100;
    }
    let mut most = 0;
    for round in 2..ROUNDS {
        churn(busy, &round.to_string(), ROUND_ITEMS, 20, round).await;
        upkeep(busy, round).await;
        most = most.max(disk_bytes(&journal));
    }
    assert!(most <= 2 * live + CONSTANT, "{most} bytes for {live}, {:?}", journal.stats());
    assert!(journal.stats().bytes > 3 * most, "{:?}", journal.stats());
    for (n, queue) in idle.iter().enumerate() {
        let stats = queue.stats(at(ROUNDS)).await.unwrap();
        assert_eq!((stats.dead.iter().sum::<u64>(), stats.waiting.iter().sum::<u64>()), (100, 100));
        let key = DedupKey { key: format!("key {n}"), window: Duration::from_secs(1) };
        let again = NewItem { dedup: Some(key), ..item("again", Priority::Critical, 1) };
        let told = queue.push(&[again], ROOM, at(ROUNDS)).await.unwrap();
        assert_ne!(told, [syncline_core::port::Pushed::Inserted], "its key is taken for its time");
    }
}

/// Each opening reserves a segment of its own.
#[tokio::test]
async fn openings_without_work_take_no_more_either() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    for opening in 0..20 {
        let journal = journal(Arc::clone(&disk), config());
        let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
        push(&queue, &[item(format!("{opening}"), Priority::Low, 10)], opening).await;
        assert!(disk_bytes(&journal) <= CONSTANT + SEGMENT_BYTES, "{opening}: {:?}", journal.stats());
        drop(queue);
        journal.close().unwrap();
    }
    let journal = journal(disk, config());
    let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
    assert_eq!(claim(&queue, 100, 100).await.len(), 20);
}

/// What went wrong: a disk that was full stayed full, because the one item that kept all else could not be copied.
#[tokio::test]
async fn on_a_full_disk_the_item_in_the_way_is_copied_into_the_reserve() {
    for payload_memory_bytes in IN_MEMORY {
        copy_into_the_reserve(payload_memory_bytes).await;
    }
}

async fn copy_into_the_reserve(payload_memory_bytes: u64) {
    let disk = syncline_testkit::SimDisk::new(1);
    let journal = journal(Arc::new(disk.clone()), config());
    let queue = JournalQueueStorage::open_within(&journal, "jobs", payload_memory_bytes).unwrap();
    let immortal = NewItem { due: Some(at(LATER_MS).wall), ..item("immortal", Priority::Low, 1_000) };
    push(&queue, &[immortal], 0).await;
    let used: u64 = disk.files().iter().map(|(_, len)| len).sum();
    disk.set_capacity(Some(used + SEGMENT_BYTES / 2));
    let mut pushed = 0;
    loop {
        let next = item(format!("{pushed}"), Priority::Critical, 1_000);
        if queue.push(&[next], ROOM, at(1)).await.is_err() {
            break;
        }
        pushed += 1;
    }
    assert!(!journal.stats().has_reserve);
    for _ in 0..pushed {
        let claimed = claim(&queue, 1, 2).await;
        assert_eq!(settle(&queue, &claimed, done(), 2).await, [Settled::Completed]);
        upkeep(&queue, 3).await;
    }
    rest(&journal);
    queue
        .push(&[item("again", Priority::Critical, 1_000)], ROOM, at(4))
        .await
        .expect("room was made");
    assert!(queue.get("immortal", at(4)).await.unwrap().is_some());
}
