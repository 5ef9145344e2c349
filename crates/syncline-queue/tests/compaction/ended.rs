//! What is remembered of items that ended, while the records that told of them are given up.

use syncline_core::memory::MemoryDisk;
use syncline_queue::{EndedItem, Ending, QueueConfig, SyncItem, SyncQueue};
use syncline_testkit::{MockClock, SeededRandom, SimDisk, seed};

use super::*;

const SEGMENT_BYTES: u64 = 8 * 1_024;
const STEPS: usize = 60;
const IMAGES: usize = 2;

fn config() -> Config {
    Config { segment_bytes: SEGMENT_BYTES, ..Config::default() }
}

fn queue_on(journal: &Journal, config: QueueConfig, clock: &MockClock) -> SyncQueue {
    SyncQueue::on_journal(journal, "jobs", config, Arc::new(clock.clone())).unwrap()
}

fn work(id: &str) -> SyncItem {
    SyncItem::with_id(id, serde_json::json!({ "of": id }), Priority::Normal)
}

/// Two attempts of which the first failed.
async fn complete(queue: &SyncQueue, clock: &MockClock, id: &str) {
    queue.push(work(id)).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue
        .mark_failed_after(id, Some("not yet".to_owned()), Duration::from_millis(1))
        .await
        .unwrap();
    clock.advance(Duration::from_millis(1));
    queue.pop().await.unwrap().unwrap();
    queue.mark_completed(id).await.unwrap();
}

async fn cancel(queue: &SyncQueue, id: &str) {
    queue.push(work(id)).await.unwrap();
    queue.cancel(id).await.unwrap();
}

async fn bury(queue: &SyncQueue, id: &str) {
    queue.push(work(id)).await.unwrap();
    queue.pop().await.unwrap().unwrap();
    queue.reject(id, "never").await.unwrap();
}

async fn remembered(queue: &SyncQueue) -> Vec<EndedItem> {
    let (mut items, mut before) = (Vec::new(), None);
    loop {
        let page = queue.history(before, 7).await.unwrap();
        items.extend(page.items);
        before = page.next;
        if before.is_none() {
            return items;
        }
    }
}

/// What the next process remembers, found twice.
async fn found(image: &SimDisk, config_of: &QueueConfig) -> Vec<EndedItem> {
    let mut found = Vec::new();
    for _ in 0..2 {
        let journal = journal(Arc::new(image.clone()), config());
        let queue = queue_on(&journal, config_of.clone(), &MockClock::new());
        found.push(remembered(&queue).await);
        queue.shutdown().await.unwrap();
        drop(queue);
        journal.close().unwrap();
    }
    assert_eq!(found[0], found[1], "recovered twice is recovered once");
    found.swap_remove(0)
}

/// At every operation of the disk, while items end and while another queue makes what is remembered move.
#[tokio::test]
async fn power_lost_at_any_operation_forgets_no_end_that_was_answered() {
    let seed = seed();
    let (disk, random, clock) = (SimDisk::new(seed), SeededRandom::new(seed), MockClock::new());
    let journal = journal(Arc::new(disk.clone()), config());
    let settings = QueueConfig { retention_items: 25, ..QueueConfig::default() };
    let queue = queue_on(&journal, settings.clone(), &clock);
    let busy = JournalQueueStorage::open(&journal, "busy").unwrap();
    let (mut crashes, mut ended) = (0, 0);
    disk.collect_points(true);
    for step in 0..STEPS {
        let before = remembered(&queue).await;
        clock.advance(Duration::from_millis(random.below(50)));
        let id = format!("{step}");
        // Every third step is the other queue's: drawn as the others are, there was a run with too few to move anything.
        if step % 3 == 2 {
            churn(&busy, &id, 5, 200, 1).await;
            upkeep(&busy, 1).await;
        } else {
            match random.below(4) {
                0 => complete(&queue, &clock, &id).await,
                1 => cancel(&queue, &id).await,
                2 => bury(&queue, &id).await,
                _ => drop(queue.purge_all().await.unwrap()),
            }
        }
        let after = remembered(&queue).await;
        ended += usize::from(before != after);
        for point in disk.take_points() {
            let images = [point.kill_image(), point.synced_image()];
            for image in images.into_iter().chain(point.crash_images(IMAGES, &random)) {
                crashes += 1;
                let found = found(&image, &settings).await;
                // A purge of many is one step, and a call that was not answered may have happened.
                assert!(
                    found == before || found == after,
                    "seed {seed}, step {step}: {found:?}\n{before:?}\n{after:?}"
                );
            }
        }
    }
    let stats = journal.stats();
    assert!(stats.segments <= stats.rotations, "nothing was given up: {stats:?}");
    assert!(crashes > 500 && ended > 10, "{crashes} crashes, {ended} steps that ended something");
}

/// What is remembered is needed, and bounded as all that is: an idle queue does not keep what others write.
#[tokio::test]
async fn an_idle_queue_that_remembers_keeps_only_that() {
    let (disk, clock) = (Arc::new(MemoryDisk::new()), MockClock::new());
    let journal = journal(Arc::clone(&disk) as _, config());
    let queue = queue_on(&journal, QueueConfig::default(), &clock);
    for n in 0..20 {
        complete(&queue, &clock, &n.to_string()).await;
    }
    let before = remembered(&queue).await;
    assert_eq!((before.len(), before[0].attempts, before[0].last_error.as_deref()), (20, 2, Some("not yet")));
    let busy = JournalQueueStorage::open(&journal, "busy").unwrap();
    let mut most = 0;
    for round in 1..300 {
        churn(&busy, &round.to_string(), 20, 100, round).await;
        upkeep(&busy, round).await;
        most = most.max(disk_bytes(&journal));
    }
    assert!(most <= 2 * 20 * 100 + 5 * SEGMENT_BYTES, "{most} bytes, {:?}", journal.stats());
    assert!(journal.stats().bytes > 10 * most, "{:?}", journal.stats());
    assert_eq!(remembered(&queue).await, before);
    drop((queue, busy));
    journal.close().unwrap();
    let again = super::journal(disk, config());
    assert_eq!(remembered(&queue_on(&again, QueueConfig::default(), &clock)).await, before);
    again.close().unwrap();
}

/// A disk that is full is made room on, and what ended gives way to what is to come.
#[tokio::test]
async fn on_a_full_disk_what_ended_gives_way() {
    let segment_bytes = 8 * SEGMENT_BYTES;
    let (disk, clock) = (SimDisk::new(1), MockClock::new());
    let journal = journal(Arc::new(disk.clone()), Config { segment_bytes, ..Config::default() });
    let queue = queue_on(&journal, QueueConfig::default(), &clock);
    for n in 0..20 {
        cancel(&queue, &format!("early {n}")).await;
    }
    let used: u64 = disk.files().iter().map(|(_, len)| len).sum();
    disk.set_capacity(Some(used + segment_bytes / 2));
    let mut pushed = 0;
    while queue.push(work(&format!("{pushed} {}", "x".repeat(100)))).await.is_ok() {
        pushed += 1;
    }
    assert!(!journal.stats().has_reserve);
    while let Some(item) = queue.pop().await.unwrap() {
        queue.mark_completed(&item.id).await.unwrap();
        clock.advance(queue.config().cleanup_interval);
    }
    assert!(
        remembered(&queue).await.iter().all(|item| item.ending == Ending::Completed),
        "the early ones gave way"
    );
    // What was completed since stands where there is no room for more: a push that is refused for that makes it.
    if queue.push(work("again")).await.is_err() {
        assert_eq!(remembered(&queue).await, []);
        clock.advance(queue.config().cleanup_interval);
        assert!(queue.pop().await.unwrap().is_none());
        rest(&journal);
        queue.push(work("again")).await.expect("room was made");
    }
}
