//! Waiting for items: the one loop under everything that waits for work.

use std::{
    future::pending,
    pin::{Pin, pin},
    time::Duration,
};

use syncline_core::{Instant, port::Sleep};

use super::{Inner, SyncQueue};
use crate::{QueueError, QueueResult, SyncItem};

/// Shortest sleep of a waiter. A storage may say that something is due and find, a moment later, that it is not.
const SLEEP_MIN: Duration = Duration::from_millis(1);
/// How often a waiter looks again on a storage that tells nobody what it carries out, where a call was dropped half-way or what
/// others have in hand counts.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl SyncQueue {
    /// Takes the next item, waiting until there is one. It sleeps until it is woken or something is due; a lock is waited out.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](QueueError::ShuttingDown), or the storage's.
    ///
    /// # Cancel safety
    ///
    /// As [`pop`](Self::pop); while it waits nothing was taken.
    pub async fn pop_wait(&self) -> QueueResult<SyncItem> {
        loop {
            let items = self.wait_for(1, pending()).await?;
            if let Some(item) = items.into_iter().next() {
                return Ok(item);
            }
        }
    }

    /// Takes up to `most` items, waiting until there is one. Empty once it had to wait and `quit` was ready: what wants to end
    /// it says so here, for dropped it may have taken items that nobody has.
    pub(crate) async fn wait_for(&self, most: usize, quit: impl Future<Output = ()>) -> QueueResult<Vec<SyncItem>> {
        let inner = &*self.inner;
        let mut quit = pin!(quit);
        loop {
            let mut woken = pin!(inner.bell.listen());
            woken.as_mut().enable();
            let changed = inner.storage().changed();
            let seen = inner.bell.changes();
            let alarm = match self.pop_batch(most).await {
                Ok(items) if items.is_empty() => inner.next_look().await?,
                Ok(items) => return Ok(items),
                Err(QueueError::Locked) => None,
                Err(error) => return Err(error),
            };
            if inner.bell.arm(seen, alarm)
                && inner.until_woken(woken, changed, alarm, quit.as_mut()).await == Woken::ToQuit
            {
                return Ok(Vec::new());
            }
        }
    }
}

/// What ended a sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    ToLook,
    ToQuit,
}

impl Inner {
    /// When a waiter that found nothing has to look again by itself.
    async fn next_look(&self) -> QueueResult<Option<Instant>> {
        let now = self.now();
        let due = self.watched(self.storage().next_due(self.config.in_hand(), now)).await?;
        // Whoever else works there settles what counts here, too.
        let is_unheard = self.bell.was_abandoned() || self.config.max_in_flight.is_some();
        let again = (is_unheard && !self.store.is_own()).then_some(LOOK_AGAIN);
        let due = self.brakes.held_until(due, self.config.lease_duration, now.steady);
        let dead_end = self.book().dead_ends.next().map(|at| at.saturating_since(now.steady));
        let left = [due, again, dead_end].into_iter().flatten().min();
        Ok(left.map(|left| now.steady + left.max(SLEEP_MIN)))
    }

    /// Sleeps until it is `woken` from here or by what others `changed`, the alarm rings, or it is to `quit`.
    async fn until_woken(
        &self,
        woken: impl Future<Output = ()>,
        changed: impl Future<Output = ()>,
        alarm: Option<Instant>,
        quit: Pin<&mut impl Future<Output = ()>>,
    ) -> Woken {
        tokio::select! {
            biased;
            () = quit => Woken::ToQuit,
            () = woken => Woken::ToLook,
            () = changed => Woken::ToLook,
            () = self.alarm(alarm) => Woken::ToLook,
        }
    }

    /// Rings at `at`; never without a time.
    pub(super) fn alarm(&self, at: Option<Instant>) -> Sleep {
        match at {
            Some(at) => self.clock.sleep_until(at),
            None => Box::pin(pending()),
        }
    }
}
