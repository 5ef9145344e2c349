//! Settings of an engine: plain data with units, and the one check they need.

use std::time::Duration;

use syncline_core::{Error, ErrorKind, Result, limits};

use crate::admit;

/// Settings of an [`Engine`](crate::Engine). Plain data; what cannot work is refused by `start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Most bytes of records that were accepted and are not archived yet, their bookkeeping included. Beyond it submits wait.
    pub memory_max_bytes: usize,
    /// Most bytes of items kept in memory for readers, beside what is pending. 0 keeps none.
    pub l1_max_bytes: usize,
    /// Largest content of one item, in bytes.
    pub content_bytes_max: usize,
    /// How long a submit waits for room in memory, or in the journal's queue, while nothing at all moves. Then it is refused.
    pub admission_timeout: Duration,
    /// Records that fill a transaction of the archive, so that it goes at once. While more wait, it takes up to four times as
    /// many, for what one transaction costs is then shared by more.
    pub archive_batch_count: usize,
    /// Bytes of content that fill it, in the same way. One record always fits.
    pub archive_batch_bytes: usize,
    /// How long a record may wait for others to share its transaction. Nothing waits while somebody waits for the archive.
    pub archive_batch_age: Duration,
    /// How long one call of the archive may take before its outcome counts as unknown.
    pub archive_timeout: Duration,
    /// First delay after the archive failed; each further one doubles, less a random part of up to one half.
    pub archive_retry_base: Duration,
    /// Longest delay between two attempts. Attempts go on for ever: the journal holds what is not archived.
    pub archive_retry_max: Duration,
    /// How long `start` waits for the archive's first answer. Without one it starts all the same.
    pub connect_timeout: Duration,
    /// How long `shutdown` waits until everything is archived, and `flush` while the archive makes no progress.
    pub shutdown_deadline: Duration,
    /// Most superseded writes, and most quarantined ones, that are listed by name. All are counted.
    pub listed_max: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            memory_max_bytes: 256 * 1_024 * 1_024,
            l1_max_bytes: 256 * 1_024 * 1_024,
            content_bytes_max: limits::CONTENT_BYTES_MAX,
            admission_timeout: Duration::from_secs(5),
            archive_batch_count: 1_000,
            archive_batch_bytes: 1_024 * 1_024,
            archive_batch_age: Duration::from_millis(100),
            archive_timeout: Duration::from_secs(30),
            archive_retry_base: Duration::from_millis(50),
            archive_retry_max: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            shutdown_deadline: Duration::from_secs(30),
            listed_max: 1_000,
        }
    }
}

impl EngineConfig {
    /// Checks what plain data cannot rule out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] naming the field, its value and its bound.
    pub fn check(&self) -> Result<()> {
        let content_max = limits::SUBMISSION_BYTES_MAX - limits::KEY_BYTES_MAX - 4_096;
        between("content_bytes_max", self.content_bytes_max, 1, content_max)?;
        between("archive_batch_count", self.archive_batch_count, 1, limits::ARCHIVE_BATCH_MAX)?;
        // The largest item must fit, or it could never be admitted.
        let largest = admit::cost(self.content_bytes_max + limits::KEY_BYTES_MAX + 4_096);
        between("memory_max_bytes", self.memory_max_bytes, largest, usize::MAX >> 3)
    }
}

fn between(field: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("{field} is {value}, it must be between {least} and {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(config: EngineConfig, field: &str) {
        let error = config.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().starts_with(field), "{error}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_field() {
        EngineConfig::default().check().unwrap();
        check_refused(EngineConfig { content_bytes_max: 0, ..EngineConfig::default() }, "content_bytes_max is 0");
        check_refused(EngineConfig { content_bytes_max: 1 << 40, ..EngineConfig::default() }, "content_bytes_max");
        check_refused(EngineConfig { archive_batch_count: 0, ..EngineConfig::default() }, "archive_batch_count is 0");
        check_refused(EngineConfig { archive_batch_count: 10_001, ..EngineConfig::default() }, "archive_batch_count");
        check_refused(EngineConfig { memory_max_bytes: 8 << 20, ..EngineConfig::default() }, "memory_max_bytes");
    }
}
