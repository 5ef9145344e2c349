//! The floor: SQLite alone, the same rows in the same order, one transaction a thousand, with the archive's durability and
//! memory for pages.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::TransactionBehavior;

use super::rows::Rows;
use crate::{Result, stores::connect_sqlite};

/// Rows of one transaction, as many as the engine's.
const TRANSACTION_ROWS: u64 = 1_000;
/// What the archive gives its writing connection and lets its WAL grow to: memory must not decide between the two.
const CACHE_KIB: i64 = 32 * 1_024;
const CHECKPOINT_PAGES: i64 = 8 * 1_024;

/// Writes all of `rows`, each transaction synced; returns how long it took.
pub(super) fn write(path: &Path, rows: &Rows) -> Result<Duration> {
    let mut connection = connect_sqlite(path)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.execute_batch("CREATE TABLE item (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, content BLOB)")?;
    let start = Instant::now();
    for first in (0..rows.count()).step_by(TRANSACTION_ROWS as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO item (key, content) VALUES (?1, ?2)")?;
            for place in first..rows.count().min(first + TRANSACTION_ROWS) {
                insert.execute((rows.key(place).as_bytes(), &rows.content(place)[..]))?;
            }
        }
        transaction.commit()?;
    }
    Ok(start.elapsed())
}

/// Opens the file again and compares every row; the archive's table has the same columns among its own.
pub(super) fn check(path: &Path, rows: &Rows) -> Result {
    let connection = connect_sqlite(path)?;
    let mut statement = connection.prepare("SELECT key, content FROM item ORDER BY key")?;
    let mut found = statement.query(())?;
    rows.check(|| match found.next()? {
        Some(row) => Ok(Some((row.get(0)?, row.get(1)?))),
        None => Ok(None),
    })
}
