//! What is taken in memory while a full disk refuses to have it written, and what a restart makes of it.

use std::{sync::Arc, time::Duration};

use syncline_core::{
    Error, ErrorKind,
    port::{
        Admission, Claim, Claimed, InHand, Lease, NewItem, QueueOutcome, QueueStorage as _, Reaped, Settlement,
        Standing, Stored,
    },
};
use syncline_journal::{Config, Journal};
use syncline_testkit::{
    SimDisk,
    disk::{Call, Effect, Fault},
    seed,
};

use super::JournalQueueStorage;
use crate::storage::sample::{at, item};

const ROOM: Admission = Admission { capacity: 1_000, unique_ids: true };
const SEGMENT_BYTES: u64 = 8 * 1_024;
/// More steps than a segment holds.
const STEPS_MAX: usize = 1_000;

struct Life {
    disk: SimDisk,
    queue: JournalQueueStorage,
    journal: Journal,
}

impl Life {
    fn on(disk: SimDisk) -> Self {
        let config = Config { segment_bytes: SEGMENT_BYTES, ..Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), config).unwrap().journal;
        let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
        Self { disk, queue, journal }
    }

    /// A process that begins with what this one left when it was killed.
    fn after_a_kill(&self) -> Self {
        self.rest();
        let disk = self.disk.kill_image();
        disk.set_capacity(None);
        Self::on(disk)
    }

    fn rest(&self) {
        while !self.journal.is_at_rest() {
            std::thread::yield_now();
        }
    }

    async fn push(&self, id: &str, max_attempts: u16, bytes: usize) -> Result<(), Error> {
        let new = NewItem { max_attempts, body: vec![b'x'; bytes].into(), ..item(id) };
        self.queue.push(&[new], ROOM, at(1)).await.map(drop)
    }

    async fn claim(&self, most: usize, lease_ms: u64, now: u64) -> Result<Vec<Claimed>, Error> {
        let lease = Duration::from_millis(lease_ms);
        let claim = Claim { most, lease, aging: None, in_hand: InHand::default() };
        Ok(self.queue.claim(claim, at(now)).await?.items)
    }

    /// Leaves no space, neither for pushes nor for what is kept for outcomes.
    async fn fill(&self) {
        self.rest();
        self.disk.set_capacity(Some(self.disk.used()));
        for number in 0..STEPS_MAX {
            if is_full(&self.push(&format!("filler {number}"), 1, 700).await) {
                break;
            }
        }
        for _ in 0..STEPS_MAX {
            let claimed = self.claim(1, 1_000_000, 2).await;
            if is_full(&claimed) {
                return;
            }
            let one = claimed.unwrap().remove(0);
            let lease = Lease { id: one.id, token: Some(one.token) };
            let put_back = Settlement { lease, outcome: QueueOutcome::Release };
            if is_full(&self.queue.settle(&[put_back], at(2)).await) {
                return;
            }
        }
        panic!("the disk is never full");
    }

    async fn stored(&self, id: &str) -> Stored {
        self.queue.get(id, at(1_000)).await.unwrap().unwrap()
    }
}

fn is_full<T>(done: &Result<T, Error>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Full)
}

/// A queue whose first item is in hand for 100 ms, on a disk that takes nothing any more.
async fn with_a_lease(max_attempts: u16) -> Life {
    let life = Life::on(SimDisk::new(seed()));
    life.push("first", max_attempts, 700).await.unwrap();
    assert_eq!(life.claim(1, 100, 1).await.unwrap()[0].id, "first");
    life.fill().await;
    life
}

const ENDED: Reaped = Reaped { leases: 1, dead: 0, expired: 0, more: false };

/// What went wrong: the end of a lease that a full disk refused was in memory alone. The item was handed out once more, which
/// a replay took for a mistake: after a restart it had an attempt more than it was pushed with.
#[tokio::test]
async fn an_attempt_after_a_lease_whose_end_could_not_be_written_is_counted() {
    let life = with_a_lease(9).await;
    assert_eq!(life.queue.reap(at(200)).await.unwrap(), ENDED);
    life.disk.set_capacity(None);
    let again = life.claim(1, 100, 200).await.unwrap();
    assert_eq!((&*again[0].id, again[0].attempt), ("first", 2));
    let next = life.after_a_kill();
    assert_eq!(next.stored("first").await.item.attempt, 2);
}

/// What went wrong: somebody died while the disk was full, was redriven once it was not, and was dead again after a restart
/// though the redrive had been acknowledged.
#[tokio::test]
async fn a_redrive_of_one_whose_death_could_not_be_written_stands() {
    let life = with_a_lease(1).await;
    assert_eq!(life.queue.reap(at(200)).await.unwrap(), Reaped { leases: 0, dead: 1, ..ENDED });
    life.disk.set_capacity(None);
    assert_eq!(life.queue.redrive(&["first".to_owned()], at(300)).await.unwrap(), [true]);
    let next = life.after_a_kill();
    let stored = next.stored("first").await;
    assert_eq!((stored.standing, stored.item.attempt), (Standing::Ready, 0));
}

/// What went wrong: a queue could not be opened where its disk had no space to note that the leases of the process before are
/// over, though nothing else was in the way of working it off.
#[tokio::test]
async fn a_queue_opens_where_the_ends_of_old_leases_find_no_space() {
    let life = Life::on(SimDisk::new(seed()));
    for number in 0..300 {
        life.push(&format!("{number}"), 3, 1).await.unwrap();
    }
    assert_eq!(life.claim(300, 1_000, 1).await.unwrap().len(), 300);
    life.rest();
    let disk = life.disk.kill_image();
    // Without the reserved segment, and with a block for the new one.
    disk.set_capacity(Some(disk.used() - SEGMENT_BYTES + 4_096));
    let next = Life::on(disk);
    let stored = next.stored("7").await;
    assert_eq!((stored.standing, stored.item.attempt), (Standing::Ready, 1));
}

/// What went wrong: upkeep whose record the journal did not take told of a failure alone. That leases had ended was never told,
/// so nobody was woken and nothing was counted.
#[tokio::test]
async fn what_upkeep_did_before_it_failed_is_told_by_the_next_one() {
    let life = Life::on(SimDisk::new(seed()));
    life.push("first", 9, 10).await.unwrap();
    assert_eq!(life.claim(1, 100, 1).await.unwrap().len(), 1);
    life.rest();
    life.disk
        .fail(Fault { call: Some(Call::Write), skip: 0, effect: Effect::Eio, lasts: true });
    assert_eq!(life.queue.reap(at(200)).await.unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(life.queue.reap(at(200)).await.unwrap(), ENDED);
    assert_eq!(life.queue.reap(at(200)).await.unwrap(), Reaped::default());
}
