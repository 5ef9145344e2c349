//! Each storage of this room keeps the contract of the port.

use std::{
    future,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use syncline_core::{
    memory::MemoryDisk,
    port::{QueueStorage, Retention},
};
use syncline_journal::{Config, Journal};
use syncline_queue::{JournalQueueStorage, MemoryQueueStorage};
use syncline_testkit::contract::queue::Subject;

mod memory {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let storage: Arc<dyn QueueStorage> = Arc::new(MemoryQueueStorage::new());
        Subject::new(Arc::clone(&storage), move || future::ready(Arc::clone(&storage)))
    });
}

/// Each opening lets go of the one before, as a process that ended did.
fn open(
    disk: &Arc<MemoryDisk>,
    before: &Mutex<Option<(Journal, Weak<JournalQueueStorage>)>>,
    payload_memory_bytes: u64,
) -> Arc<dyn QueueStorage> {
    let mut before = before.lock().unwrap();
    if let Some((journal, _)) = before.take() {
        journal.close().unwrap();
    }
    let journal = Journal::open(Arc::clone(disk) as _, Config::default()).unwrap().journal;
    let retention = Retention { age: Duration::MAX, items: u64::MAX, bytes: u64::MAX };
    let storage = JournalQueueStorage::open_keeping(&journal, "jobs", retention, payload_memory_bytes).unwrap();
    let storage = Arc::new(storage);
    *before = Some((journal, Arc::downgrade(&storage)));
    storage
}

/// On a journal, with so much of what items carry in memory: all of it, none, and some.
macro_rules! journals {
    ($($name:ident: $bytes:expr,)+) => {
        $(
            mod $name {
                use super::*;

                syncline_testkit::queue_contract!(async || {
                    let (disk, before) = (Arc::new(MemoryDisk::new()), Arc::new(Mutex::new(None)));
                    let storage = open(&disk, &before, $bytes);
                    Subject::new(storage, move || future::ready(open(&disk, &before, $bytes)))
                });
            }
        )+
    };
}

journals! {
    journal: u64::MAX,
    journal_with_payloads_on_disk: 0,
    journal_with_some_payloads_on_disk: 16,
}
