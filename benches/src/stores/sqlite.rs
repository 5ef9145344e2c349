//! SQLite in WAL mode with `synchronous=FULL`, in both ways that its documentation allows many threads to write: one
//! connection behind a mutex, or one for each thread that waits its turn by `BEGIN IMMEDIATE` and a busy timeout.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::{
    Result,
    payload::Payloads,
    store::{Kind, Store, Writer},
};

/// All threads share one connection.
pub(crate) const SQLITE: Kind = Kind { name: "sqlite", open: open_shared, reopen_count };
/// Each thread has its own connection.
pub(crate) const SQLITE_CONNECTIONS: Kind = Kind { name: "sqlite_connections", open: open_each, reopen_count };

/// Longer than a turn, so that a waiting thread waits and does not err.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

struct Shared {
    connection: Mutex<Connection>,
}

struct Each {
    path: PathBuf,
    /// Stays open, so that the last writer to leave does not checkpoint inside the measurement.
    keeper: Mutex<Connection>,
}

/// A connection as every thread wants it.
pub(crate) fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if (mode.as_str(), synchronous) != ("wal", 2) {
        return Err(format!("sqlite opened with journal_mode {mode} and synchronous {synchronous}").into());
    }
    Ok(connection)
}

fn create(dir: &Path) -> Result<(PathBuf, Connection)> {
    let path = dir.join("records.db");
    let connection = connect(&path)?;
    connection.execute_batch("CREATE TABLE record (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)")?;
    Ok((path, connection))
}

fn open_shared(dir: &Path) -> Result<Box<dyn Store>> {
    let (_, connection) = create(dir)?;
    Ok(Box::new(Shared { connection: Mutex::new(connection) }))
}

fn open_each(dir: &Path) -> Result<Box<dyn Store>> {
    let (path, keeper) = create(dir)?;
    Ok(Box::new(Each { path, keeper: Mutex::new(keeper) }))
}

fn close(connection: Mutex<Connection>) -> Result {
    let connection = connection.into_inner().unwrap_or_else(PoisonError::into_inner);
    connection.close().map_err(|(_, error)| error.into())
}

fn insert(connection: &mut Connection, first: u64, records: &[Bytes]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached("INSERT INTO record (id, payload) VALUES (?1, ?2)")?;
        for (id, record) in (first..).zip(records) {
            statement.execute((id.cast_signed(), &record[..]))?;
        }
    }
    transaction.commit()
}

impl Store for Shared {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(&self.connection))
    }

    fn close(self: Box<Self>) -> Result {
        close(self.connection)
    }
}

impl Writer for &Mutex<Connection> {
    fn commit(&mut self, first: u64, records: &[Bytes]) -> Result {
        let mut connection = self.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(insert(&mut connection, first, records)?)
    }
}

impl Store for Each {
    fn writer(&self) -> Result<Box<dyn Writer + '_>> {
        Ok(Box::new(connect(&self.path)?))
    }

    fn close(self: Box<Self>) -> Result {
        close(self.keeper)
    }
}

impl Writer for Connection {
    /// Opening the WAL anew can be refused at once, whatever the timeout: asked again until it is not.
    fn commit(&mut self, first: u64, records: &[Bytes]) -> Result {
        loop {
            match insert(self, first, records) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
                other => return Ok(other?),
            }
        }
    }
}

fn reopen_count(dir: &Path, payloads: &Payloads) -> Result<u64> {
    let connection = connect(&dir.join("records.db"))?;
    let mut statement = connection.prepare("SELECT id, payload FROM record")?;
    let (mut rows, mut count) = (statement.query(())?, 0);
    while let Some(row) = rows.next()? {
        payloads.check(row.get::<_, i64>(0)?.cast_unsigned(), row.get_ref(1)?.as_blob()?)?;
        count += 1;
    }
    Ok(count)
}
