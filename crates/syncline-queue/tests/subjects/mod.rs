//! The storages that histories are played on.

use std::{future, sync::Arc, time::Duration};

use syncline_core::port::{BoxFuture, QueueStorage, Retention};
use syncline_journal::{Config, Journal};
use syncline_queue::{JournalQueueStorage, MemoryQueueStorage};
use syncline_testkit::{
    SeededRandom, SimDisk,
    model::queue::{End, Subject},
};

const SEGMENT_BYTES: u64 = 64 * 1_024;
/// Of so many images of what loss of power may leave one is drawn.
const IMAGES: usize = 8;
/// How much of what items carry is in memory: none, some, or all.
const PAYLOAD_MEMORY_BYTES: [u64; 3] = [0, 40, u64::MAX];

/// A queue that ends with its process.
#[derive(Debug, Default)]
pub(crate) struct InMemory(MemoryQueueStorage);

impl Subject for InMemory {
    fn storage(&self) -> &dyn QueueStorage {
        &self.0
    }

    fn reopen(&mut self, _end: End, _in_call: bool, _random: &SeededRandom) -> BoxFuture<'_, ()> {
        Box::pin(future::ready(()))
    }
}

/// A queue on a journal on a simulated disk.
#[derive(Debug)]
pub(crate) struct OnJournal {
    disk: SimDisk,
    payload_memory_bytes: u64,
    open: Option<(JournalQueueStorage, Journal)>,
}

impl OnJournal {
    pub(crate) fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let payload_memory_bytes = PAYLOAD_MEMORY_BYTES[SeededRandom::new(seed).index(PAYLOAD_MEMORY_BYTES.len())];
        let open = Some(open(&disk, payload_memory_bytes));
        Self { disk, payload_memory_bytes, open }
    }

    fn close(&mut self) {
        if let Some((storage, journal)) = self.open.take() {
            drop(storage);
            journal.close().unwrap();
        }
    }
}

fn open(disk: &SimDisk, payload_memory_bytes: u64) -> (JournalQueueStorage, Journal) {
    // Small segments, so that a history fills several.
    let config = Config { segment_bytes: SEGMENT_BYTES, ..Config::default() };
    let journal = Journal::open(Arc::new(disk.clone()), config).unwrap().journal;
    let all = Retention { age: Duration::MAX, items: u64::MAX, bytes: u64::MAX };
    (JournalQueueStorage::open_keeping(&journal, "jobs", all, payload_memory_bytes).unwrap(), journal)
}

impl Subject for OnJournal {
    fn storage(&self) -> &dyn QueueStorage {
        &self.open.as_ref().unwrap().0
    }

    fn begin_call(&mut self) {
        self.disk.collect_points(true);
    }

    fn reopen(&mut self, end: End, in_call: bool, random: &SeededRandom) -> BoxFuture<'_, ()> {
        let mut points = if in_call { self.disk.take_points() } else { Vec::new() };
        self.disk.collect_points(false);
        let at = if points.is_empty() {
            self.disk.clone()
        } else {
            points.swap_remove(random.index(points.len()))
        };
        let left = match end {
            End::Closed => None,
            End::Killed => Some(at.kill_image()),
            End::PowerLost => at.crash_images(IMAGES, random).nth(random.index(IMAGES)),
        };
        let left = left.or((end == End::PowerLost).then(|| at.synced_image()));
        self.close();
        if let Some(left) = left {
            self.disk = left;
        }
        self.open = Some(open(&self.disk, self.payload_memory_bytes));
        Box::pin(future::ready(()))
    }
}
