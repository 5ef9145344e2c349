//! How a directory is opened: its settings, keys and parts.

use std::{path::PathBuf, sync::Arc};

use syncline_core::{
    Result, SecretKey,
    port::{Clock, Random},
    rt::{SystemClock, SystemRandom},
};
use syncline_engine::EngineConfig;
use syncline_journal::{self as journal, KeyRing};
use syncline_queue::QueueConfig;

use crate::{directory::Syncline, layout::Layout};

/// Settings, keys and parts of a directory that is about to be opened.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> syncline::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let key = syncline::SecretKey::new([7; 32])?;
/// let syncline = syncline::Syncline::builder(dir).key(key).open().await?;
/// assert!(syncline.inspect().await?.key_id.is_some());
/// syncline.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct Builder {
    pub(crate) layout: Layout,
    pub(crate) keys: KeyRing,
    pub(crate) engine: EngineConfig,
    pub(crate) journal: journal::Config,
    pub(crate) archive: Option<syncline_sql::SqliteConfig>,
    pub(crate) queues: QueueConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Builder {
    /// Opens `dir` with defaults, unencrypted.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            layout: Layout::new(dir),
            keys: KeyRing::default(),
            engine: EngineConfig::default(),
            journal: journal::Config::default(),
            archive: None,
            queues: QueueConfig::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Encrypts all that is written from now on, in journal and archive alike.
    pub fn key(mut self, key: SecretKey) -> Self {
        self.keys.current = Some(key);
        self
    }

    /// Adds a key of before, still needed to read what it encrypted.
    pub fn older_key(mut self, key: SecretKey) -> Self {
        self.keys.older.push(key);
        self
    }

    /// All keys at once, in place of those given so far.
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = keys;
        self
    }

    /// Settings of the engine.
    pub fn engine(mut self, config: EngineConfig) -> Self {
        self.engine = config;
        self
    }

    /// Settings of the journal. Its keys are the directory's, whatever this says.
    pub fn journal(mut self, config: journal::Config) -> Self {
        self.journal = config;
        self
    }

    /// Settings of the archive. Its path and keys are the directory's, whatever this says.
    pub fn archive(mut self, config: syncline_sql::SqliteConfig) -> Self {
        self.archive = Some(config);
        self
    }

    /// Settings of the queues that are [opened](Syncline::queue) without their own; the defaults unless this is called. A path and
    /// encryption are the directory's affair: a queue is refused that asks for them.
    pub fn queues(mut self, config: QueueConfig) -> Self {
        self.queues = config;
        self
    }

    /// Where time comes from: for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where randomness comes from: for tests.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Opens the directory, recovering what a crash left, and starts its engine.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) naming who holds it; [`Denied`](crate::ErrorKind::Denied) for a wrong key or
    /// missing permissions; [`Corrupt`](crate::ErrorKind::Corrupt) naming what is damaged;
    /// [`Invalid`](crate::ErrorKind::Invalid) for a format newer than this program or settings that cannot work;
    /// [`Full`](crate::ErrorKind::Full) without space. What the directory holds is not changed then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets go of the directory once the step under way has ended.
    pub async fn open(self) -> Result<Syncline> {
        Syncline::open_with(self).await
    }

    pub(crate) fn journal_config(&self) -> journal::Config {
        journal::Config { keys: self.keys.clone(), ..self.journal.clone() }
    }

    pub(crate) fn archive_config(&self) -> syncline_sql::SqliteConfig {
        let keys = syncline_sql::sqlite::KeyRing { current: self.keys.current.clone(), older: self.keys.older.clone() };
        syncline_sql::SqliteConfig { path: self.layout.archive(), keys, ..self.archive.clone().unwrap_or_default() }
    }
}
