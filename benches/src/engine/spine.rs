//! An engine as a user has it: a journal and an SQLite archive in one directory, every setting as it is by default.

use std::{path::Path, sync::Arc};

use syncline_engine::{Engine, EngineConfig, Parts};
use syncline_journal::{Config, FileDisk, Journal};
use syncline_sql::{SqliteArchive, SqliteConfig};

use crate::Result;

/// The archive's file in its directory.
pub(super) const ARCHIVE: &str = "archive.db";

/// A running engine and what it stands on.
pub(super) struct Spine {
    pub(super) engine: Engine,
    journal: Journal,
    archive: Arc<SqliteArchive>,
}

/// Opens all of it in `dir`.
pub(super) async fn start(dir: &Path) -> Result<Spine> {
    let journal = Journal::open(Arc::new(FileDisk::open(dir.join("journal"))?), Config::default())?.journal;
    let archive = Arc::new(SqliteArchive::open(SqliteConfig { path: dir.join(ARCHIVE), ..SqliteConfig::default() })?);
    let engine = Engine::new(EngineConfig::default());
    let parts = Parts {
        journal: Some(journal.clone()),
        archive: Some(archive.clone()),
        ..Parts::default()
    };
    engine.start(parts).await?;
    Ok(Spine { engine, journal, archive })
}

impl Spine {
    /// Ends all of it in order; nothing may be left behind.
    pub(super) async fn stop(self) -> Result {
        let report = self.engine.shutdown().await;
        self.journal.close()?;
        self.archive.close()?;
        match report.pending_left {
            0 => Ok(()),
            left => Err(format!("{left} records were not archived at the end").into()),
        }
    }
}
