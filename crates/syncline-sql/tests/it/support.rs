//! What the tests share: records, keys, archives in a directory of their own.

use std::path::{Path, PathBuf};

use syncline_core::{Body, ContentType, Key, NodeId, Record, SecretKey, Version, WallTime};
use syncline_sql::{SqliteArchive, SqliteConfig, sqlite::KeyRing};
use tempfile::TempDir;

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn version(millis: u64) -> Version {
    Version::new(WallTime::from_millis(millis), 0, NodeId::new(7))
}

pub(crate) fn put(name: &str, millis: u64, content: &str) -> Record {
    let body = Body::put(ContentType::Json, content.to_owned());
    Record { key: key(name), version: version(millis), body, expires_at: None }
}

pub(crate) fn tombstone(name: &str, millis: u64) -> Record {
    Record { key: key(name), version: version(millis), body: Body::Deleted, expires_at: None }
}

pub(crate) fn secret(byte: u8) -> SecretKey {
    SecretKey::new([byte; 32]).unwrap()
}

pub(crate) fn ring(current: Option<u8>, older: &[u8]) -> KeyRing {
    KeyRing {
        current: current.map(secret),
        older: older.iter().map(|byte| secret(*byte)).collect(),
    }
}

/// A directory for one test, and the settings of an archive in it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) config: SqliteConfig,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = SqliteConfig { path: dir.path().join("archive.db"), readers: 2, ..SqliteConfig::default() };
        Self { dir, config }
    }

    pub(crate) fn with_keys(current: Option<u8>, older: &[u8]) -> Self {
        Self::new().keys(current, older)
    }

    pub(crate) fn keys(mut self, current: Option<u8>, older: &[u8]) -> Self {
        self.config.keys = ring(current, older);
        self
    }

    pub(crate) fn open(&self) -> SqliteArchive {
        SqliteArchive::open(self.config.clone()).unwrap()
    }

    pub(crate) fn open_error(&self) -> syncline_core::Error {
        SqliteArchive::open(self.config.clone()).unwrap_err()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.config.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A connection of somebody else's to the same file.
    pub(crate) fn stranger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// Changes the file behind the archive's back.
    pub(crate) fn tamper(&self, sql: &str) {
        self.stranger().execute_batch(sql).unwrap();
    }
}
