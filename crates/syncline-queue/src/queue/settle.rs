//! Saying how it went.

use std::{pin::pin, time::Duration};

use syncline_core::{
    WallTime,
    port::{DeadReason, Lease, NewItem, QueueOutcome, Random as _, Settled, Settlement},
    rt::SystemRandom,
};

use super::{
    Inner, QueueEvent, SyncQueue,
    bell::UnderWay,
    gate::Errand,
    telemetry::{About, Op},
};
use crate::{QueueError, QueueResult, SyncItem, storage::Verdict};

/// What an item is said to have failed with where nobody said.
const NO_REASON: &str = "no reason was given";

/// Outcomes come in two forms. The plain one settles whichever lease on the item is live: enough where one worker has an item
/// and settles it in time. The `_lease` form, with the [`lease_token`](SyncItem::lease_token) of the item that was popped,
/// changes nothing once another worker has it.
///
/// All of them are taken until the queue is closed, while it is locked and shutting down too.
impl SyncQueue {
    /// The item is done.
    ///
    /// # Errors
    ///
    /// [`ItemNotFound`](QueueError::ItemNotFound), also for one that was completed before;
    /// [`InvalidState`](QueueError::InvalidState) when nobody has it; [`ShuttingDown`](QueueError::ShuttingDown) once the
    /// queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn mark_completed(&self, id: &str) -> QueueResult<()> {
        self.inner.complete(id, None, Vec::new()).await
    }

    /// [`mark_completed`](Self::mark_completed) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as [`mark_completed`](Self::mark_completed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn mark_completed_lease(&self, id: &str, token: u64) -> QueueResult<()> {
        self.inner.complete(id, Some(token), Vec::new()).await
    }

    /// The item is done, and these follow it: both, or neither. What follows is taken though the queue be full; one whose id
    /// is there already is skipped.
    ///
    /// # Errors
    ///
    /// As [`mark_completed`](Self::mark_completed), and as [`push`](Self::push) for items that no queue accepts.
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn complete_and_push(&self, id: &str, items: Vec<SyncItem>) -> QueueResult<()> {
        let push = self.inner.encode(&items)?;
        self.inner.complete(id, None, push).await
    }

    /// [`complete_and_push`](Self::complete_and_push) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as
    /// [`complete_and_push`](Self::complete_and_push).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn complete_and_push_lease(&self, id: &str, token: u64, items: Vec<SyncItem>) -> QueueResult<()> {
        let push = self.inner.encode(&items)?;
        self.inner.complete(id, Some(token), push).await
    }

    /// The attempt failed. Returns whether there will be another one, after its delay; otherwise the item is a dead letter.
    ///
    /// # Errors
    ///
    /// As [`mark_completed`](Self::mark_completed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn mark_failed(&self, id: &str, error: Option<String>) -> QueueResult<bool> {
        self.inner.fail(id, None, error, None).await
    }

    /// [`mark_failed`](Self::mark_failed) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as [`mark_failed`](Self::mark_failed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn mark_failed_lease(&self, id: &str, token: u64, error: Option<String>) -> QueueResult<bool> {
        self.inner.fail(id, Some(token), error, None).await
    }

    /// [`mark_failed`](Self::mark_failed) with a delay of the caller's: the attempt after this one is made once `delay` is over,
    /// as a server may have asked for. Neither the longest delay of the queue nor chance changes it.
    ///
    /// # Errors
    ///
    /// As [`mark_completed`](Self::mark_completed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn mark_failed_after(&self, id: &str, error: Option<String>, delay: Duration) -> QueueResult<bool> {
        self.inner.fail(id, None, error, Some(delay)).await
    }

    /// [`mark_failed_after`](Self::mark_failed_after) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as [`mark_failed`](Self::mark_failed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn mark_failed_after_lease(
        &self,
        id: &str,
        token: u64,
        error: Option<String>,
        delay: Duration,
    ) -> QueueResult<bool> {
        self.inner.fail(id, Some(token), error, Some(delay)).await
    }

    /// No attempt can succeed: the item is a dead letter at once.
    ///
    /// # Errors
    ///
    /// As [`mark_completed`](Self::mark_completed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn reject(&self, id: &str, error: impl Into<String>) -> QueueResult<()> {
        self.inner.reject(id, None, error.into()).await
    }

    /// [`reject`](Self::reject) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as [`reject`](Self::reject).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn reject_lease(&self, id: &str, token: u64, error: impl Into<String>) -> QueueResult<()> {
        self.inner.reject(id, Some(token), error.into()).await
    }

    /// Gives the item back to its place, untouched: the attempt does not count.
    ///
    /// # Errors
    ///
    /// As [`mark_completed`](Self::mark_completed).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn requeue(&self, id: &str) -> QueueResult<()> {
        self.inner.settle(id, None, QueueOutcome::Release).await.map(drop)
    }

    /// [`requeue`](Self::requeue) under this lease.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](QueueError::LeaseLost) once the lease has ended; otherwise as [`requeue`](Self::requeue).
    ///
    /// # Cancel safety
    ///
    /// As [`mark_completed`](Self::mark_completed).
    pub async fn requeue_lease(&self, id: &str, token: u64) -> QueueResult<()> {
        self.inner.settle(id, Some(token), QueueOutcome::Release).await.map(drop)
    }

    /// Withdraws an item that is not dead, whoever has it. Who has it loses the lease: a handler of a
    /// [`Worker`](crate::Worker) on this queue hears of it at once, one elsewhere with its next heartbeat.
    ///
    /// # Errors
    ///
    /// [`ItemNotFound`](QueueError::ItemNotFound) where there is none, or a dead one;
    /// [`ShuttingDown`](QueueError::ShuttingDown) once the queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn cancel(&self, id: &str) -> QueueResult<()> {
        self.inner.traced(Op::Cancel, About::id(id), self.inner.cancel(id)).await
    }
}

impl Inner {
    async fn cancel(&self, id: &str) -> QueueResult<()> {
        let _pass = self.gate.enter(Errand::Settle)?;
        let under_way = UnderWay::new(&self.bell);
        let told = self.watched(self.storage().cancel(&[id.to_owned()], self.now())).await;
        under_way.done();
        if told?.first() != Some(&true) {
            return Err(QueueError::ItemNotFound(id.to_owned()));
        }
        {
            let mut book = self.book();
            book.let_go(id, None);
            self.brakes.judge(id, None, Settled::Released);
            book.tally.cancelled(1);
        }
        self.free(1);
        self.crews.cancel(id);
        self.events.tell([QueueEvent::Cancelled { id: id.to_owned() }]);
        // What was behind it in its partition is next.
        self.bell.ring(1);
        Ok(())
    }

    pub(super) async fn complete(&self, id: &str, token: Option<u64>, push: Vec<NewItem>) -> QueueResult<()> {
        let follow = push.clone();
        self.settle(id, token, QueueOutcome::Complete { push }).await?;
        if !follow.is_empty() {
            let live = self.live_now();
            let mut book = self.book();
            book.tally.pushed(follow.len() as u64, 0, self.clock.now());
            book.tally.saw(live);
            drop(book);
            self.events.tell(follow.iter().map(|item| QueueEvent::Pushed { id: item.id.clone() }));
            self.announce(&follow, self.now());
        }
        Ok(())
    }

    pub(super) async fn reject(&self, id: &str, token: Option<u64>, error: String) -> QueueResult<()> {
        self.settle(id, token, QueueOutcome::Reject { error }).await.map(drop)
    }

    /// The attempt failed; the next one is after `delay`, or after the queue's own.
    pub(super) async fn fail(
        &self,
        id: &str,
        token: Option<u64>,
        error: Option<String>,
        delay: Option<Duration>,
    ) -> QueueResult<bool> {
        let error = error.unwrap_or_else(|| NO_REASON.to_owned());
        let (attempt, eligible_at) = self.attempt(id, token).await?;
        let delay =
            delay.unwrap_or_else(|| self.backoff.delay_after(attempt, Duration::ZERO, || SystemRandom.next_u64()));
        let now = self.now();
        // Where the calendar was set back before this queue was opened, the storage's time is ahead of it.
        let at = now.wall.max(eligible_at) + delay;
        let settled = self.settle(id, token, QueueOutcome::Retry { at, error }).await?;
        let can_retry = settled == Settled::Retried;
        if can_retry {
            self.bell.due(now.steady + delay);
        }
        Ok(can_retry)
    }

    /// The number of the attempt that is under way, and from when on it could have been.
    async fn attempt(&self, id: &str, token: Option<u64>) -> QueueResult<(u32, WallTime)> {
        if let Some(attempt) = self.store.attempt(id, token) {
            return Ok((attempt.number.into(), attempt.eligible_at));
        }
        if let Some(held) = self.book().held(id, token) {
            return Ok((held.attempt.into(), held.eligible_at));
        }
        // Taken by another queue on the same storage.
        let stored = self.watched(self.storage().get(id, self.now())).await?;
        Ok(stored.map_or((1, WallTime::default()), |stored| (stored.item.attempt.into(), stored.item.eligible_at)))
    }

    pub(super) async fn settle(&self, id: &str, token: Option<u64>, outcome: QueueOutcome) -> QueueResult<Settled> {
        let op = op_of(&outcome);
        let settle = pin!(async {
            let _pass = self.gate.enter(Errand::Settle)?;
            let lease = Lease { id: id.to_owned(), token };
            let dead = death_by(&outcome);
            let settlements = [Settlement { lease, outcome }];
            let under_way = UnderWay::new(&self.bell);
            let told = self.watched(self.store.settle(&settlements, self.now())).await;
            under_way.done();
            let verdict = told?.first().copied().unwrap_or(Settled::Unknown.into());
            self.note_settled(id, token, verdict, dead);
            let settled = verdict.settled;
            match (settled, token) {
                (Settled::Unknown, _) => Err(QueueError::ItemNotFound(id.to_owned())),
                (Settled::Lost, Some(_)) => Err(QueueError::LeaseLost(id.to_owned())),
                (Settled::Lost, None) => Err(QueueError::InvalidState(format!("nobody has the item {id:?}"))),
                _ => Ok(settled),
            }
        });
        self.traced(op, About::id(id), settle).await
    }

    /// An outcome was taken; `dead` is why the item died, if it did.
    pub(super) fn note_settled(&self, id: &str, token: Option<u64>, verdict: Verdict, dead: DeadReason) {
        self.note_all(std::iter::once((id, token, verdict)), dead);
    }

    /// Outcomes were taken, each of an item under a lease; `dead` is why those died that did.
    pub(super) fn note_all<'a>(
        &self,
        outcomes: impl Iterator<Item = (&'a str, Option<u64>, Verdict)> + Clone,
        dead: DeadReason,
    ) {
        let now = self.clock.now();
        let mut book = self.book();
        for (id, token, Verdict { settled, attempt }) in outcomes.clone() {
            let took = book.end((id, token), attempt, now);
            book.note_settled(settled, dead, took, now);
            #[cfg(feature = "otel")]
            if let (Some(instruments), Some(took)) = (self.instruments.get(), took)
                && matches!(settled, Settled::Completed | Settled::Retried | Settled::Dead)
            {
                instruments.processed(took.time, settled == Settled::Completed);
            }
        }
        drop(book);
        let is_taken = |settled| !matches!(settled, Settled::Lost | Settled::Unknown);
        let (mut taken, mut gone, mut deaths) = (0, 0, 0);
        for (id, token, Verdict { settled, .. }) in outcomes.clone() {
            self.brakes.judge(id, token, settled);
            taken += u64::from(is_taken(settled));
            gone += u64::from(matches!(settled, Settled::Completed | Settled::Dead));
            deaths += u64::from(settled == Settled::Dead);
        }
        if taken == 0 {
            return;
        }
        self.events.tell_settled(outcomes.map(|(id, _, verdict)| (id, verdict.settled)));
        self.upkeep.settled(taken);
        self.free(gone);
        if deaths > 0 {
            self.note_deaths();
        }
        // They, or what was behind them in their partitions, may be next.
        self.bell.ring(usize::try_from(taken).unwrap_or(usize::MAX));
    }
}

/// Why an item that this outcome ends is dead.
pub(super) fn death_by(outcome: &QueueOutcome) -> DeadReason {
    match outcome {
        QueueOutcome::Reject { .. } => DeadReason::Rejected,
        QueueOutcome::Complete { .. }
        | QueueOutcome::Retry { .. }
        | QueueOutcome::Release
        | QueueOutcome::Defer { .. } => DeadReason::Exhausted,
    }
}

/// What a call with this outcome is called.
fn op_of(outcome: &QueueOutcome) -> Op {
    match outcome {
        QueueOutcome::Complete { .. } => Op::Complete,
        QueueOutcome::Retry { .. } | QueueOutcome::Reject { .. } => Op::Fail,
        QueueOutcome::Release | QueueOutcome::Defer { .. } => Op::Release,
    }
}
