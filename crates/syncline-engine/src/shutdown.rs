//! The end: drain, stop, say what is left.

use syncline_core::{Error, ErrorKind, Instant, rt::Task};

use crate::{TRACING_TARGET, deadline::within, ingest::closed, spine::Spine};

/// What an engine did, and what it leaves. Plain data.
///
/// `replayed + accepted` is `archived + superseded + quarantined + failed + pending_left`, unless submits were under way whose
/// outcome the journal did not tell in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Writes taken in since the start, deletes too.
    pub accepted: u64,
    /// Writes read back from the journal at the start.
    pub replayed: u64,
    /// Writes that are in the archive.
    pub archived: u64,
    /// Writes that a newer one of the same key overtook before they were in the archive.
    pub superseded: u64,
    /// Writes that the archive refused for what they are. They are kept in the journal.
    pub quarantined: u64,
    /// Writes that were given up, each with an error to its caller, because the archive failed and there is no journal.
    pub failed: u64,
    /// Writes that are not in the archive. They are safe in the journal and are archived after the next start; without a
    /// journal they end with the process.
    pub pending_left: u64,
    /// What the archive said last, when something is left although there is an archive.
    pub archive_error: Option<String>,
}

impl Spine {
    /// Takes nothing more, waits until all is archived or until `deadline`, stops the task, and lets go of the journal.
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves the engine closed; what was accepted is in the journal. Calling it again goes on.
    pub(crate) async fn drain(&self, deadline: Instant, task: Option<Task<()>>) -> Report {
        self.close(closed());
        let drained = within(&*self.clock, deadline, self.settle_all()).await;
        self.stop_task(drained == Some(true), deadline, task).await;
        self.store
            .frontier
            .end(Error::new(ErrorKind::Closed, "the engine was shut down before the archive had it"));
        self.truncate();
        self.release();
        self.report()
    }

    /// Whether all that was accepted is settled.
    async fn settle_all(&self) -> bool {
        if let Err(error) = self.barrier().await {
            tracing::warn!(target: TRACING_TARGET, %error, "writes under way at shutdown were not answered");
        }
        if self.archive.is_none() {
            return true;
        }
        let last = self.store.pending().last_seq();
        self.settled(last).await.is_ok()
    }

    /// Ends the task in order, or in the middle of a call that takes too long: the journal holds what it was about.
    async fn stop_task(&self, is_drained: bool, deadline: Instant, task: Option<Task<()>>) {
        self.stop.notify_one();
        let Some(task) = task.filter(|_| is_drained) else { return };
        if let Some(Err(error)) = within(&*self.clock, deadline, task).await {
            tracing::error!(target: TRACING_TARGET, %error, "the archive task did not end in order");
        }
    }

    fn report(&self) -> Report {
        let counters = &self.store.counters;
        let pending_left = self.store.pending().len() as u64;
        Report {
            accepted: counters.accepted.get(),
            replayed: counters.replayed.get(),
            archived: counters.archived.get(),
            superseded: counters.superseded.get(),
            quarantined: counters.quarantined.get(),
            failed: counters.failed.get(),
            pending_left,
            archive_error: self.health.last_error().filter(|_| pending_left > 0 && self.archive.is_some()),
        }
    }
}
