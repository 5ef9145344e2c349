//! A queue by hand on redb: one table of what is ready, by level and number, and one of leases.
//!
//! Pushes and outcomes are durable by `Immediate`, claims are `None`: they reach the disk with the next commit that is durable.

use std::{path::Path, sync::Arc};

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction};

use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way, done},
};
use crate::Result;

/// redb.
pub(in super::super) const REDB: Kind = Kind {
    name: "redb",
    way: Way::Threads,
    open: |dir, jobs| done(open(dir, jobs)),
    left: |dir, jobs| done(left(dir, jobs)),
};

type Table = TableDefinition<'static, (u8, u64), &'static str>;
const READY: Table = Table::new("ready");
const LEASES: Table = Table::new("lease");
const LEVEL: u8 = 2;

#[derive(Clone)]
struct Redb {
    database: Arc<Database>,
    jobs: Arc<Jobs>,
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Box<dyn Store>> {
    let database = Database::create(dir.join("jobs.redb"))?;
    let transaction = database.begin_write()?;
    transaction.open_table(READY)?;
    transaction.open_table(LEASES)?;
    transaction.commit()?;
    Ok(Box::new(Redb { database: Arc::new(database), jobs: Arc::clone(jobs) }))
}

impl Redb {
    fn begin(&self, durability: Durability) -> Result<WriteTransaction> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        Ok(transaction)
    }

    fn push_all(&self, first: u64, count: usize) -> Result {
        let transaction = self.begin(Durability::Immediate)?;
        {
            let mut ready = transaction.open_table(READY)?;
            for number in (first..).take(count) {
                ready.insert((LEVEL, number), self.jobs.text(number))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn claim(&self, most: usize) -> Result<Vec<(u8, u64)>> {
        let transaction = self.begin(Durability::None)?;
        let mut claimed = Vec::with_capacity(most);
        {
            let (mut ready, mut leases) = (transaction.open_table(READY)?, transaction.open_table(LEASES)?);
            while claimed.len() < most
                && let Some((key, text)) = ready.pop_first()?
            {
                self.jobs.check(key.value().1, text.value().as_bytes())?;
                leases.insert(key.value(), text.value())?;
                claimed.push(key.value());
            }
        }
        transaction.commit()?;
        Ok(claimed)
    }

    fn complete(&self, claimed: &[(u8, u64)]) -> Result {
        let transaction = self.begin(Durability::Immediate)?;
        {
            let mut leases = transaction.open_table(LEASES)?;
            for key in claimed {
                leases.remove(key)?.ok_or("a lease was lost")?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl Store for Redb {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        done(Ok(Box::new(self.clone()) as Box<dyn Client>))
    }

    fn close(&self) -> Wait<'_, ()> {
        done(Ok(()))
    }
}

impl Client for Redb {
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
    let database = Database::open(dir.join("jobs.redb"))?;
    let (transaction, mut numbers) = (database.begin_read()?, Vec::new());
    for table in [READY, LEASES] {
        for row in transaction.open_table(table)?.iter()? {
            let (key, text) = row?;
            let number = key.value().1;
            jobs.check(number, text.value().as_bytes())?;
            numbers.push(number);
        }
    }
    Ok(numbers)
}
