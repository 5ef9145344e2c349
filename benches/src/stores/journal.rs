//! The journal of Syncline: a record is appended, a batch is one transaction, and each waits for its own commit.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use syncline_journal::{Config, Durability, Entry, FileDisk, Journal, Owner, Stream};

use crate::{
    Result,
    payload::Payloads,
    store::{Kind, Store, Writer},
};

/// The journal as it is by default.
pub(crate) const JOURNAL: Kind = Kind { name: "journal", open: open_store, reopen_count };

struct Open {
    journal: Journal,
    stream: Stream,
}

/// What is applied is of no use to a writer that only wants it durable.
struct Nobody;

impl Owner for Nobody {
    fn apply(&self, _entry: Entry) {}
}

/// Opens the journal in `dir`, replaying its records into `owner`.
pub(crate) fn open(dir: &Path, owner: Arc<dyn Owner>) -> Result<(Journal, Stream)> {
    let journal = Journal::open(Arc::new(FileDisk::open(dir)?), Config::default())?.journal;
    let stream = journal.stream("bench", owner)?;
    Ok((journal, stream))
}

fn open_store(dir: &Path) -> Result<Box<dyn Store>> {
    let (journal, stream) = open(dir, Arc::new(Nobody))?;
    Ok(Box::new(Open { journal, stream }))
}

impl Store for Open {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(self))
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.journal.stats().syncs)
    }

    fn close(self: Box<Self>) -> Result {
        Ok(self.journal.close()?)
    }
}

impl Writer for &Open {
    fn commit(&mut self, _first: u64, records: &[Bytes]) -> Result {
        if let [record] = records {
            self.stream.append(record.clone(), Durability::Sync)?.wait()?;
            return Ok(());
        }
        let mut transaction = self.journal.transaction();
        for record in records {
            transaction.stage(&self.stream, record.clone())?;
        }
        transaction.commit(Durability::Sync)?.wait()?;
        Ok(())
    }
}

/// Compares what is replayed.
struct Checker {
    payloads: Payloads,
    exact: AtomicU64,
    changed: AtomicU64,
}

impl Owner for Checker {
    fn apply(&self, entry: Entry) {
        let counter = if self.payloads.check_any(&entry.payload).is_ok() {
            &self.exact
        } else {
            &self.changed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn reopen_count(dir: &Path, _payloads: &Payloads) -> Result<u64> {
    let checker = Arc::new(Checker { payloads: Payloads::new(), exact: AtomicU64::new(0), changed: AtomicU64::new(0) });
    let (journal, _stream) = open(dir, checker.clone())?;
    journal.close()?;
    match checker.changed.load(Ordering::Relaxed) {
        0 => Ok(checker.exact.load(Ordering::Relaxed)),
        changed => Err(format!("the journal gave {changed} records back changed").into()),
    }
}
