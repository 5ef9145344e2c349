//! Settings of an engine that finds its tiers by URL: plain data.

use std::{fmt, time::Duration};

use syncline_engine::EngineConfig;
use syncline_journal::KeyRing;

const MIB: usize = 1_024 * 1_024;

/// Settings of a [`SyncEngine`](super::SyncEngine). Plain data; what cannot work is refused by `start`.
#[derive(Clone)]
pub struct SyncEngineConfig {
    /// Cache (L2). `None` (default) works without one.
    pub redis_url: Option<String>,
    /// Archive (L3): `sqlite://path`, or `sqlite::memory:` for tests. `None` (default) works without one.
    pub sql_url: Option<String>,
    /// Most bytes of items kept in memory for readers. Default 256 MiB.
    pub l1_max_bytes: usize,
    /// Longest that a write waits for others to share its archive transaction, in milliseconds. Default 100.
    pub batch_flush_ms: u64,
    /// Most writes of one archive transaction. Default 1,000.
    pub batch_flush_count: usize,
    /// Bytes from which an archive transaction is not filled further. Default 1 MiB.
    pub batch_flush_bytes: usize,
    /// Directory of the journal. With `None` (default) there is none: a submit returns once the archive has committed.
    pub wal_path: Option<String>,
    /// Pressure from which eviction is aggressive and warnings are emitted, as a share of `memory_max_bytes`. Default 0.7.
    pub backpressure_warn: f64,
    /// Pressure from which writes are rejected, as a share of `memory_max_bytes`. Default 0.9.
    pub backpressure_critical: f64,
    /// Most bytes of writes that were accepted and are not archived yet. Default 256 MiB.
    pub memory_max_bytes: usize,
    /// Largest content of one item, in bytes. Default 8 MiB.
    pub content_bytes_max: usize,
    /// How long `shutdown` waits until everything is archived. Default 30 s.
    pub shutdown_deadline: Duration,
    /// Keys that journal and archive are encrypted with; none by default.
    pub keys: KeyRing,
}

impl Default for SyncEngineConfig {
    fn default() -> Self {
        let engine = EngineConfig::default();
        Self {
            redis_url: None,
            sql_url: None,
            l1_max_bytes: 256 * MIB,
            batch_flush_ms: 100,
            batch_flush_count: 1_000,
            batch_flush_bytes: MIB,
            wal_path: None,
            backpressure_warn: 0.7,
            backpressure_critical: 0.9,
            memory_max_bytes: engine.memory_max_bytes,
            content_bytes_max: engine.content_bytes_max,
            shutdown_deadline: engine.shutdown_deadline,
            keys: KeyRing::default(),
        }
    }
}

impl SyncEngineConfig {
    /// The engine's part of these settings.
    pub(super) fn engine(&self) -> EngineConfig {
        EngineConfig {
            memory_max_bytes: self.memory_max_bytes,
            l1_max_bytes: self.l1_max_bytes,
            content_bytes_max: self.content_bytes_max,
            archive_batch_age: Duration::from_millis(self.batch_flush_ms),
            archive_batch_count: self.batch_flush_count,
            archive_batch_bytes: self.batch_flush_bytes,
            shutdown_deadline: self.shutdown_deadline,
            ..EngineConfig::default()
        }
    }
}

impl fmt::Debug for SyncEngineConfig {
    /// URLs without credentials, keys by their ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncEngineConfig")
            .field("redis_url", &self.redis_url.as_deref().map(without_credentials))
            .field("sql_url", &self.sql_url.as_deref().map(without_credentials))
            .field("l1_max_bytes", &self.l1_max_bytes)
            .field("batch_flush_ms", &self.batch_flush_ms)
            .field("batch_flush_count", &self.batch_flush_count)
            .field("batch_flush_bytes", &self.batch_flush_bytes)
            .field("wal_path", &self.wal_path)
            .field("backpressure_warn", &self.backpressure_warn)
            .field("backpressure_critical", &self.backpressure_critical)
            .field("memory_max_bytes", &self.memory_max_bytes)
            .field("content_bytes_max", &self.content_bytes_max)
            .field("shutdown_deadline", &self.shutdown_deadline)
            .field("keys", &self.keys)
            .finish()
    }
}

/// `url` without user, password and parameters: either may hold a secret.
pub(super) fn without_credentials(url: &str) -> String {
    let (bare, parameters) = url.split_once('?').map_or((url, ""), |(bare, _)| (bare, "?…"));
    let Some((scheme, rest)) = bare.split_once("://") else { return format!("{bare}{parameters}") };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://…@{place}{parameters}"),
        None => format!("{scheme}://{rest}{parameters}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_document() {
        let config = SyncEngineConfig::default();
        assert_eq!((config.redis_url, config.sql_url, config.wal_path), (None, None, None));
        let bytes = (config.l1_max_bytes, config.batch_flush_bytes);
        assert_eq!(bytes, (256 * 1_024 * 1_024, 1_024 * 1_024));
        assert_eq!((config.batch_flush_ms, config.batch_flush_count), (100, 1_000));
        assert_eq!((config.backpressure_warn, config.backpressure_critical), (0.7, 0.9));
    }

    #[test]
    fn every_setting_of_the_engine_reaches_it() {
        let config = SyncEngineConfig {
            memory_max_bytes: 1,
            l1_max_bytes: 2,
            content_bytes_max: 3,
            batch_flush_ms: 4,
            batch_flush_count: 5,
            batch_flush_bytes: 6,
            shutdown_deadline: Duration::from_secs(7),
            ..Default::default()
        };
        let engine = config.engine();
        assert_eq!([engine.memory_max_bytes, engine.l1_max_bytes, engine.content_bytes_max], [1, 2, 3]);
        assert_eq!([engine.archive_batch_count, engine.archive_batch_bytes], [5, 6]);
        assert_eq!(
            (engine.archive_batch_age, engine.shutdown_deadline),
            (Duration::from_millis(4), Duration::from_secs(7))
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = syncline_core::SecretKey::new([0xab; 32]).unwrap();
        let config = SyncEngineConfig {
            redis_url: Some("redis://user:hunter2@host:6379/0?token=hunter2".into()),
            sql_url: Some("mysql://root:p@hunter2@host/db".into()),
            keys: KeyRing { current: Some(key), older: Vec::new() },
            ..Default::default()
        };
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("abab") && !shown.contains("user"), "{shown}");
        assert!(shown.contains("redis://…@host:6379/0?…") && shown.contains("mysql://…@host/db"), "{shown}");
        assert_eq!(without_credentials("sqlite::memory:"), "sqlite::memory:");
    }
}
