//! What the engine's handles, its task and its receipts share once it was started.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use syncline_core::{
    Error, ErrorKind, Hlc, Result, Version,
    port::{Archive, Clock, Random},
};
use syncline_journal::{Durability, Journal, Seq, Stream};
use tokio::sync::Notify;

use crate::{
    EngineConfig, TRACING_TARGET,
    abandoned::Abandoned,
    codec,
    deadline::within,
    health::Health,
    ingest::{Ingest, closed},
    quarantine::Quarantine,
    store::Store,
};

/// A started engine.
#[derive(Debug)]
pub(crate) struct Spine {
    pub(crate) config: EngineConfig,
    pub(crate) store: Arc<Store>,
    pub(crate) ingest: Ingest,
    pub(crate) abandoned: Abandoned,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) health: Health,
    pub(crate) hlc: Hlc,
    pub(crate) journal: Option<Journaled>,
    pub(crate) archive: Option<Arc<dyn Archive>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Whether the archive's high-water mark was taken note of.
    pub(crate) knows_high_water: AtomicBool,
    pub(crate) is_closed: AtomicBool,
    /// Asks the archive task to end.
    pub(crate) stop: Notify,
}

/// The journal and the engine's streams in it.
#[derive(Debug)]
pub(crate) struct Journaled {
    pub(crate) journal: Journal,
    pub(crate) engine: Stream,
    pub(crate) quarantine: Stream,
    is_released: AtomicBool,
}

/// Name of the mark under which the journal keeps the greatest version stamped.
pub(crate) const HLC_MARK: &str = "hlc";

impl Journaled {
    pub(crate) fn new(journal: Journal, engine: Stream, quarantine: Stream) -> Self {
        Self { journal, engine, quarantine, is_released: AtomicBool::new(false) }
    }

    /// Lets go of the streams, once: later they may be another engine's.
    fn release(&self) {
        if !self.is_released.swap(true, Ordering::AcqRel) {
            self.engine.release();
            self.quarantine.release();
        }
    }
}

impl Drop for Journaled {
    fn drop(&mut self) {
        self.release();
    }
}

impl Spine {
    /// Refuses what comes after the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`].
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    /// Takes nothing more: submits and reads get `error`, those that wait for room too.
    pub(crate) fn close(&self, error: Error) {
        self.is_closed.store(true, Ordering::Release);
        self.ingest.shut(error);
        self.store.admission.close();
        self.store.landed.notify_waiters();
    }

    /// Lets go of the journal's streams, so that another engine may have them.
    pub(crate) fn release(&self) {
        if let Some(journaled) = &self.journal {
            journaled.release();
        }
    }

    /// Tells the journal what it need not keep, after the greatest version stamped, which must outlive the records that bear
    /// it.
    pub(crate) fn truncate(&self) {
        if let Some(Journaled { journal, engine, .. }) = &self.journal {
            journal.set_mark(HLC_MARK, &self.hlc.high_water().to_bytes());
            engine.truncate_below(Seq::new(self.store.frontier.at()));
        }
    }

    /// Resolves once all that was handed over before is durable and taken in.
    pub(crate) async fn barrier(&self) -> Result<()> {
        let Some(Journaled { journal, engine, .. }) = &self.journal else { return Ok(()) };
        if self.ingest.handed() == self.store.counters.accepted.get() {
            return Ok(());
        }
        let mut transaction = journal.transaction();
        transaction.essential();
        transaction.stage(engine, codec::barrier().to_vec())?;
        transaction.commit(Durability::Sync)?.await.map(drop)
    }

    /// Resolves once the write at `seq` is settled; the archive task hurries meanwhile.
    pub(crate) async fn settled(&self, seq: u64) -> Result<()> {
        let mut pass = pin!(self.store.frontier.pass(seq));
        let mut has_asked = false;
        poll_fn(|cx| {
            let polled = pass.as_mut().poll(cx);
            // Only once it stands among the waiters, or the task would not see it.
            if polled.is_pending() && !std::mem::replace(&mut has_asked, true) {
                self.store.work.notify_one();
            }
            polled
        })
        .await
    }

    /// As [`settled`](Self::settled), as long as the archive makes progress.
    pub(crate) async fn settled_while_moving(&self, seq: u64) -> Result<()> {
        let patience = self.config.shutdown_deadline;
        let mut settled = pin!(self.settled(seq));
        loop {
            let before = self.store.frontier.at();
            match within(&*self.clock, self.clock.now() + patience, &mut settled).await {
                Some(outcome) => return outcome,
                None if self.store.frontier.at() != before => {}
                None => return Err(self.stuck(&format!("nothing was archived for {patience:?}"))),
            }
        }
    }

    fn stuck(&self, what: &str) -> Error {
        let why = self
            .health
            .last_error()
            .map_or_else(String::new, |error| format!("; the archive said: {error}"));
        Error::new(ErrorKind::Unavailable, format!("{what}{why}"))
    }

    /// A call of the archive, bounded in time. What it does not answer counts as `late`.
    pub(crate) async fn call<T>(&self, late: ErrorKind, call: impl Future<Output = Result<T>>) -> Result<T> {
        let timeout = self.config.archive_timeout;
        match within(&*self.clock, self.clock.now() + timeout, call).await {
            Some(answer) => answer,
            None => Err(Error::new(late, format!("the archive did not answer within {timeout:?}"))),
        }
    }

    /// Takes note of the archive's high-water mark, once.
    ///
    /// A mark of this node is trusted whatever the calendar says: it is this node's own past. So it is without a journal,
    /// where the archive is all that this node remembers. Another node's mark too far ahead is not followed.
    ///
    /// # Errors
    ///
    /// What the archive says.
    pub(crate) async fn learn_high_water(&self, archive: &dyn Archive) -> Result<()> {
        if self.knows_high_water.load(Ordering::Acquire) {
            return Ok(());
        }
        let mark = self.call(ErrorKind::Unavailable, archive.high_water()).await?;
        let is_own = mark.node() == self.hlc.node() || self.journal.is_none();
        let now = if is_own { mark.wall().max(self.clock.wall()) } else { self.clock.wall() };
        if let Err(error) = self.hlc.observe(mark, now) {
            tracing::warn!(target: TRACING_TARGET, %error, "the archive's newest version is not followed");
        }
        self.knows_high_water.store(true, Ordering::Release);
        Ok(())
    }

    /// Takes note of a version that was read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] naming the node, when it is too far ahead.
    pub(crate) fn observe(&self, version: Version) -> Result<()> {
        if version <= self.hlc.high_water() {
            return Ok(());
        }
        self.hlc.observe(version, self.clock.wall())
    }
}
