//! The journal alone: what pushing costs beneath the queue.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use syncline_journal::{Durability, Entry, Journal, Owner, Stream};

use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way, done},
};
use crate::{Result, stores::open_journal};

/// The journal alone.
pub(in super::super) const JOURNAL: Kind = Kind {
    name: "journal",
    way: Way::Tasks,
    open: |dir, jobs| done(open(dir, jobs)),
    left: |dir, jobs| done(left(dir, jobs)),
};

#[derive(Clone)]
struct Open {
    journal: Journal,
    stream: Stream,
    jobs: Arc<Jobs>,
}

struct Nobody;

impl Owner for Nobody {
    fn apply(&self, _entry: Entry) {}
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Box<dyn Store>> {
    let (journal, stream) = open_journal(dir, Arc::new(Nobody))?;
    Ok(Box::new(Open { journal, stream, jobs: Arc::clone(jobs) }))
}

impl Open {
    /// Its number and its text.
    fn record(&self, number: u64) -> Bytes {
        [&number.to_be_bytes()[..], self.jobs.text(number).as_bytes()].concat().into()
    }
}

impl Store for Open {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        done(Ok(Box::new(self.clone()) as Box<dyn Client>))
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.journal.stats().syncs)
    }

    fn close(&self) -> Wait<'_, ()> {
        done(self.journal.close().map_err(Into::into))
    }
}

impl Client for Open {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        Box::pin(async move {
            if count == 1 {
                self.stream.append(self.record(first), Durability::Sync)?.await?;
                return Ok(());
            }
            let mut transaction = self.journal.transaction();
            for number in (first..).take(count) {
                transaction.stage(&self.stream, self.record(number))?;
            }
            transaction.commit(Durability::Sync)?.await?;
            Ok(())
        })
    }

    fn work(&mut self, _most: usize) -> Wait<'_, usize> {
        done(Err("the journal alone hands nothing out".into()))
    }
}

/// Keeps what is replayed.
#[derive(Default)]
struct Found(Mutex<Vec<Bytes>>);

impl Owner for Found {
    fn apply(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry.payload);
    }
}

fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let found = Arc::new(Found::default());
    let (journal, _stream) = open_journal(dir, found.clone())?;
    journal.close()?;
    let records = std::mem::take(&mut *found.0.lock().unwrap_or_else(PoisonError::into_inner));
    let number = |record: &Bytes| {
        let (number, text) = record.split_first_chunk().ok_or("the journal gave a short record back")?;
        let number = u64::from_be_bytes(*number);
        jobs.check(number, text)?;
        Ok(number)
    };
    records.iter().map(number).collect()
}
