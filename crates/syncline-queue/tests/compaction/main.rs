//! The space of a journal follows what is needed in it, and moving what is needed loses nothing.

mod bound;
mod crash;
mod ended;
mod opening;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, Claim, Claimed, DedupKey, Disk, InHand, Lease, Moment, NewItem, QueueOutcome, QueueStorage as _,
        Settled, Settlement,
    },
};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;

const ROOM: Admission = Admission { capacity: u64::MAX, unique_ids: true };
/// Far from now.
const LATER_MS: u64 = 1_000_000_000;

fn journal(disk: Arc<dyn Disk>, config: Config) -> Journal {
    Journal::open(disk, config).unwrap().journal
}

fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

fn item(id: impl Into<String>, priority: Priority, bytes: usize) -> NewItem {
    NewItem {
        id: id.into(),
        priority,
        due: None,
        max_attempts: 3,
        partition: None,
        dedup: None,
        expires_at: None,
        body: Bytes::from(vec![7; bytes]),
    }
}

async fn push(queue: &JournalQueueStorage, items: &[NewItem], now: u64) {
    queue.push(items, ROOM, at(now)).await.unwrap();
}

async fn claim(queue: &JournalQueueStorage, most: usize, now: u64) -> Vec<Claimed> {
    let claim = Claim { most, lease: Duration::from_hours(100), aging: None, in_hand: InHand::default() };
    queue.claim(claim, at(now)).await.unwrap().items
}

async fn settle(queue: &JournalQueueStorage, claimed: &[Claimed], outcome: QueueOutcome, now: u64) -> Vec<Settled> {
    let of = |one: &Claimed| Settlement {
        lease: Lease { id: one.id.clone(), token: Some(one.token) },
        outcome: outcome.clone(),
    };
    let settlements: Vec<_> = claimed.iter().map(of).collect();
    queue.settle(&settlements, at(now)).await.unwrap()
}

fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

/// Pushes items before all others, and works on them.
async fn churn(queue: &JournalQueueStorage, name: &str, count: usize, bytes: usize, now: u64) {
    let items: Vec<_> = (0..count).map(|n| item(format!("{name}/{n}"), Priority::Critical, bytes)).collect();
    push(queue, &items, now).await;
    let claimed = claim(queue, count, now).await;
    assert_eq!(claimed.len(), count);
    settle(queue, &claimed, done(), now).await;
}

async fn upkeep(queue: &JournalQueueStorage, now: u64) {
    while queue.reap(at(now)).await.unwrap().more {}
}

/// Waits until the journal's threads have done what they were told. What went wrong without it: on a busy machine they were
/// behind, and a test found segments that were given up a moment later, or no space where there was some by then.
fn rest(journal: &Journal) {
    while !journal.is_at_rest() {
        std::thread::yield_now();
    }
}

/// What the journal takes on disk.
fn disk_bytes(journal: &Journal) -> u64 {
    rest(journal);
    journal.stats().disk_bytes
}
