//! The storages that are tortured, each opened as its users open it.

use std::{path::Path, sync::Arc, time::Duration};

use syncline_core::{Result, port::QueueStorage};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;
use syncline_sql::queue::{SqliteQueueConfig, SqliteQueueStorage};

use super::bug::Bug;
use crate::directory;

/// Small enough that a run of a few milliseconds rotates at times.
const SEGMENT_BYTES: u64 = 64 << 10;

/// Where the items are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// A journal, which one process has.
    Journal,
    /// A file of SQLite, which many share.
    Sqlite,
}

impl Kind {
    /// How long a worker has. Where one process has the queue, its end ends every lease.
    pub(super) const fn lease(self) -> Duration {
        match self {
            Self::Journal => Duration::from_secs(600),
            Self::Sqlite => Duration::from_secs(3),
        }
    }
}

/// A storage that is open.
pub(super) struct Store {
    pub(super) queue: Arc<dyn QueueStorage>,
    journal: Option<Journal>,
}

impl Store {
    /// Opens the queue below `dir`, or makes it.
    ///
    /// # Errors
    ///
    /// What the storage says.
    pub(super) fn open(kind: Kind, dir: &Path, bug: Bug) -> Result<Self> {
        match kind {
            Kind::Journal => {
                let config = Config { segment_bytes: SEGMENT_BYTES, planted: bug.journal, ..Config::default() };
                let journal = Journal::open(directory::disk(dir)?, config)?.journal;
                let queue = JournalQueueStorage::open(&journal, "jobs")?.with_planted(bug.queue);
                Ok(Self { queue: Arc::new(queue), journal: Some(journal) })
            }
            Kind::Sqlite => {
                let config = SqliteQueueConfig {
                    path: dir.join("queue.db"),
                    patience: Duration::from_secs(20),
                    ..SqliteQueueConfig::default()
                };
                Ok(Self { queue: Arc::new(SqliteQueueStorage::open(config)?), journal: None })
            }
        }
    }

    /// Ends it in order.
    ///
    /// # Errors
    ///
    /// What the journal says.
    pub(super) fn close(self) -> Result<()> {
        drop(self.queue);
        self.journal.map_or(Ok(()), |journal| journal.close())
    }
}
