//! Every bound that holds before configuration has a say, each with its unit.

/// Longest key, in bytes of UTF-8. Fits every SQL server's indexed binary column.
pub const KEY_BYTES_MAX: usize = 1_024;

/// Largest content of one item, in bytes, unless a configuration says less.
pub const CONTENT_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// Largest submission to a journal, in bytes: all records of one transaction together.
pub const SUBMISSION_BYTES_MAX: usize = 32 * 1_024 * 1_024;

/// Most keys in one call of an archive.
pub const ARCHIVE_BATCH_MAX: usize = 10_000;

/// How far ahead of the wall clock a version may be, in milliseconds, before it is refused.
pub const DRIFT_MS_MAX: u64 = 60_000;

// One item, its key and its framing must fit into one submission.
const _: () = assert!(CONTENT_BYTES_MAX + KEY_BYTES_MAX + 4_096 < SUBMISSION_BYTES_MAX);
