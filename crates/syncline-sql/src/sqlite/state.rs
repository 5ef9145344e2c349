//! The counters of the archive: one row, read and written in the transaction that changes what it counts.
//!
//! They are read again in every transaction, so that a second process on the same file is never overwritten.

use rusqlite::Connection;
use syncline_core::{Result, Version};

use super::error::failed;

/// The row `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) items: u64,
    pub(super) tombstones: u64,
    pub(super) content_bytes: u64,
    /// Seq of the newest line ever written.
    pub(super) feed_head: u64,
    /// Seq of the newest line that was removed.
    pub(super) feed_tail: u64,
    pub(super) feed_bytes: u64,
    pub(super) high_water: Version,
}

impl State {
    /// The row as it stands.
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let unreadable = failed("the counters cannot be read");
        let mut statement = connection
            .prepare_cached(
                "SELECT items, tombstones, content_bytes, feed_head, feed_tail, feed_bytes, high_water FROM state",
            )
            .map_err(&unreadable)?;
        let (state, high_water) = statement
            .query_row([], |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
                let state = Self {
                    items: count(0)?,
                    tombstones: count(1)?,
                    content_bytes: count(2)?,
                    feed_head: count(3)?,
                    feed_tail: count(4)?,
                    feed_bytes: count(5)?,
                    high_water: Version::ZERO,
                };
                Ok((state, row.get::<_, Vec<u8>>(6)?))
            })
            .map_err(&unreadable)?;
        Ok(Self { high_water: Version::from_slice(&high_water)?, ..state })
    }

    /// Writes the row.
    pub(super) fn save(&self, connection: &Connection) -> Result<()> {
        let unwritable = failed("the counters cannot be written");
        let mut statement = connection
            .prepare_cached(
                "UPDATE state SET items = ?, tombstones = ?, content_bytes = ?, feed_head = ?, feed_tail = ?, \
                 feed_bytes = ?, high_water = ?",
            )
            .map_err(&unwritable)?;
        let counts = [self.items, self.tombstones, self.content_bytes, self.feed_head, self.feed_tail, self.feed_bytes];
        let [items, tombstones, content_bytes, head, tail, feed_bytes] = counts.map(u64::cast_signed);
        let values =
            rusqlite::params![items, tombstones, content_bytes, head, tail, feed_bytes, self.high_water.to_bytes()];
        statement.execute(values).map(drop).map_err(&unwritable)
    }
}
