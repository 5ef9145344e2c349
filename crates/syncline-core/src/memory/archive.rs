//! An archive in memory: the contract in its plainest form.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    Body, Error, ErrorKind, Key, Record, Result, Version, limits,
    port::{Archive, ArchiveStats, BoxFuture, Change, ChangePage, Head, Outcome, PrefixScan},
};

/// An archive in memory. It keeps nothing across processes.
#[derive(Debug, Default)]
pub struct MemoryArchive {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Key, Record>,
    feed: Vec<Change>,
    high_water: Version,
}

impl MemoryArchive {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, batch: &[Record]) -> Result<Vec<Outcome>> {
        check_count("records", batch.len())?;
        let mut seen = BTreeSet::new();
        if let Some(record) = batch.iter().find(|record| !seen.insert(&record.key)) {
            let message = format!("batch holds the key {:?} twice", record.key);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(batch.iter().map(|record| self.write(record)).collect())
    }

    fn write(&mut self, record: &Record) -> Outcome {
        match self.rows.get(&record.key).map(|row| row.version) {
            Some(by) if by > record.version => return Outcome::Superseded { by },
            Some(same) if same == record.version => return Outcome::Written,
            _ => {}
        }
        self.rows.insert(record.key.clone(), record.clone());
        self.high_water = self.high_water.max(record.version);
        let seq = self.feed.len() as u64 + 1;
        let deleted = record.body == Body::Deleted;
        self.feed.push(Change { seq, key: record.key.clone(), version: record.version, deleted });
        Outcome::Written
    }

    fn scan(&self, scan: &PrefixScan) -> Vec<Record> {
        let start = match &scan.after {
            Some(after) if **after >= *scan.prefix => Bound::Excluded(&**after),
            _ => Bound::Included(&*scan.prefix),
        };
        let rows = self.rows.range::<str, _>((start, Bound::Unbounded));
        let matching = rows.take_while(|(key, _)| key.starts_with(&scan.prefix));
        matching.take(scan.limit).map(|(_, record)| record.clone()).collect()
    }
}

impl Archive for MemoryArchive {
    fn apply<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Result<Vec<Outcome>>> {
        Box::pin(async move { self.state().apply(batch) })
    }

    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            check_count("keys", keys.len())?;
            let state = self.state();
            Ok(keys.iter().map(|key| state.rows.get(key).cloned()).collect())
        })
    }

    fn heads<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Head>>>> {
        Box::pin(async move {
            check_count("keys", keys.len())?;
            let state = self.state();
            Ok(keys.iter().map(|key| state.rows.get(key).map(head)).collect())
        })
    }

    fn scan<'a>(&'a self, scan: &'a PrefixScan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move { Ok(self.state().scan(scan)) })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<ChangePage>> {
        Box::pin(async move {
            let state = self.state();
            let head = state.feed.len() as u64;
            if after > head {
                return Ok(ChangePage::MustRefetch { head });
            }
            let lines = state.feed.iter().filter(|line| line.seq > after).take(limit).cloned().collect();
            Ok(ChangePage::Lines(lines))
        })
    }

    fn high_water(&self) -> BoxFuture<'_, Result<Version>> {
        Box::pin(async move { Ok(self.state().high_water) })
    }

    fn stats(&self) -> BoxFuture<'_, Result<ArchiveStats>> {
        Box::pin(async move {
            let state = self.state();
            let tombstones = state.rows.values().filter(|row| row.body == Body::Deleted).count() as u64;
            Ok(ArchiveStats {
                items: state.rows.len() as u64 - tombstones,
                tombstones,
                content_bytes: state.rows.values().map(|row| row.body.content_len() as u64).sum(),
                feed_head: state.feed.len() as u64,
                disk_bytes: 0,
            })
        })
    }
}

fn check_count(what: &str, count: usize) -> Result<()> {
    if count <= limits::ARCHIVE_BATCH_MAX {
        return Ok(());
    }
    let message = format!("{count} {what} in one call, the most is {}", limits::ARCHIVE_BATCH_MAX);
    Err(Error::new(ErrorKind::Invalid, message))
}

fn head(record: &Record) -> Head {
    let content = match &record.body {
        Body::Put { hash, content_type, .. } => Some((*hash, *content_type)),
        Body::Deleted => None,
    };
    Head { version: record.version, content, expires_at: record.expires_at }
}
