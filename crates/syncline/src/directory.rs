//! One directory, and everything that stands on it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use syncline_core::{Result, port::Archive};
use syncline_engine::{Engine, Parts};
use syncline_journal::{FileDisk, Journal, Owner, RecoveryReport, Stream, Transaction};
use syncline_queue::{QueueConfig, QueueResult, SyncQueue};
use syncline_sql::SqliteArchive;

use crate::{
    Backup, Builder, Inspection, Left, Stats, Verified, backup, blocking, inspect::Facts, layout::Layout,
    queues::Queues,
};

/// One directory that this process holds: a journal, an archive, an engine over both, and any number of queues.
///
/// It is opened by [`open`](Self::open) and let go by [`shutdown`](Self::shutdown). Dropping it instead loses nothing that
/// was acknowledged; the next opening then has more to recover.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline::{Syncline, engine::SyncItem};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> syncline::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// let syncline = Syncline::open(dir).await?;
/// syncline.engine().submit(SyncItem::new("users.1".into(), json!({"name": "Ada"}))).await?;
/// // From here on the item survives `kill -9` and loss of power.
/// syncline.shutdown().await;
///
/// let syncline = Syncline::open(dir).await?;
/// let item = syncline.engine().get("users.1").await?;
/// assert_eq!(item.unwrap().content["name"], "Ada");
/// # syncline.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Syncline {
    layout: Layout,
    engine: Engine,
    journal: Journal,
    archive: Arc<SqliteArchive>,
    queues: Queues,
    facts: Facts,
}

/// What opening the files of a directory gives.
struct Files {
    journal: Journal,
    report: RecoveryReport,
    archive: Arc<SqliteArchive>,
}

impl Syncline {
    /// Opens `dir`, making it where it is missing, with defaults and unencrypted.
    ///
    /// # Errors
    ///
    /// As [`Builder::open`].
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(dir).open().await
    }

    /// Opens `dir` with settings, keys and parts of its own.
    pub fn builder(dir: impl Into<PathBuf>) -> Builder {
        Builder::new(dir)
    }

    pub(crate) async fn open_with(builder: Builder) -> Result<Self> {
        let engine = Engine::new(builder.engine.clone());
        let (clock, random, layout) = (Arc::clone(&builder.clock), Arc::clone(&builder.random), builder.layout.clone());
        let key_id = builder.keys.current.as_ref().map(|key| key.id());
        let of_queues = builder.queues.clone();
        let files = blocking::run("open directory", move || open_files(&builder)).await?;
        let Files { journal, report, archive } = files;
        let queues = Queues::new(journal.clone(), of_queues, Arc::clone(&clock));
        let parts = Parts {
            journal: Some(journal.clone()),
            archive: Some(Arc::clone(&archive) as Arc<dyn Archive>),
            clock,
            random,
        };
        let started = engine.start(parts).await;
        let facts = Facts { report, key_id };
        let syncline = Self { layout, engine, journal, archive, queues, facts };
        match started {
            Ok(()) => Ok(syncline),
            Err(error) => {
                syncline.close_files().await;
                Err(error)
            }
        }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        self.layout.dir()
    }

    /// The tiered store on this directory.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The queue called `name` on this directory, with the [settings of queues](Builder::queues) where it is opened by this call. The same name
    /// gives the same queue, until the directory is opened again.
    ///
    /// Queues stand beside the engine on one journal: the directory's encryption and compression are theirs, and
    /// [`transaction`](Self::transaction) reaches over all of them.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](syncline_queue::QueueError::InvalidConfig) for a [name](SyncQueue::check_name) that is none;
    /// [`StorageFull`](syncline_queue::QueueError::StorageFull) when 1,000 are open;
    /// [`Corrupted`](syncline_queue::QueueError::Corrupted) naming the record that cannot be read; what the journal says.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the queue open, and the next call gets it.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline::{Syncline, queue::{Priority, SyncItem}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let dir = dir.path();
    /// let syncline = Syncline::open(dir).await?;
    /// let mails = syncline.queue("mails").await?;
    /// mails.push(SyncItem::new(json!({"to": "ada@example.org"}), Priority::High)).await?;
    /// assert_eq!(syncline.queue("mails").await?.size(), 1);
    ///
    /// let left = syncline.shutdown().await;
    /// assert_eq!((left.queues[0].name.as_str(), left.queues[0].waiting), ("mails", 1));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn queue(&self, name: &str) -> QueueResult<SyncQueue> {
        self.queues.queue(name, None).await
    }

    /// [`queue`](Self::queue) with settings of its own. A path and encryption are the directory's affair and are refused.
    ///
    /// # Errors
    ///
    /// As [`queue`](Self::queue); [`InvalidConfig`](syncline_queue::QueueError::InvalidConfig) also for settings that make no
    /// sense, and when the queue is open with others.
    ///
    /// # Cancel safety
    ///
    /// As [`queue`](Self::queue).
    pub async fn queue_with(&self, name: &str, config: QueueConfig) -> QueueResult<SyncQueue> {
        self.queues.queue(name, Some(config)).await
    }

    /// The journal under everything in this directory.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Begins a transaction over engine, queues and any streams of this directory: all that is staged in it is there, or none
    /// is. See [`Engine::stage`], [`SyncQueue::stage`] and [`SyncQueue::stage_completed`].
    pub fn transaction(&self) -> Transaction {
        self.journal.transaction()
    }

    /// Registers the stream `name` for `owner`, who first hears of every record that is still needed.
    ///
    /// # Errors
    ///
    /// As [`Journal::stream`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the stream registered without a handle, until the directory is opened again.
    pub async fn stream(&self, name: impl Into<String>, owner: Arc<dyn Owner>) -> Result<Stream> {
        let (journal, name) = (self.journal.clone(), name.into());
        blocking::run("register stream", move || journal.stream(&name, owner)).await
    }

    /// Numbers, as they are now.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the archive does not answer.
    pub async fn stats(&self) -> Result<Stats> {
        let archive = self.archive.stats().await?;
        Ok(Stats::of(&archive, &self.journal.stats(), &self.engine.stats()))
    }

    /// Archives all that was accepted so far, then reads every row and every frame back and checks them.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) naming the first place that is not what was written;
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the archive does not answer.
    pub async fn verify(&self) -> Result<Verified> {
        self.engine.flush().await?;
        let (journal, archive) = (self.journal.clone(), Arc::clone(&self.archive));
        blocking::run("verify directory", move || {
            let frames = journal.verify()?;
            let rows = archive.verify(|_| {})?;
            Ok(Verified::of(&frames, &rows))
        })
        .await
    }

    /// Copies the archive, with every write acknowledged before the call, to the new or empty directory `dest`, while other
    /// work goes on, and checks the copy.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) when `dest` holds something; [`Full`](crate::ErrorKind::Full) without space
    /// for the copy; [`Corrupt`](crate::ErrorKind::Corrupt) when a row is damaged; [`Denied`](crate::ErrorKind::Denied).
    /// A copy that was not finished is no backup: [`restore`](crate::restore) refuses it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets the copy go on unheard.
    pub async fn backup(&self, dest: impl Into<PathBuf>) -> Result<Backup> {
        self.engine.flush().await?;
        let (archive, dest, key_id) = (Arc::clone(&self.archive), dest.into(), self.facts.key_id);
        blocking::run("back up directory", move || backup::make(&archive, &dest, key_id)).await
    }

    /// What an operator should know of the directory.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the directory cannot be listed.
    pub async fn inspect(&self) -> Result<Inspection> {
        let (journal, stats) = (self.journal.clone(), self.engine.stats());
        let (facts, layout) = (self.facts.clone(), self.layout.clone());
        blocking::run("inspect directory", move || Inspection::of(&facts, &layout, &journal, &stats)).await
    }

    /// Ends the queues, archives what is pending, each within its own deadline, and lets go of the directory. What is left
    /// stays in the journal, and the next opening goes on with it. A second call does nothing.
    pub async fn shutdown(&self) -> Left {
        let queues = self.queues.shutdown(None).await;
        let engine = self.engine.shutdown().await;
        self.close_files().await;
        Left { engine, queues }
    }

    /// As [`shutdown`](Self::shutdown), with this deadline for the queues and again for what is pending.
    pub async fn shutdown_within(&self, deadline: Duration) -> Left {
        let queues = self.queues.shutdown(Some(deadline)).await;
        let engine = self.engine.shutdown_within(deadline).await;
        self.close_files().await;
        Left { engine, queues }
    }

    /// Closes archive and journal. What fails here was reported to whoever waited for it; the operator hears of it too.
    async fn close_files(&self) {
        let (journal, archive) = (self.journal.clone(), Arc::clone(&self.archive));
        let closed = blocking::run("close directory", move || archive.close().and(journal.close())).await;
        if let Err(error) = closed {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "a directory did not close in order");
        }
    }
}

/// Opens the journal, whose lock is the directory's, then the archive.
fn open_files(builder: &Builder) -> Result<Files> {
    let disk = FileDisk::open(builder.layout.journal())?;
    let random = Arc::clone(&builder.random);
    let opened = Journal::with_random(Arc::new(disk), builder.journal_config(), random)?;
    let (clock, random) = (Arc::clone(&builder.clock), Arc::clone(&builder.random));
    match SqliteArchive::with_parts(builder.archive_config(), clock, random) {
        Ok(archive) => Ok(Files { journal: opened.journal, report: opened.report, archive: Arc::new(archive) }),
        Err(error) => {
            // Closed in order, so that a wrong key does not look like a crash to the next opening.
            opened.journal.close()?;
            Err(error)
        }
    }
}
