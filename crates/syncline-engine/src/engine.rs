//! The handle that users hold.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use syncline_core::{Error, ErrorKind, Key, Result, rt};
use tokio::sync::{OnceCell, watch};

use crate::{
    EngineConfig, EngineState, EngineStats, Parts, Quarantined, Receipt, Report, Submitted, Superseded, SyncItem,
    TRACING_TARGET, archive, ingest::closed, lifecycle::Lifecycle, spine::Spine, start,
};

/// The tiered store. Clones are the same engine.
///
/// It is made by [`new`](Self::new), runs from [`start`](Self::start) to [`shutdown`](Self::shutdown), and refuses every
/// operation before ([`Unavailable`](ErrorKind::Unavailable)) and after ([`Closed`](ErrorKind::Closed)).
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    config: EngineConfig,
    lifecycle: Lifecycle,
    /// Set by the start that succeeded.
    spine: OnceLock<Arc<Spine>>,
    task: Mutex<Option<rt::Task<()>>>,
    report: OnceCell<Report>,
}

impl Engine {
    /// An engine with these settings. It does nothing yet, and needs no runtime.
    pub fn new(config: EngineConfig) -> Self {
        let shared = Shared {
            config,
            lifecycle: Lifecycle::new(),
            spine: OnceLock::new(),
            task: Mutex::new(None),
            report: OnceCell::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Reads back what the journal's stream `engine` holds and begins to archive it. Works while the archive is down.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) when it was started before, or when another engine has the journal's streams;
    /// [`Closed`](ErrorKind::Closed) after a shutdown; [`Invalid`](ErrorKind::Invalid) for settings that cannot work;
    /// [`Corrupt`](ErrorKind::Corrupt) naming the journal's record that cannot be read. After an error it may be called again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the engine as it was; what it opened is let go of.
    pub async fn start(&self, parts: Parts) -> Result<()> {
        let shared = &*self.shared;
        let starting = shared.lifecycle.begin_start()?;
        shared.config.check()?;
        let spine = start::build(shared.config.clone(), parts, &starting).await?;
        let task = spine.archive.clone().map(|archive| {
            let run = archive::run(Arc::clone(&spine), archive);
            rt::spawn("engine-archive", run)
        });
        // From here to the end nothing waits, so that no drop can come between.
        let ready = starting.reach(EngineState::Ready);
        let unused = ready.is_err() || shared.spine.set(Arc::clone(&spine)).is_err();
        if unused {
            spine.close(closed());
            spine.release();
            return ready.and(Err(closed()));
        }
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = task;
        starting.done()
    }

    /// Where it stands in its life.
    pub fn state(&self) -> EngineState {
        self.shared.lifecycle.state()
    }

    /// The same, to be watched.
    pub fn state_receiver(&self) -> watch::Receiver<EngineState> {
        self.shared.lifecycle.watch()
    }

    /// Writes an item. `Ok` means that it survives loss of power; without a journal, that the archive has it.
    ///
    /// It waits while [`memory_max_bytes`](EngineConfig::memory_max_bytes) are pending and the archive makes progress.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) when the name is no key or the content too large; [`Full`](ErrorKind::Full) when there
    /// is no room and nothing moves, or no space on disk; [`Poisoned`](ErrorKind::Poisoned) when the journal's disk failed:
    /// whether the item is there is known once the journal is opened again; [`Unavailable`](ErrorKind::Unavailable) before
    /// the start, and without a journal while the archive is down; [`Unknown`](ErrorKind::Unknown) without a journal when
    /// the archive did not say; [`Closed`](ErrorKind::Closed).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future while it waits for room writes nothing. Once the item was handed over, dropping does not undo it:
    /// it is written, and nobody is told.
    pub async fn submit(&self, item: SyncItem) -> Result<Receipt> {
        self.spine()?.submit(item).await
    }

    /// Hands an item over without waiting; the receipt tells when it is durable.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit), but [`Full`](ErrorKind::Full) as soon as there is no room. Nothing was handed over then.
    pub fn submit_nowait(&self, item: SyncItem) -> Result<Receipt> {
        self.spine()?.submit_nowait(item)
    }

    /// Writes many items, in one transaction of the journal where they fit into one. Results stand in the order of the items;
    /// one that is refused does not hold the others back.
    ///
    /// # Cancel safety
    ///
    /// As [`submit`](Self::submit): any number of the items may have been handed over.
    pub async fn submit_many(&self, items: Vec<SyncItem>) -> Vec<Result<Receipt>> {
        match self.spine() {
            Ok(spine) => spine.submit_many(items).await,
            Err(error) => items.iter().map(|_| Err(error.share())).collect(),
        }
    }

    /// Writes those of the items that differ from what is there, by content, type or expiry. The others cost no write.
    ///
    /// Each result's error is one of [`submit`](Self::submit), or what the archive said when it could not be asked: what cannot
    /// be compared is not written.
    ///
    /// # Cancel safety
    ///
    /// As [`submit_many`](Self::submit_many).
    pub async fn submit_changed(&self, items: Vec<SyncItem>) -> Vec<Result<Submitted>> {
        match self.spine() {
            Ok(spine) => spine.submit_changed(items).await,
            Err(error) => items.iter().map(|_| Err(error.share())).collect(),
        }
    }

    /// The newest item of this name: from memory, from what is pending, or from the archive. `None` means that there is none,
    /// that it was deleted, or that it has expired.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) when the name is no key, or when its version is too far ahead of this node's clock;
    /// [`Unavailable`](ErrorKind::Unavailable) when the archive has to be asked and does not answer;
    /// [`Corrupt`](ErrorKind::Corrupt) when it holds something else than what was written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect; others who wait for the same item fetch it themselves.
    pub async fn get(&self, id: &str) -> Result<Option<SyncItem>> {
        self.spine()?.get(id).await
    }

    /// Deletes an item, whether it is there or not. Never refused for want of memory.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # Cancel safety
    ///
    /// As [`submit`](Self::submit).
    pub async fn delete(&self, id: &str) -> Result<Receipt> {
        let spine = self.spine()?;
        spine.delete(Key::new(id)?).await
    }

    /// A page of the items whose names begin with `prefix`, in the order of their bytes: at most `limit`, all of them after
    /// the name `after`. A page that is shorter than `limit` is the last. What is written meanwhile may be on it or not.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a limit above 10,000 or an `after` that is no key; else as [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn scan_prefix(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<SyncItem>> {
        self.spine()?.scan_prefix(prefix, after, limit).await
    }

    /// Waits until everything that was accepted or handed over before is settled in the archive; without an archive, until it
    /// is as durable as it will be.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) with what the archive said, when nothing at all was archived for
    /// [`shutdown_deadline`](EngineConfig::shutdown_deadline); [`Poisoned`](ErrorKind::Poisoned); [`Closed`](ErrorKind::Closed).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn flush(&self) -> Result<()> {
        let spine = self.spine()?;
        spine.check_open()?;
        spine.barrier().await?;
        if spine.archive.is_none() {
            return Ok(());
        }
        let last = spine.store.pending().last_seq();
        spine.settled_while_moving(last).await
    }

    /// Numbers, as they are now. All zero before the start.
    pub fn stats(&self) -> EngineStats {
        let state = self.state();
        self.shared
            .spine
            .get()
            .map_or_else(|| EngineStats::none(state), |spine| spine.stats(state))
    }

    /// Writes that were found not newer than what stood there: the newest
    /// [`listed_max`](EngineConfig::listed_max) of them, oldest first. Overwriting an item that is still pending is not listed.
    pub fn superseded(&self) -> Vec<Superseded> {
        self.shared.spine.get().map(|spine| spine.store.ledger.superseded()).unwrap_or_default()
    }

    /// Writes that the archive refused for what they are: the newest [`listed_max`](EngineConfig::listed_max) of all that the
    /// journal keeps, oldest first.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.shared.spine.get().map(|spine| spine.quarantine.list()).unwrap_or_default()
    }

    /// Takes nothing more, waits until all is archived, at most for
    /// [`shutdown_deadline`](EngineConfig::shutdown_deadline), and says what is left. What is left is safe in the journal,
    /// which is not closed. Calling it again returns the same report.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the engine closed; calling it again goes on.
    pub async fn shutdown(&self) -> Report {
        self.shutdown_within(self.shared.config.shutdown_deadline).await
    }

    /// As [`shutdown`](Self::shutdown), with this deadline.
    ///
    /// # Cancel safety
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_within(&self, deadline: Duration) -> Report {
        self.shared.lifecycle.shut_down();
        let drain = || async {
            let Some(spine) = self.shared.spine.get() else { return Report::default() };
            let task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            spine.drain(spine.clock.now() + deadline, task).await
        };
        self.shared.report.get_or_init(drain).await.clone()
    }

    /// The running engine.
    pub(crate) fn spine(&self) -> Result<&Arc<Spine>> {
        match self.shared.spine.get() {
            Some(spine) => Ok(spine),
            None if self.state() == EngineState::ShuttingDown => Err(closed()),
            None => Err(Error::new(ErrorKind::Unavailable, "the engine is not started")),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Some(spine) = self.spine.get().filter(|_| self.report.get().is_none()) else { return };
        spine.close(closed());
        spine.release();
        let pending = spine.store.pending().len();
        tracing::warn!(target: TRACING_TARGET, pending, "the engine was dropped without a shutdown; its journal holds the rest");
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("state", &self.state()).finish_non_exhaustive()
    }
}
