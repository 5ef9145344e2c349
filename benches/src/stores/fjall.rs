//! fjall: a record is inserted and the database persisted with `SyncData`; a batch asks for the same by itself.

use std::path::Path;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::{
    Result,
    payload::Payloads,
    store::{Kind, Store, Writer},
};

/// fjall.
pub(crate) const FJALL: Kind = Kind { name: "fjall", open, reopen_count };

struct Fjall {
    database: Database,
    records: Keyspace,
}

fn open_database(dir: &Path) -> Result<Fjall> {
    let database = Database::builder(dir).open()?;
    let records = database.keyspace("record", KeyspaceCreateOptions::default)?;
    Ok(Fjall { database, records })
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(open_database(dir)?))
}

impl Store for Fjall {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(self))
    }

    fn close(self: Box<Self>) -> Result {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Writer for &Fjall {
    fn commit(&mut self, first: u64, records: &[Bytes]) -> Result {
        // Big-endian keys keep their order, as its documentation asks.
        if let [record] = records {
            self.records.insert(first.to_be_bytes(), &record[..])?;
            return Ok(self.database.persist(PersistMode::SyncData)?);
        }
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (key, record) in (first..).zip(records) {
            batch.insert(&self.records, key.to_be_bytes(), &record[..]);
        }
        Ok(batch.commit()?)
    }
}

fn reopen_count(dir: &Path, payloads: &Payloads) -> Result<u64> {
    let fjall = open_database(dir)?;
    let mut count = 0;
    for row in fjall.records.iter() {
        let (key, record) = row.into_inner()?;
        let key = key.first_chunk().ok_or("fjall gave a short key back")?;
        payloads.check(u64::from_be_bytes(*key), &record)?;
        count += 1;
    }
    Ok(count)
}
