//! Each storage of this room keeps the contract of the port.

use std::{
    future,
    sync::{Arc, Mutex, Weak},
};

use syncline_core::port::QueueStorage;
use syncline_queue::MemoryQueueStorage;
use syncline_testkit::contract::queue::Subject;

mod memory {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let storage: Arc<dyn QueueStorage> = Arc::new(MemoryQueueStorage::new());
        Subject::new(Arc::clone(&storage), move || future::ready(Arc::clone(&storage)))
    });
}

mod journal {
    use syncline_core::memory::MemoryDisk;
    use syncline_journal::{Config, Journal};
    use syncline_queue::JournalQueueStorage;

    use super::*;

    /// Each opening lets go of the one before, as a process that ended did.
    fn open(
        disk: &Arc<MemoryDisk>,
        before: &Mutex<Option<(Journal, Weak<JournalQueueStorage>)>>,
    ) -> Arc<dyn QueueStorage> {
        let mut before = before.lock().unwrap();
        if let Some((journal, _)) = before.take() {
            journal.close().unwrap();
        }
        let journal = Journal::open(Arc::clone(disk) as _, Config::default()).unwrap().journal;
        let storage = Arc::new(JournalQueueStorage::open(&journal, "jobs").unwrap());
        *before = Some((journal, Arc::downgrade(&storage)));
        storage
    }

    syncline_testkit::queue_contract!(async || {
        let (disk, before) = (Arc::new(MemoryDisk::new()), Arc::new(Mutex::new(None)));
        let storage = open(&disk, &before);
        Subject::new(storage, move || future::ready(open(&disk, &before)))
    });
}
