//! A queue by hand on fjall: one keyspace of what is ready, by level and number, and one of leases.
//!
//! Pushes and outcomes are batches with `SyncData`. Claims are batches without, which fjall writes and does not sync; one at
//! a time, from a place that is remembered, so that no claim walks over what was removed before.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way, done},
};
use crate::Result;

/// fjall.
pub(in super::super) const FJALL: Kind = Kind {
    name: "fjall",
    way: Way::Threads,
    open: |dir, jobs| done(open(dir, jobs).map(|fjall| Box::new(fjall) as Box<dyn Store>)),
    left: |dir, jobs| done(left(dir, jobs)),
};

/// Level, then number, so that keys stand in the order of claims.
type Key = [u8; 9];

#[derive(Clone)]
struct Fjall {
    database: Database,
    ready: Keyspace,
    leases: Keyspace,
    /// Nothing ready stands before this key. Pushes of other threads may land behind each other, so it goes back with them.
    first: Arc<Mutex<Key>>,
    jobs: Arc<Jobs>,
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Fjall> {
    let database = Database::builder(dir).open()?;
    let ready = database.keyspace("ready", KeyspaceCreateOptions::default)?;
    let leases = database.keyspace("lease", KeyspaceCreateOptions::default)?;
    Ok(Fjall { database, ready, leases, first: Arc::default(), jobs: Arc::clone(jobs) })
}

fn key_of(number: u64) -> Key {
    let mut key = [2; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

fn number_of(key: &[u8]) -> Result<u64> {
    let number = key.last_chunk().ok_or("fjall gave a short key back")?;
    Ok(u64::from_be_bytes(*number))
}

impl Fjall {
    fn push_all(&self, first: u64, count: usize) -> Result {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for number in (first..).take(count) {
            batch.insert(&self.ready, key_of(number), self.jobs.text(number).as_bytes());
        }
        batch.commit()?;
        let mut place = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        *place = key_of(first).min(*place);
        Ok(())
    }

    fn claim(&self, most: usize) -> Result<Vec<Key>> {
        let mut place = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut claimed) = (self.database.batch(), Vec::with_capacity(most));
        for row in self.ready.range(*place..).take(most) {
            let (key, text) = row.into_inner()?;
            let number = number_of(&key)?;
            self.jobs.check(number, &text)?;
            batch.remove(&self.ready, key.clone());
            batch.insert(&self.leases, key, text);
            claimed.push(key_of(number));
        }
        batch.commit()?;
        if let Some(last) = claimed.last() {
            *place = *last;
        }
        Ok(claimed)
    }

    fn complete(&self, claimed: &[Key]) -> Result {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for key in claimed {
            batch.remove(&self.leases, *key);
        }
        Ok(batch.commit()?)
    }
}

impl Store for Fjall {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        done(Ok(Box::new(self.clone()) as Box<dyn Client>))
    }

    fn close(&self) -> Wait<'_, ()> {
        done(self.database.persist(PersistMode::SyncAll).map_err(Into::into))
    }
}

impl Client for Fjall {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        done(self.push_all(first, count))
    }

    fn work(&mut self, most: usize) -> Wait<'_, usize> {
        let worked = self.claim(most).and_then(|claimed| {
            self.complete(&claimed)?;
            Ok(claimed.len())
        });
        done(worked)
    }
}

fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let fjall = open(dir, jobs)?;
    let mut numbers = Vec::new();
    for row in fjall.ready.iter().chain(fjall.leases.iter()) {
        let (key, text) = row.into_inner()?;
        let number = number_of(&key)?;
        jobs.check(number, &text)?;
        numbers.push(number);
    }
    Ok(numbers)
}
