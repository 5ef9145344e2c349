//! Power is lost at every operation of the disk while what is needed is moved.

use syncline_core::port::{Pushed, Standing, Stored};
use syncline_journal::planted::Planted;
use syncline_testkit::{SeededRandom, SimDisk, seed};

use super::*;

const SEGMENT_BYTES: u64 = 8 * 1_024;
const ROUNDS: u64 = 40;
const IMAGES: usize = 2;
const OLD: [&str; 7] = ["immortal", "dead", "held", "lane 1", "lane 2", "expiring", "plain"];

struct Life {
    journal: Journal,
    queue: JournalQueueStorage,
}

impl Life {
    fn open(disk: &SimDisk, (planted, payload_memory_bytes): (Option<Planted>, u64)) -> Self {
        let config = Config { segment_bytes: SEGMENT_BYTES, planted, ..Config::default() };
        let journal = journal(Arc::new(disk.clone()), config);
        let queue = JournalQueueStorage::open_within(&journal, "jobs", payload_memory_bytes).unwrap();
        Self { journal, queue }
    }

    fn end(self) {
        drop(self.queue);
        self.journal.close().unwrap();
    }
}

/// One item of each kind.
async fn set_up(queue: &JournalQueueStorage) {
    let of = |id: &str| item(id, Priority::Normal, 100);
    push(queue, &[of("immortal"), of("dead"), of("held")], 1).await;
    let claimed = claim(queue, 3, 1).await;
    let retry = QueueOutcome::Retry { at: at(LATER_MS).wall, error: "not yet".into() };
    settle(queue, &claimed[..1], retry, 1).await;
    settle(queue, &claimed[1..2], QueueOutcome::Reject { error: "never".into() }, 1).await;
    let lane = |id: &str| NewItem { partition: Some("lane".into()), ..of(id) };
    push(queue, &[lane("lane 1"), lane("lane 2")], 2).await;
    push(queue, &[NewItem { expires_at: Some(at(LATER_MS).wall), ..of("expiring") }, of("plain")], 2).await;
    push(queue, &[keyed("keyed")], 2).await;
    let claimed = claim(queue, 1, 2).await;
    assert_eq!(claimed[0].id, "keyed");
    settle(queue, &claimed, done(), 2).await;
}

fn keyed(id: &str) -> NewItem {
    let key = DedupKey { key: "the key".into(), window: Duration::from_millis(LATER_MS) };
    NewItem { dedup: Some(key), ..item(id, Priority::Critical, 50) }
}

async fn look(queue: &JournalQueueStorage, now: u64) -> Vec<Option<Stored>> {
    let mut seen = Vec::new();
    for id in OLD {
        seen.push(queue.get(id, at(now)).await.unwrap());
    }
    seen
}

/// Whether everything is as it was, on this disk.
async fn is_whole(image: &SimDisk, before: &[Option<Stored>], now: u64) -> Result<(), String> {
    let life = Life::open(image, (None, 0));
    let seen = look(&life.queue, now).await;
    let told = life.queue.push(&[keyed("again")], ROOM, at(now)).await.unwrap();
    let stats = life.queue.stats(at(now)).await.unwrap();
    life.end();
    let before: Vec<_> = before.iter().cloned().map(|stored| stored.map(back_in_place)).collect();
    if seen != before {
        return Err(format!("{seen:?} instead of {before:?}"));
    }
    if told == [Pushed::Inserted] {
        return Err("a key was free before its time".into());
    }
    if stats.leased.iter().sum::<u64>() != 0 || stats.dead.iter().sum::<u64>() != 1 {
        return Err(format!("{stats:?}"));
    }
    Ok(())
}

/// Its worker is gone with the process, its attempt is not.
fn back_in_place(stored: Stored) -> Stored {
    let standing = if stored.standing == Standing::Leased {
        Standing::Ready
    } else {
        stored.standing
    };
    Stored { standing, ..stored }
}

/// Runs a queue whose old items have to be moved; returns what was first found wrong after a crash, and how many were tried.
async fn history(seed: u64, planted: Option<Planted>, payload_memory_bytes: u64) -> (Option<String>, usize) {
    let (disk, random) = (SimDisk::new(seed), SeededRandom::new(seed));
    let life = Life::open(&disk, (planted, payload_memory_bytes));
    set_up(&life.queue).await;
    let before = look(&life.queue, 3).await;
    let mut crashes = 0;
    disk.collect_points(true);
    for round in 3..ROUNDS {
        churn(&life.queue, &round.to_string(), 5, 200, round).await;
        upkeep(&life.queue, round).await;
        for point in disk.take_points() {
            let images = [point.kill_image(), point.synced_image()];
            for image in images.into_iter().chain(point.crash_images(IMAGES, &random)) {
                crashes += 1;
                if let Err(wrong) = is_whole(&image, &before, round).await {
                    return (Some(format!("round {round}: {wrong}")), crashes);
                }
            }
        }
    }
    let copied = life.journal.stats();
    assert!(copied.disk_bytes < copied.bytes, "nothing was moved: {copied:?}");
    (None, crashes)
}

#[tokio::test]
async fn power_lost_at_any_operation_of_a_move_loses_nothing() {
    let seed = seed();
    for payload_memory_bytes in [u64::MAX, 0, 300] {
        let (wrong, crashes) = history(seed, None, payload_memory_bytes).await;
        assert_eq!(wrong, None, "seed {seed}, {payload_memory_bytes} bytes in memory");
        assert!(crashes > 100, "{crashes}");
    }
}

#[tokio::test]
async fn a_segment_that_goes_before_its_copies_are_written_is_noticed() {
    let seed = seed();
    let (wrong, crashes) = history(seed, Some(Planted::UnlinkBeforeCopy), 0).await;
    assert!(wrong.is_some(), "{crashes} crashes, seed {seed}");
}

/// What was taken while its copy was on its way counts, and what was done does not come back.
#[tokio::test]
async fn what_is_decided_behind_a_copy_stands() {
    let seed = seed();
    for payload_memory_bytes in [u64::MAX, 0] {
        decide_behind_copies(seed, payload_memory_bytes).await;
    }
}

async fn decide_behind_copies(seed: u64, payload_memory_bytes: u64) {
    let disk = SimDisk::new(seed);
    let life = Life::open(&disk, (None, payload_memory_bytes));
    let old: Vec<_> = (0..50).map(|n| item(format!("old {n}"), Priority::Low, 40)).collect();
    push(&life.queue, &old, 1).await;
    for round in 2..60 {
        churn(&life.queue, &round.to_string(), 5, 200, round).await;
        let claimed = tokio::join!(upkeep(&life.queue, round), claim(&life.queue, 1, round)).1;
        if round % 2 == 0 {
            tokio::join!(upkeep(&life.queue, round), settle(&life.queue, &claimed, done(), round));
        } else if let [one] = &*claimed {
            let ids = [one.id.clone()];
            tokio::join!(upkeep(&life.queue, round), async {
                assert!(life.queue.cancel(&ids, at(round)).await.unwrap()[0]);
            });
        }
    }
    let mut left = Vec::new();
    for n in 0..50 {
        left.push(life.queue.get(&format!("old {n}"), at(99)).await.unwrap());
    }
    assert_eq!(left.iter().flatten().count(), 0, "seed {seed}");
    let again = Life::open(&disk.kill_image(), (None, payload_memory_bytes));
    let stats = again.queue.stats(at(99)).await.unwrap();
    assert_eq!(stats.waiting.iter().sum::<u64>(), 0, "seed {seed}");
    again.end();
    life.end();
}
