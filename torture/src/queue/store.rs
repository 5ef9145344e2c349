//! The storages that are tortured, each opened as its users open it.

use std::{path::Path, sync::Arc, time::Duration};

use syncline_core::{Error, ErrorKind, Result, port::QueueStorage, rt};
use syncline_journal::{Config, Journal};
use syncline_queue::JournalQueueStorage;
use syncline_sql::{
    PostgresQueueConfig, PostgresQueueStorage,
    postgres::QueueTime,
    queue::{SqliteQueueConfig, SqliteQueueStorage},
};
use tokio::runtime::{Builder, Runtime};

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
    /// A database on a server, which may be killed as well; its URL is in the file `url` of the directory, whose path is the
    /// name of the queue.
    Postgres,
}

impl Kind {
    /// How long a worker has. Where one process has the queue, its end ends every lease.
    pub(super) const fn lease(self) -> Duration {
        match self {
            Self::Journal => Duration::from_secs(600),
            Self::Sqlite | Self::Postgres => Duration::from_secs(3),
        }
    }

    /// Whether a call may fail with `error` though its disk is sound: the server was killed under it.
    pub(super) fn may_fail(self, error: &Error) -> bool {
        self == Self::Postgres && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unknown)
    }

    /// Whether items leave in order where several take them at once, beside those of a lane, which always do.
    pub(super) const fn keeps_levels(self) -> bool {
        match self {
            Self::Journal | Self::Sqlite => true,
            Self::Postgres => false,
        }
    }
}

/// A storage that is open.
pub(super) struct Store {
    pub(super) queue: Arc<dyn QueueStorage>,
    journal: Option<Journal>,
    /// Drives the connections to a server.
    runtime: Option<Runtime>,
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
                Ok(Self { queue: Arc::new(queue), journal: Some(journal), runtime: None })
            }
            Kind::Sqlite => {
                let config = SqliteQueueConfig {
                    path: dir.join("queue.db"),
                    patience: Duration::from_secs(20),
                    ..SqliteQueueConfig::default()
                };
                Ok(Self { queue: Arc::new(SqliteQueueStorage::open(config)?), journal: None, runtime: None })
            }
            Kind::Postgres => Self::of_server(dir),
        }
    }

    fn of_server(dir: &Path) -> Result<Self> {
        let unavailable = |what: &'static str| move |error| Error::new(ErrorKind::Unavailable, what).with_source(error);
        let url = std::fs::read_to_string(dir.join("url")).map_err(unavailable("no URL of a database"))?;
        // All processes share the clock of this machine.
        let config = PostgresQueueConfig {
            url,
            queue: dir.display().to_string(),
            time: QueueTime::Caller,
            ..PostgresQueueConfig::default()
        };
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().map_err(unavailable("no runtime"))?;
        let queue = runtime.block_on(PostgresQueueStorage::open(config))?;
        Ok(Self { queue: Arc::new(queue), journal: None, runtime: Some(runtime) })
    }

    /// Waits for the end of a call of this storage.
    pub(super) fn wait_for<T>(&self, call: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(call),
            None => rt::block_on(call),
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
