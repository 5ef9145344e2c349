//! A queue by hand on SQLite: WAL, `synchronous=FULL`, `BEGIN IMMEDIATE`, and a partial index of what is ready.
//!
//! All threads share the connections behind one mutex, which is faster here than one for each thread. Claims go through a
//! second connection with `synchronous=NORMAL`, which in WAL mode writes and does not sync.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, TransactionBehavior};

use super::super::{
    jobs::Jobs,
    store::{Client, Kind, Store, Wait, Way, done},
};
use crate::{Result, stores::connect_sqlite};

/// SQLite.
pub(in super::super) const SQLITE: Kind = Kind {
    name: "sqlite",
    way: Way::Threads,
    open: |dir, jobs| done(open(dir, jobs)),
    left: |dir, jobs| done(left(dir, jobs)),
};

const SCHEMA: &str = "
    CREATE TABLE job (id INTEGER PRIMARY KEY, prio INTEGER NOT NULL, leased INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0, lease_until INTEGER, payload TEXT NOT NULL);
    CREATE INDEX job_ready ON job (prio, id) WHERE leased = 0;
    CREATE INDEX job_lease ON job (lease_until) WHERE leased = 1;";
const PUSH: &str = "INSERT INTO job (id, prio, payload) VALUES (?1, 2, ?2)";
const CLAIM: &str = "
    UPDATE job SET leased = 1, attempt = attempt + 1, lease_until = unixepoch() + 300
    WHERE id IN (SELECT id FROM job WHERE leased = 0 ORDER BY prio, id LIMIT ?1) RETURNING id, attempt, payload";
const COMPLETE: &str = "DELETE FROM job WHERE id = ?1 AND attempt = ?2 AND leased = 1";

#[derive(Clone)]
struct Sqlite {
    connections: Arc<Mutex<Connections>>,
    jobs: Arc<Jobs>,
}

struct Connections {
    durable: Connection,
    claims: Connection,
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Box<dyn Store>> {
    let path = dir.join("jobs.db");
    let durable = connect_sqlite(&path)?;
    durable.execute_batch(SCHEMA)?;
    let claims = connect_sqlite(&path)?;
    claims.pragma_update(None, "synchronous", "normal")?;
    let connections = Arc::new(Mutex::new(Connections { durable, claims }));
    Ok(Box::new(Sqlite { connections, jobs: Arc::clone(jobs) }))
}

impl Sqlite {
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push_all(&self, first: u64, count: usize) -> Result {
        let mut connections = self.lock();
        let transaction = connections.durable.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(PUSH)?;
            for number in (first..).take(count) {
                insert.execute((number.cast_signed(), self.jobs.text(number)))?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Numbers and attempts.
    fn claim(&self, most: usize) -> Result<Vec<(i64, i64)>> {
        let mut connections = self.lock();
        let transaction = connections.claims.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut claimed = Vec::with_capacity(most);
        {
            let mut claim = transaction.prepare_cached(CLAIM)?;
            let mut rows = claim.query([i64::try_from(most)?])?;
            while let Some(row) = rows.next()? {
                let number: i64 = row.get(0)?;
                self.jobs.check(number.cast_unsigned(), row.get_ref(2)?.as_bytes()?)?;
                claimed.push((number, row.get(1)?));
            }
        }
        transaction.commit()?;
        Ok(claimed)
    }

    fn complete(&self, claimed: &[(i64, i64)]) -> Result {
        let mut connections = self.lock();
        let transaction = connections.durable.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut complete = transaction.prepare_cached(COMPLETE)?;
            for lease in claimed {
                if complete.execute(*lease)? != 1 {
                    return Err(format!("the lease on job {} was lost", lease.0).into());
                }
            }
        }
        Ok(transaction.commit()?)
    }
}

impl Store for Sqlite {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        done(Ok(Box::new(self.clone()) as Box<dyn Client>))
    }

    /// Dropping the last connection checkpoints.
    fn close(&self) -> Wait<'_, ()> {
        done(Ok(()))
    }
}

impl Client for Sqlite {
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
    let connection = connect_sqlite(&dir.join("jobs.db"))?;
    let mut statement = connection.prepare("SELECT id, payload FROM job")?;
    let (mut rows, mut numbers) = (statement.query(())?, Vec::new());
    while let Some(row) = rows.next()? {
        let number = row.get::<_, i64>(0)?.cast_unsigned();
        jobs.check(number, row.get_ref(1)?.as_bytes()?)?;
        numbers.push(number);
    }
    Ok(numbers)
}
