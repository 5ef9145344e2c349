//! redb: one write transaction a commit, durable by `Immediate`, which is also its default.

use std::path::Path;

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::{
    Result,
    payload::Payloads,
    store::{Kind, Store, Writer},
};

/// redb.
pub(crate) const REDB: Kind = Kind { name: "redb", open, reopen_count };

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("record");

struct Redb {
    database: Database,
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    let database = Database::create(dir.join("records.redb"))?;
    let transaction = database.begin_write()?;
    transaction.open_table(TABLE)?;
    transaction.commit()?;
    Ok(Box::new(Redb { database }))
}

impl Store for Redb {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(&self.database))
    }

    fn close(self: Box<Self>) -> Result {
        Ok(())
    }
}

impl Writer for &Database {
    fn commit(&mut self, first: u64, records: &[Bytes]) -> Result {
        let mut transaction = self.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (key, record) in (first..).zip(records) {
                table.insert(key, &record[..])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn reopen_count(dir: &Path, payloads: &Payloads) -> Result<u64> {
    let database = Database::open(dir.join("records.redb"))?;
    let table = database.begin_read()?.open_table(TABLE)?;
    let mut count = 0;
    for row in table.iter()? {
        let (key, record) = row?;
        payloads.check(key.value(), record.value())?;
        count += 1;
    }
    Ok(count)
}
