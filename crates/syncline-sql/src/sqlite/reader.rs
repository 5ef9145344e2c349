//! A connection that reads: every question is answered from one snapshot.

use std::{fs, path::PathBuf, sync::Arc};

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use syncline_core::{
    Error, ErrorKind, Key, Record, Result, Version, limits,
    port::{ArchiveStats, ChangePage, Head, PrefixScan},
};

use super::{
    SqliteConfig, codec,
    codec::{COLUMNS, HEAD_COLUMNS},
    connect::{self, PAGE_BYTES},
    error::failed,
    feed,
    keys::Keys,
    state::State,
};

/// What the archive takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages of the file.
    pub pages: u64,
    /// Pages of it that are free for what is written next.
    pub free_pages: u64,
    /// Bytes of the files beside it: transactions not yet moved into it, and their index.
    pub beside_bytes: u64,
}

/// Owned by one reading thread.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    keys: Arc<Keys>,
    path: PathBuf,
}

impl Reader {
    pub(super) fn open(config: &SqliteConfig, keys: Arc<Keys>) -> Result<Self> {
        let connection = connect::open_reader(&config.path, config)?;
        Ok(Self { connection, keys, path: config.path.clone() })
    }

    pub(super) fn get(&mut self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let sealers = Arc::clone(&self.keys);
        let sql = format!("SELECT {COLUMNS} FROM item WHERE key = ?");
        each(&self.snapshot()?, &sql, keys, |row| codec::read(row, &sealers))
    }

    pub(super) fn heads(&mut self, keys: &[Key]) -> Result<Vec<Option<Head>>> {
        let sealers = Arc::clone(&self.keys);
        let sql = format!("SELECT {HEAD_COLUMNS} FROM item WHERE key = ?");
        each(&self.snapshot()?, &sql, keys, |row| codec::read_head(row, &sealers))
    }

    pub(super) fn scan(&mut self, scan: &PrefixScan) -> Result<Vec<Record>> {
        let (from, below) = range(scan);
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        let unreadable = failed("rows cannot be read");
        let mut statement = self.connection.prepare_cached(&scan_sql()).map_err(&unreadable)?;
        let mut rows = statement.query(params![from, below, limit]).map_err(&unreadable)?;
        let mut page = Vec::new();
        while let Some(row) = rows.next().map_err(&unreadable)? {
            page.push(codec::read(row, &self.keys)?);
        }
        Ok(page)
    }

    pub(super) fn changes(&mut self, after: u64, limit: usize) -> Result<ChangePage> {
        feed::page(&*self.snapshot()?, after, limit)
    }

    pub(super) fn high_water(&mut self) -> Result<Version> {
        Ok(State::load(&self.connection)?.high_water)
    }

    pub(super) fn stats(&mut self) -> Result<ArchiveStats> {
        let state = State::load(&self.connection)?;
        let space = self.space()?;
        Ok(ArchiveStats {
            items: state.items,
            tombstones: state.tombstones,
            content_bytes: state.content_bytes,
            feed_head: state.feed_head,
            disk_bytes: space.pages * space.page_bytes + space.beside_bytes,
        })
    }

    pub(super) fn space(&mut self) -> Result<Space> {
        let ask = |pragma| {
            let pages = self.connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            pages.map(i64::cast_unsigned).map_err(failed("its size cannot be read"))
        };
        // SQLite makes and removes these as it needs them: absent is empty.
        let beside = ["-wal", "-shm"].map(|end| {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            fs::metadata(path).map_or(0, |file| file.len())
        });
        Ok(Space {
            page_bytes: PAGE_BYTES,
            pages: ask("page_count")?,
            free_pages: ask("freelist_count")?,
            beside_bytes: beside.iter().sum(),
        })
    }

    fn snapshot(&mut self) -> Result<Transaction<'_>> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Deferred);
        tx.map_err(failed("no snapshot can be taken"))
    }
}

/// The row of each key, asked for one by one: a key is one variable, so no number of them is too many for a statement.
fn each<T>(
    tx: &Transaction<'_>,
    sql: &str,
    keys: &[Key],
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    if keys.len() > limits::ARCHIVE_BATCH_MAX {
        let message = format!("{} keys are asked for at once, the most is {}", keys.len(), limits::ARCHIVE_BATCH_MAX);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let unreadable = failed("a row cannot be read");
    let mut statement = tx.prepare_cached(sql).map_err(&unreadable)?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let mut rows = statement.query([key.as_bytes()]).map_err(&unreadable)?;
        found.push(rows.next().map_err(&unreadable)?.map(&read).transpose()?);
    }
    Ok(found)
}

fn scan_sql() -> String {
    format!("SELECT {COLUMNS} FROM item WHERE key >= ? AND key < ? ORDER BY key LIMIT ?")
}

/// The keys of a page: from the first, which belongs to it, to the second, which does not.
fn range(scan: &PrefixScan) -> (Vec<u8>, Vec<u8>) {
    let prefix = scan.prefix.as_bytes();
    // No string stands between one and the same with a zero byte behind it.
    let after = scan.after.iter().flat_map(|key| key.as_bytes().iter().copied().chain([0]));
    let after: Vec<u8> = after.collect();
    let mut below = prefix.to_vec();
    match below.last_mut() {
        // UTF-8 has no byte 0xff, so this never overflows, and 0xff is greater than every key.
        Some(last) => *last = last.saturating_add(1),
        None => below.push(0xff),
    }
    (after.max(prefix.to_vec()), below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(prefix: &str, after: Option<&str>) -> PrefixScan {
        PrefixScan {
            prefix: prefix.to_owned(),
            after: after.map(|name| Key::new(name).unwrap()),
            limit: 1,
        }
    }

    #[test]
    fn a_prefix_is_a_range_of_bytes() {
        assert_eq!(range(&scan("ab", None)), (b"ab".to_vec(), b"ac".to_vec()));
        assert_eq!(range(&scan("", None)), (vec![], vec![0xff]));
        assert_eq!(range(&scan("ab", Some("ab.1"))), (b"ab.1\0".to_vec(), b"ac".to_vec()));
        assert_eq!(range(&scan("ab", Some("a"))), (b"ab".to_vec(), b"ac".to_vec()));
        assert_eq!(range(&scan("\u{10ffff}", None)), (vec![0xf4, 0x8f, 0xbf, 0xbf], vec![0xf4, 0x8f, 0xbf, 0xc0]));
    }

    #[test]
    fn a_scan_walks_the_index_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../schema/sqlite-v1.sql")).unwrap();
        let plan: Vec<String> = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {}", scan_sql()))
            .unwrap()
            .query_map(params![b"a", b"b", 1], |row| row.get(3))
            .unwrap()
            .map(Result::<_, _>::unwrap)
            .collect();
        assert_eq!(plan, ["SEARCH item USING INDEX sqlite_autoindex_item_1 (key>? AND key<?)"]);
    }
}
