//! Settings of the archive: plain data.

use std::{path::PathBuf, time::Duration};

use syncline_core::SecretKey;

/// Settings of a [`SqliteArchive`](super::SqliteArchive). [`Default`] is right for most, but for the path.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The file. It is made, with its directory, where it is missing. Default `archive.db` in the working directory.
    pub path: PathBuf,
    /// Keys for encryption; none by default.
    pub keys: KeyRing,
    /// Threads that read, each with a connection; 0 counts as 1. Default 4: reads wait for the disk, not for a processor.
    pub readers: usize,
    /// Most reads that may wait for a thread; further ones wait outside, within their deadline. Default 256.
    pub reads_waiting_max: usize,
    /// Longest that a call may take before it is `Unavailable`, or `Unknown` for a write. Default 30 s.
    pub deadline: Duration,
    /// Longest wait for a lock that another process holds. Default 5 s.
    pub busy_timeout: Duration,
    /// Memory for pages in the writing connection, in bytes. Default 32 MiB: random keys touch pages all over the index.
    pub writer_cache_bytes: usize,
    /// Memory for pages in each reading connection, in bytes. Default 4 MiB.
    pub reader_cache_bytes: usize,
    /// Bytes of finished transactions that wait beside the file until they are moved into it. Default 32 MiB: a page that
    /// is written again meanwhile is moved once.
    pub checkpoint_bytes: u64,
    /// Largest that the file may grow, in bytes; then writes are `Full`. `None` (default) leaves it to the disk.
    pub disk_bytes_max: Option<u64>,
    /// How much of the feed is kept.
    pub feed: FeedRetention,
}

/// The keys that content is encrypted with.
///
/// What is encrypted: content. Its hash is masked, so that equal content of two items does not show. What is not: keys of
/// items, versions, content types, sizes and times of expiry, which the archive searches and compares.
///
/// Rows written before a key was given stay as they are until they are written again. A key that was replaced has to stay
/// among `older` until no row needs it; opening says so when one is missing.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// Encrypts what is written from now on; `None` writes in clear.
    pub current: Option<SecretKey>,
    /// Keys of before, still needed to read what they encrypted.
    pub older: Vec<SecretKey>,
}

/// How much of the feed is kept: what is beyond any of these bounds goes, oldest first, some with every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedRetention {
    /// Most lines. Default 1,000,000.
    pub lines_max: u64,
    /// Most bytes. Default 64 MiB.
    pub bytes_max: u64,
    /// Greatest age. Default 7 days: a reader may be away for a week without reading everything again.
    pub age_max: Duration,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("archive.db"),
            keys: KeyRing::default(),
            readers: 4,
            reads_waiting_max: 256,
            deadline: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            writer_cache_bytes: 32 * 1_024 * 1_024,
            reader_cache_bytes: 4 * 1_024 * 1_024,
            checkpoint_bytes: 32 * 1_024 * 1_024,
            disk_bytes_max: None,
            feed: FeedRetention::default(),
        }
    }
}

impl Default for FeedRetention {
    fn default() -> Self {
        Self {
            lines_max: 1_000_000,
            bytes_max: 64 * 1_024 * 1_024,
            age_max: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}

impl KeyRing {
    /// Every key on it.
    pub(super) fn all(&self) -> impl Iterator<Item = &SecretKey> {
        self.current.iter().chain(&self.older)
    }
}
