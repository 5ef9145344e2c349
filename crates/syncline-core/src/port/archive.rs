//! The archive: ground truth (L3) of every item, one row a key.

use std::fmt::Debug;

use super::BoxFuture;
use crate::{ContentHash, ContentType, Key, Record, Result, Version, WallTime};

/// What became of one row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the archive's row now.
    Written,
    /// The archive held a newer version, which stands.
    Superseded {
        /// The version that stands.
        by: Version,
    },
}

/// What the archive knows of a key without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Version of the row.
    pub version: Version,
    /// Hash and type of its content; `None` for a tombstone.
    pub content: Option<(ContentHash, ContentType)>,
    /// When it ceases to exist.
    pub expires_at: Option<WallTime>,
}

/// Which rows [`Archive::scan`] returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixScan {
    /// Every key begins with these bytes; empty means all.
    pub prefix: String,
    /// Only keys greater than this one: the last key of the page before.
    pub after: Option<Key>,
    /// Most rows of the page.
    pub limit: usize,
}

/// One line of the feed: a row that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Place in the feed; grows with every line.
    pub seq: u64,
    /// Which item.
    pub key: Key,
    /// The version written.
    pub version: Version,
    /// Whether it was a delete.
    pub deleted: bool,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangePage {
    /// Lines after the cursor, in order; empty at the end of the feed.
    Lines(Vec<Change>),
    /// The cursor is older than what is kept: read all rows again, then go on from `head`.
    MustRefetch {
        /// The newest line's place.
        head: u64,
    },
}

/// What an archive holds, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveStats {
    /// Rows with content.
    pub items: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Bytes of content as submitted.
    pub content_bytes: u64,
    /// Place of the feed's newest line; 0 when there is none.
    pub feed_head: u64,
    /// Bytes it takes on disk.
    pub disk_bytes: u64,
}

/// Ground truth of every item.
///
/// # Contract
///
/// 1. `apply` is one transaction: after `Ok` all its rows survive loss of power; after an error whose kind is not
///    [`Unknown`](crate::ErrorKind::Unknown) none of them is there.
/// 2. A row is written only when its version is greater than the row's that stands; each is reported as
///    [`Outcome::Written`] or [`Outcome::Superseded`], in the order of the batch. An equal version is `Written` and changes
///    nothing, so that a batch can be repeated.
/// 3. A batch holds each key once; a batch that does not is [`Invalid`](crate::ErrorKind::Invalid) and changes nothing.
/// 4. Content comes back byte for byte, with its type, hash, version and expiry. What does not match its hash is
///    [`Corrupt`](crate::ErrorKind::Corrupt) and names the key.
/// 5. Keys are compared as bytes: no collation, no wildcard. `scan` returns keys in ascending byte order.
/// 6. Tombstones are rows: `get` and `scan` return them, with their version. The caller decides what they mean.
/// 7. `apply` adds one feed line per written row, in the same transaction, with a `seq` greater than all before; a repeat
///    adds none. `changes` returns lines in order and never one that a later reader could precede.
/// 8. `high_water` is no less than the version of any row ever written.
/// 9. Absent is `Ok(None)`; an archive that cannot answer is an error, never `None`.
/// 10. Every call is bounded in time: a backend that hangs is [`Unavailable`](crate::ErrorKind::Unavailable), or
///     [`Unknown`](crate::ErrorKind::Unknown) when a write may have happened.
/// 11. A cursor that the feed does not reach back to, or that lies beyond its head because another archive gave it, is
///     [`ChangePage::MustRefetch`]: lines are never left out in silence.
/// 12. More records or keys in a call than [`ARCHIVE_BATCH_MAX`](crate::limits::ARCHIVE_BATCH_MAX) are
///     [`Invalid`](crate::ErrorKind::Invalid), and nothing is written.
pub trait Archive: Debug + Send + Sync {
    /// Writes what is newer, in one transaction.
    ///
    /// # Errors
    ///
    /// By clause 1; [`Full`](crate::ErrorKind::Full) when there is no space.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the outcome unknown; repeating the batch is safe by clause 2.
    fn apply<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Result<Vec<Outcome>>>;

    /// The rows of `keys`, in their order.
    ///
    /// # Errors
    ///
    /// By clauses 4 and 9.
    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>>;

    /// What stands under `keys`, in their order, without content.
    ///
    /// # Errors
    ///
    /// By clause 9.
    fn heads<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Head>>>>;

    /// One page of rows in ascending order of keys. A page shorter than its limit is the last.
    ///
    /// # Errors
    ///
    /// By clauses 4 and 9.
    fn scan<'a>(&'a self, scan: &'a PrefixScan) -> BoxFuture<'a, Result<Vec<Record>>>;

    /// Up to `limit` lines of the feed after the place `after`.
    ///
    /// # Errors
    ///
    /// By clause 9.
    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<ChangePage>>;

    /// A version no smaller than any written.
    ///
    /// # Errors
    ///
    /// By clause 9.
    fn high_water(&self) -> BoxFuture<'_, Result<Version>>;

    /// Counts of what it holds.
    ///
    /// # Errors
    ///
    /// By clause 9.
    fn stats(&self) -> BoxFuture<'_, Result<ArchiveStats>>;
}
