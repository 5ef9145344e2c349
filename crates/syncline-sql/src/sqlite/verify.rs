//! Reading everything back: every row against its checksum and hash, every counter against what it counts.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use syncline_core::{Body, Error, ErrorKind, Record, Result, Version};

use super::{
    KeyRing,
    codec::{self, COLUMNS},
    error::failed,
    feed,
    keys::{self, CLEAR, Keys},
    state::State,
};

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Rows read back.
    pub rows: u64,
    /// Rows there are.
    pub of: u64,
}

/// What a verification proved to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Items whose content matches its hash.
    pub items: u64,
    /// Items of them whose content is encrypted.
    pub encrypted: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Bytes of content as submitted.
    pub content_bytes: u64,
    /// Lines of the feed, without a gap.
    pub feed_lines: u64,
}

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 1_024;

/// Reads everything that `connection` sees, from one snapshot.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] with the number of damaged rows and the first of them, or with what does not add up;
/// [`ErrorKind::Denied`] when a key is missing.
pub(super) fn verify(
    connection: &mut Connection,
    ring: &KeyRing,
    mut progress: impl FnMut(VerifyProgress),
) -> Result<Verified> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred);
    let tx = tx.map_err(failed("no snapshot can be taken"))?;
    let state = State::load(&tx)?;
    check_structure(&tx)?;
    let keys = Keys::open_to_read(&tx, ring)?;
    let rows = read_rows(&tx, &keys, state.items + state.tombstones, &mut progress)?;
    let feed_lines = read_feed(&tx, &state)?;
    check_counts(&tx, &rows, &state)?;
    let encrypted = rows.sealed.values().sum();
    Ok(Verified { encrypted, feed_lines, ..rows.verified })
}

/// SQLite's own check: pages, indexes, and that table and index hold the same rows.
fn check_structure(tx: &Transaction<'_>) -> Result<()> {
    let found = tx.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match found.map_err(failed("the structure of the file cannot be checked"))?.as_str() {
        "ok" => Ok(()),
        damage => Err(corrupt(format!("the file is damaged, restore a backup: {damage}"))),
    }
}

#[derive(Default)]
struct Rows {
    verified: Verified,
    high_water: Version,
    /// Rows that need each key.
    sealed: BTreeMap<u32, u64>,
}

impl Rows {
    fn count(&mut self, record: &Record, sealed_by: u32) {
        match record.body {
            Body::Put { .. } => self.verified.items += 1,
            Body::Deleted => self.verified.tombstones += 1,
        }
        self.verified.content_bytes += record.body.content_len() as u64;
        self.high_water = self.high_water.max(record.version);
        if sealed_by != CLEAR {
            *self.sealed.entry(sealed_by).or_default() += 1;
        }
    }
}

fn read_rows(tx: &Transaction<'_>, keys: &Keys, of: u64, progress: &mut impl FnMut(VerifyProgress)) -> Result<Rows> {
    let unreadable = failed("rows cannot be read");
    // In the order of the file, not of the keys.
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM item ORDER BY id")).map_err(&unreadable)?;
    let mut rows = statement.query([]).map_err(&unreadable)?;
    let mut counted = Rows::default();
    let mut damage = Damage::default();
    let mut read = 0;
    while let Some(row) = rows.next().map_err(&unreadable)? {
        match codec::read(row, keys) {
            Ok(record) => counted.count(&record, row.get(codec::SEALED_BY).map_err(&unreadable)?),
            Err(error) if error.kind() == ErrorKind::Corrupt => damage.note(&error),
            Err(error) => return Err(error),
        }
        read += 1;
        if read % REPORT_EVERY == 0 {
            progress(VerifyProgress { rows: read, of });
        }
    }
    progress(VerifyProgress { rows: read, of });
    damage.into_result(read).map(|()| counted)
}

/// Rows that are not what was written: how many, and the first, so that a report stays short.
#[derive(Default)]
struct Damage {
    rows: u64,
    first: Option<Error>,
}

impl Damage {
    fn note(&mut self, error: &Error) {
        self.rows += 1;
        self.first.get_or_insert_with(|| error.share());
    }

    fn into_result(self, of: u64) -> Result<()> {
        let rows = self.rows;
        self.first
            .map_or(Ok(()), |first| Err(first.context(format_args!("{rows} of {of} rows are damaged, the first"))))
    }
}

fn read_feed(tx: &Transaction<'_>, state: &State) -> Result<u64> {
    let (mut last, mut bytes) = (state.feed_tail, 0);
    feed::each_chunk(tx, 0, |chunk| {
        chunk.decode()?;
        if chunk.first != last + 1 {
            return Err(corrupt(format!("the feed goes on with line {} after line {last}", chunk.first)));
        }
        last = chunk.last;
        bytes += chunk.bytes.len() as u64;
        Ok(true)
    })?;
    check("lines of the feed", last, state.feed_head)?;
    check("bytes of the feed", bytes, state.feed_bytes)?;
    Ok(state.feed_head - state.feed_tail)
}

fn check_counts(tx: &Transaction<'_>, rows: &Rows, state: &State) -> Result<()> {
    check("items", rows.verified.items, state.items)?;
    check("tombstones", rows.verified.tombstones, state.tombstones)?;
    check("bytes of content", rows.verified.content_bytes, state.content_bytes)?;
    for (number, counted) in keys::counts(tx)? {
        check("encrypted rows", rows.sealed.get(&number).copied().unwrap_or(0), counted)?;
    }
    if rows.high_water > state.high_water {
        let message = format!("a row has the version {}, above the greatest, {}", rows.high_water, state.high_water);
        return Err(corrupt(message));
    }
    Ok(())
}

fn check(what: &str, found: u64, counted: u64) -> Result<()> {
    if found == counted {
        Ok(())
    } else {
        Err(corrupt(format!("{found} {what} are there and {counted} were counted")))
    }
}

fn corrupt(message: String) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}
