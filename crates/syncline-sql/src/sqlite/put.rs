//! Writing the rows of one batch: what is newer stands, and all is counted.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};
use syncline_core::{Body, Error, ErrorKind, Record, Result, Version, limits, port::Outcome, port::Random};

use super::{
    codec::{self, COLUMNS, COLUMNS_BUT_KEY, Stored},
    error::failed,
    keys::{CLEAR, Keys},
    seal::Nonces,
    state::State,
};

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was written.
    Written,
    /// It stood there already.
    Repeated,
    /// A newer one stands.
    Superseded {
        /// Its version.
        by: Version,
    },
}

impl From<Fate> for Outcome {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Written | Fate::Repeated => Self::Written,
            Fate::Superseded { by } => Self::Superseded { by },
        }
    }
}

/// The records of `batch` in the order of their keys, each with its place in the batch: neighbours in the index are
/// written one after the other.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] when there are too many, or a key is there twice.
pub(super) fn order(batch: &[Record]) -> Result<Vec<(usize, &Record)>> {
    if batch.len() > limits::ARCHIVE_BATCH_MAX {
        let message = format!("batch holds {} records, the most is {}", batch.len(), limits::ARCHIVE_BATCH_MAX);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let mut ordered: Vec<(usize, &Record)> = batch.iter().enumerate().collect();
    ordered.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
    for pair in ordered.windows(2) {
        if let [(_, a), (_, b)] = pair
            && a.key == b.key
        {
            return Err(Error::new(ErrorKind::Invalid, format!("batch holds the key {:?} twice", a.key)));
        }
    }
    Ok(ordered)
}

/// What stands under a key, as far as it is counted.
struct Standing {
    version: Version,
    is_tombstone: bool,
    size: u64,
    sealed_by: u32,
}

/// Writes rows within one transaction.
pub(super) struct Put<'a> {
    insert: CachedStatement<'a>,
    select: CachedStatement<'a>,
    update: CachedStatement<'a>,
    keys: &'a Keys,
    nonces: Nonces<'a>,
    /// Whether the last key was new: neighbours are alike, and a guess that holds saves a statement.
    was_new: bool,
    /// Rows more or fewer that need each key.
    sealed: BTreeMap<u32, i64>,
}

impl<'a> Put<'a> {
    pub(super) fn new(tx: &'a Transaction<'_>, keys: &'a Keys, random: &'a dyn Random) -> Result<Self> {
        let prepare = |sql: &str| tx.prepare_cached(sql).map_err(failed("rows cannot be written"));
        Ok(Self {
            insert: prepare(&format!(
                "INSERT INTO item ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
            ))?,
            select: prepare("SELECT version, content_type, size, sealed_by FROM item WHERE key = ?")?,
            update: prepare(&format!(
                "UPDATE item SET ({COLUMNS_BUT_KEY}) = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) WHERE key = ?1"
            ))?,
            keys,
            nonces: Nonces::new(random),
            was_new: true,
            sealed: BTreeMap::new(),
        })
    }

    /// Writes `record` if it is newer than what stands, and counts it in `state`.
    pub(super) fn put(&mut self, record: &Record, state: &mut State) -> Result<Fate> {
        let stored = codec::encode(record, self.keys, &mut self.nonces)?;
        match self.insert_or_find(record, &stored)? {
            None => {}
            Some(standing) if standing.version == record.version => return Ok(Fate::Repeated),
            Some(standing) if standing.version > record.version => {
                return Ok(Fate::Superseded { by: standing.version });
            }
            Some(standing) => {
                execute(&mut self.update, record, &stored)?;
                self.uncount(&standing, state);
            }
        }
        self.count(record, &stored, state);
        Ok(Fate::Written)
    }

    /// Inserts a row whose key is new, or finds what stands under it.
    fn insert_or_find(&mut self, record: &Record, stored: &Stored<'_>) -> Result<Option<Standing>> {
        if !self.was_new
            && let Some(standing) = self.standing(record)?
        {
            return Ok(Some(standing));
        }
        self.was_new = execute(&mut self.insert, record, stored)? == 1;
        if self.was_new {
            return Ok(None);
        }
        self.standing(record)?.map(Some).ok_or_else(|| {
            let message = format!("item {:?} is in the index and not in the table, restore a backup", record.key);
            Error::new(ErrorKind::Corrupt, message)
        })
    }

    fn standing(&mut self, record: &Record) -> Result<Option<Standing>> {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Standing {
                version: Version::from_bytes(row.get(0)?),
                is_tombstone: row.get::<_, u8>(1)? == codec::TOMBSTONE,
                size: row.get::<_, i64>(2)?.cast_unsigned(),
                sealed_by: row.get(3)?,
            })
        };
        let standing = self.select.query_row([record.key.as_bytes()], read).optional();
        standing.map_err(failed("a row cannot be read"))
    }

    fn count(&mut self, record: &Record, stored: &Stored<'_>, state: &mut State) {
        match record.body {
            Body::Put { .. } => state.items += 1,
            Body::Deleted => state.tombstones += 1,
        }
        state.content_bytes += stored.meta.size;
        state.high_water = state.high_water.max(record.version);
        self.count_key(stored.meta.sealed_by, 1);
    }

    fn uncount(&mut self, standing: &Standing, state: &mut State) {
        let counted = if standing.is_tombstone { &mut state.tombstones } else { &mut state.items };
        // A damaged file may count less than it holds; `verify` tells.
        *counted = counted.saturating_sub(1);
        state.content_bytes = state.content_bytes.saturating_sub(standing.size);
        self.count_key(standing.sealed_by, -1);
    }

    fn count_key(&mut self, number: u32, by: i64) {
        if number != CLEAR {
            *self.sealed.entry(number).or_default() += by;
        }
    }

    /// How many more rows, or fewer, need each key now.
    pub(super) fn sealed(self) -> BTreeMap<u32, i64> {
        self.sealed
    }
}

fn execute(statement: &mut CachedStatement<'_>, record: &Record, stored: &Stored<'_>) -> Result<usize> {
    let Stored { meta, checksum, content } = stored;
    let values = params![
        record.key.as_bytes(),
        meta.version.to_bytes(),
        meta.content_type,
        meta.codec,
        meta.sealed_by,
        meta.expires_at.map(|at| at.as_millis().cast_signed()),
        meta.size.cast_signed(),
        checksum,
        meta.hash,
        content.as_deref(),
    ];
    statement.execute(values).map_err(failed("a row cannot be written"))
}
