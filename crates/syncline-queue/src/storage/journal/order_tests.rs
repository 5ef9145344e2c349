//! Records stand in the journal in the order in which they were decided.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use syncline_core::{
    Result,
    memory::MemoryDisk,
    port::{Admission, Claim, InHand, Lease, QueueOutcome, QueueStorage as _, Settlement},
    rt,
};
use syncline_journal::{Config, Entry as Told, Journal, Owner};

use super::{JournalQueueStorage, codec, codec::Record};
use crate::{
    state::Entry,
    storage::sample::{at, item},
};

const THREADS: usize = 4;
const ROUNDS: u64 = 150;

/// Keeps what the stream holds.
#[derive(Default)]
struct Reader(Mutex<Vec<Record>>);

impl Owner for Reader {
    fn apply(&self, told: Told) {
        let record = codec::decode(&told.payload, told.seq.get()).unwrap();
        self.0.lock().unwrap().push(record);
    }
}

async fn work(queue: &JournalQueueStorage, clock: &AtomicU64, thread: usize) -> Result<()> {
    let now = || at(clock.fetch_add(1, Relaxed));
    for round in 0..ROUNDS {
        let item = item(&format!("{thread}/{round}"));
        queue.push(&[item], Admission { capacity: 1_000_000, unique_ids: true }, now()).await?;
        let claim = Claim {
            most: 2,
            lease: std::time::Duration::from_secs(3_600),
            aging: None,
            in_hand: InHand::default(),
        };
        for claimed in queue.claim(claim, now()).await?.items {
            let lease = Lease { id: claimed.id, token: Some(claimed.token) };
            let outcome = if round % 3 == 0 {
                QueueOutcome::Release
            } else {
                QueueOutcome::Complete { push: Vec::new() }
            };
            queue.settle(&[Settlement { lease, outcome }], now()).await?;
        }
    }
    Ok(())
}

/// What went wrong: records were handed over after the lock was given back, so that of two decisions the later one could
/// stand first in the journal. A copy of an item that overtook a claim of it would have lost the attempt.
#[test]
fn records_stand_in_the_order_of_their_decisions() {
    let (disk, clock) = (Arc::new(MemoryDisk::new()), Arc::new(AtomicU64::new(1_000)));
    let journal = Journal::open(Arc::clone(&disk) as _, Config::default()).unwrap().journal;
    let queue = Arc::new(JournalQueueStorage::open(&journal, "jobs").unwrap());
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (queue, clock) = (Arc::clone(&queue), Arc::clone(&clock));
            rt::thread("worker", move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(work(&queue, &clock, thread)).unwrap();
            })
            .unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(queue);
    let reader = Arc::new(Reader::default());
    let stream = journal.stream("queue/jobs", Arc::clone(&reader) as _).unwrap();
    let records = std::mem::take(&mut *reader.0.lock().unwrap());
    let times: Vec<_> = records.iter().map(|record| record.time).collect();
    assert!(times.is_sorted(), "the queue's time goes back in its journal");
    let pushed: Vec<_> = records
        .iter()
        .flat_map(|record| &record.entries)
        .filter_map(|entry| if let Entry::Push(push) = entry { Some(push.seq) } else { None })
        .collect();
    assert_eq!(pushed.len() as u64, THREADS as u64 * ROUNDS);
    assert!(pushed.is_sorted(), "a later push stands before an earlier one");
    stream.release();
    journal.close().unwrap();
}
