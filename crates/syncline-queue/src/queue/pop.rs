//! Popping.

use std::{pin::pin, time::Duration};

use syncline_core::port::{
    Buried, Claim, Claimed, DeadReason, Handed, Lease, Moment, QueueOutcome, Settled, Settlement,
};

use super::{
    Inner, QueueEvent, SyncQueue,
    bell::UnderWay,
    gate::Errand,
    leave::Leave,
    telemetry::{About, Op},
};
use crate::{QueueError, QueueResult, SyncItem, metrics::Settle, schedule::Tick, storage::Verdict};

impl SyncQueue {
    /// Takes the next item, under a lease; `None` when nothing is ready.
    ///
    /// # Errors
    ///
    /// [`Locked`](QueueError::Locked), [`ShuttingDown`](QueueError::ShuttingDown), or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way it may have taken an item that nobody has; on a journal or in memory it is given back at once, and
    /// elsewhere when the lease ends.
    pub async fn pop(&self) -> QueueResult<Option<SyncItem>> {
        Ok(self.pop_batch(1).await?.into_iter().next())
    }

    /// Takes up to `most` items; empty when nothing is ready.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Cancel safety
    ///
    /// As [`pop`](Self::pop).
    pub async fn pop_batch(&self, most: usize) -> QueueResult<Vec<SyncItem>> {
        let pop = pin!(async {
            let _pass = self.inner.gate.enter(Errand::Work)?;
            self.inner.check_unlocked()?;
            self.inner.take(most).await
        });
        self.inner.traced(Op::Pop, About::default(), pop).await
    }

    /// Takes up to [`batch_size`](crate::QueueConfig::batch_size) items.
    ///
    /// # Errors
    ///
    /// As [`pop`](Self::pop).
    ///
    /// # Cancel safety
    ///
    /// As [`pop`](Self::pop).
    pub async fn pop_many(&self) -> QueueResult<Vec<SyncItem>> {
        self.pop_batch(self.inner.config.batch_size).await
    }
}

/// Items of keys that had their share that one pop puts off before it says that it found nothing.
const PUT_OFF_MAX: usize = 64;

impl Inner {
    async fn take(&self, most: usize) -> QueueResult<Vec<SyncItem>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let mut now = self.now();
        if self.upkeep.is_due(now.steady) || self.is_dead_end_due(now.steady) {
            // What it has to do besides is no reason to hand nothing out. Where that fails too, its failure is the answer.
            if let Err(error) = self.keep_up().await {
                tracing::warn!(target: crate::TRACING_TARGET, %error, "upkeep failed; it is tried again");
            }
            now = self.now();
        }
        let mut leave = self.leave(most, now.steady);
        loop {
            let items = self.claim(&mut leave, now).await?;
            if !items.is_empty() {
                return Ok(items);
            }
            now = self.now();
            let due = self.watched(self.storage().next_due(self.config.in_hand(), now)).await?;
            if due != Some(Duration::ZERO) {
                return Ok(items);
            }
            // A claim passes only so much that is of no use any more. Once that is put away, what is left is for claims.
            if self.keep_up().await? == 0 {
                return self.claim(&mut leave, self.now()).await;
            }
        }
    }

    async fn claim(&self, leave: &mut Leave<'_>, begun: Moment) -> QueueResult<Vec<SyncItem>> {
        let (mut put_off, mut begun) = (0, Some(begun));
        while leave.most > 0 {
            let now = begun.take().unwrap_or_else(|| self.now());
            let claim = Claim {
                most: leave.most,
                lease: self.config.lease_duration,
                aging: self.config.aging,
                in_hand: self.config.in_hand(),
            };
            let under_way = UnderWay::new(&self.bell);
            let claimed = self.watched(self.store.claim(claim, now)).await;
            under_way.done();
            let Handed { items: claimed, buried } = claimed?;
            self.note_buried(&buried);
            if claimed.is_empty() {
                return Ok(Vec::new());
            }
            let has_ticks = claimed.iter().any(|one| Tick::is_one(&one.body));
            let (ticks, claimed) = if has_ticks {
                claimed.into_iter().partition(|one| Tick::is_one(&one.body))
            } else {
                (Vec::new(), claimed)
            };
            if has_ticks {
                match self.fire(&ticks).await {
                    // What it pushed may be next.
                    Ok(()) if claimed.is_empty() => continue,
                    Ok(()) => {}
                    Err(error) if claimed.is_empty() => return Err(error),
                    Err(error) => {
                        tracing::warn!(target: crate::TRACING_TARGET, %error, "schedules come back when their leases end");
                    }
                }
            }
            let (found, claimed) = (claimed.len(), self.put_off(claimed, now).await?);
            if claimed.is_empty() {
                put_off += found;
                if put_off >= PUT_OFF_MAX {
                    return Ok(Vec::new());
                }
                continue;
            }
            self.bell.due(now.steady + claim.lease);
            leave.spend(&claimed);
            self.book().took(&claimed, claim.lease, now);
            // More than are new, so that those that nobody settles are no more than those that are in hand.
            self.forget_leases(2 * claimed.len());
            #[cfg(feature = "otel")]
            if let Some(instruments) = self.instruments.get() {
                instruments.consumed(claimed.len() as u64);
            }
            self.events.tell(
                claimed
                    .iter()
                    .map(|one| QueueEvent::Claimed { id: one.id.clone(), attempt: one.attempt.into() }),
            );
            let (mut items, mut broken) = (Vec::with_capacity(claimed.len()), Vec::new());
            for one in claimed {
                match SyncItem::from_claimed(one) {
                    Ok(item) => items.push(item),
                    Err(unread) => broken.push(unreadable(*unread)),
                }
            }
            if !broken.is_empty() {
                self.bury(broken).await?;
            }
            if !items.is_empty() {
                return Ok(items);
            }
        }
        Ok(Vec::new())
    }

    /// A claim came upon these: they are dead, and whoever was behind them may be next.
    fn note_buried(&self, buried: &[Buried]) {
        if buried.is_empty() {
            return;
        }
        let now = self.clock.now();
        {
            let mut book = self.book();
            for one in buried {
                book.tally.settled(Settle::Failed(one.reason), None, now);
            }
        }
        self.events.tell(buried.iter().map(|one| QueueEvent::Dead { id: one.id.clone() }));
        self.note_deaths();
        self.bell.ring(buried.len());
        self.free(buried.len() as u64);
    }

    async fn bury(&self, broken: Vec<Settlement>) -> QueueResult<()> {
        let told = self.watched(self.store.settle(&broken, self.now())).await?;
        let now = self.clock.now();
        let mut book = self.book();
        for (Settlement { lease, .. }, Verdict { attempt, .. }) in broken.iter().zip(told) {
            let took = book.end((&lease.id, lease.token), attempt, now);
            book.tally.settled(Settle::Failed(DeadReason::Corrupt), took, now);
            // Nobody worked on it: it says nothing of the jobs.
            self.brakes.judge(&lease.id, lease.token, Settled::Released);
        }
        drop(book);
        let dead = broken.iter().map(|one| QueueEvent::Dead { id: one.lease.id.clone() });
        self.events.tell(dead);
        self.note_deaths();
        // What was behind them in their partitions may be next, and there is room for more in hands.
        self.bell.ring(broken.len());
        Ok(())
    }
}

/// What buries an item whose content cannot be read, so that it does not block what is behind it.
fn unreadable((claimed, error): (Claimed, QueueError)) -> Settlement {
    let error = match error {
        QueueError::Corrupted(source) => source.to_string(),
        other => other.to_string(),
    };
    tracing::error!(target: crate::TRACING_TARGET, id = claimed.id, error, "an item cannot be read and is dead");
    let lease = Lease { id: claimed.id, token: Some(claimed.token) };
    Settlement { lease, outcome: QueueOutcome::Reject { error } }
}
