//! Settings of a queue: plain data.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use syncline_core::{Error, ErrorKind, Result};

use super::SqliteConfig;

/// Longest name of a queue, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Memory for pages in the writing connection.
const WRITER_CACHE_BYTES: usize = 16 * 1_024 * 1_024;
/// Bytes of finished transactions that wait beside the file: a queue writes the same few pages again and again.
const CHECKPOINT_BYTES: u64 = 8 * 1_024 * 1_024;

/// Settings of a [`SqliteQueueStorage`](super::SqliteQueueStorage). [`Default`] is right for most, but for path and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteQueueConfig {
    /// The file. It is made, with its directory, where it is missing. Default `queue.db` in the working directory.
    pub path: PathBuf,
    /// The queue in it, which is made where it is missing; 1 to 255 bytes. Default `default`.
    pub queue: String,
    /// Longest wait for the write lock that another process holds; then a call is `Unavailable`. Default 5 s.
    pub patience: Duration,
    /// Longest that a call may take in all before it is `Unavailable`, or `Unknown` where it may have happened. Default
    /// 30 s; it should be longer than the patience.
    pub deadline: Duration,
    /// Largest that the file may grow, in bytes; then what needs room is `Full`. `None` (default) leaves it to the disk.
    pub disk_bytes_max: Option<u64>,
}

impl Default for SqliteQueueConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("queue.db"),
            queue: "default".to_owned(),
            patience: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
            disk_bytes_max: None,
        }
    }
}

impl SqliteQueueConfig {
    /// The same with a path that is absolute: SQLite would take a relative one that begins with `file:` for something else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a path or a name that cannot be one.
    pub(super) fn checked(self) -> Result<Self> {
        if self.queue.is_empty() || self.queue.len() > NAME_BYTES_MAX {
            let message =
                format!("the name of a queue has 1 to {NAME_BYTES_MAX} bytes, this one has {}", self.queue.len());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let path = std::path::absolute(&self.path).map_err(|source| {
            Error::new(ErrorKind::Invalid, format!("{:?} is no path of a file", self.path)).with_source(source)
        })?;
        Ok(Self { path, ..self })
    }

    /// What the connections are opened with.
    pub(super) fn connections(&self) -> SqliteConfig {
        SqliteConfig {
            path: self.path.clone(),
            deadline: self.deadline,
            busy_timeout: self.patience,
            writer_cache_bytes: WRITER_CACHE_BYTES,
            checkpoint_bytes: CHECKPOINT_BYTES,
            disk_bytes_max: self.disk_bytes_max,
            ..SqliteConfig::default()
        }
    }

    /// Says of an error which queue it is about.
    pub(super) fn named(&self, error: Error) -> Error {
        error.context(format_args!("queue {:?} in {}", self.queue, Path::display(&self.path)))
    }
}
