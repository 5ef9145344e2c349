//! What items carry is on disk alone beyond a bound, and comes back as it was pushed.

mod budget;
mod damage;
mod slow;
mod watched;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, Claim, Claimed, Disk, InHand, Lease, Moment, NewItem, QueueOutcome, QueueStorage as _, Settlement,
    },
};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;

const ROOM: Admission = Admission { capacity: u64::MAX, unique_ids: true };

fn journal(disk: Arc<dyn Disk>, config: Config) -> Journal {
    Journal::open(disk, config).unwrap().journal
}

fn small() -> Config {
    Config { segment_bytes: 64 * 1_024, ..Config::default() }
}

fn open(journal: &Journal, payload_memory_bytes: u64) -> JournalQueueStorage {
    JournalQueueStorage::open_within(journal, "jobs", payload_memory_bytes).unwrap()
}

fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

fn item(id: impl Into<String>, body: impl Into<Bytes>) -> NewItem {
    NewItem {
        id: id.into(),
        priority: Priority::Normal,
        due: None,
        max_attempts: 3,
        partition: None,
        dedup: None,
        expires_at: None,
        body: body.into(),
    }
}

async fn push(queue: &JournalQueueStorage, items: &[NewItem], now: u64) {
    queue.push(items, ROOM, at(now)).await.unwrap();
}

fn most(most: usize) -> Claim {
    Claim { most, lease: Duration::from_hours(100), aging: None, in_hand: InHand::default() }
}

async fn claim(queue: &JournalQueueStorage, count: usize, now: u64) -> Vec<Claimed> {
    queue.claim(most(count), at(now)).await.unwrap().items
}

async fn settle(queue: &JournalQueueStorage, claimed: &[Claimed], outcome: QueueOutcome, now: u64) {
    let of = |one: &Claimed| Settlement {
        lease: Lease { id: one.id.clone(), token: Some(one.token) },
        outcome: outcome.clone(),
    };
    let settlements: Vec<_> = claimed.iter().map(of).collect();
    queue.settle(&settlements, at(now)).await.unwrap();
}

fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

/// Fills the journal with what is done with, so that what is needed has to be moved, and moves it.
async fn churn(queue: &JournalQueueStorage, rounds: u64, now: u64) {
    for round in 0..rounds {
        let items: Vec<_> = (0..50)
            .map(|n| NewItem { priority: Priority::Critical, ..item(format!("churn {round}/{n}"), vec![1; 200]) })
            .collect();
        push(queue, &items, now).await;
        let claimed = claim(queue, items.len(), now).await;
        settle(queue, &claimed, done(), now).await;
        while queue.reap(at(now)).await.unwrap().more {}
    }
}
