//! A storage that fails on demand, and counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{
        Admission, BoxFuture, Claim, EndedCursor, EndedPage, Ending, ExpiredDead, Handed, InHand, Lease, List,
        ListCursor, ListPage, Moment, NewItem, Pushed, QueueStats, QueueStorage, Reaped, Retention, Settled,
        Settlement, Stored,
    },
};
use syncline_queue::MemoryQueueStorage;

#[derive(Debug, Default)]
pub(crate) struct Faulty {
    inner: MemoryQueueStorage,
    pub(crate) is_down: AtomicBool,
    pub(crate) pushes: AtomicU64,
    pub(crate) reaps: AtomicU64,
    /// From the one with this number on upkeep fails, the first being 1; never with 0.
    pub(crate) bad_from: AtomicU64,
    pub(crate) dead_limit: AtomicU64,
    /// Replaces the content of what is claimed.
    pub(crate) damages: AtomicBool,
}

impl Faulty {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn check(&self) -> Result<()> {
        match self.is_down.load(SeqCst) {
            true => Err(Error::new(ErrorKind::Unavailable, "the storage does not answer")),
            false => Ok(()),
        }
    }
}

impl QueueStorage for Faulty {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        self.pushes.fetch_add(1, SeqCst);
        Box::pin(async move {
            self.check()?;
            self.inner.push(items, admission, now).await
        })
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>> {
        Box::pin(async move {
            self.check()?;
            let mut claimed = self.inner.claim(claim, now).await?;
            if self.damages.load(SeqCst) {
                claimed.items.iter_mut().for_each(|one| one.body = one.body.slice(..one.body.len() / 2));
            }
            Ok(claimed)
        })
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        Box::pin(async move {
            self.check()?;
            self.inner.settle(settlements, now).await
        })
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.extend(leases, lease, now)
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.cancel(ids, now)
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.redrive(ids, now)
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.purge(ids, now)
    }

    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>> {
        self.inner.expire_dead(older_than, now)
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        let number = self.reaps.fetch_add(1, SeqCst) + 1;
        if (1..=number).contains(&self.bad_from.load(SeqCst)) {
            let error = Error::new(ErrorKind::Unavailable, "the storage gives no space back");
            return Box::pin(async { Err(error) });
        }
        self.inner.reap(now)
    }

    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        self.inner.next_due(in_hand, now)
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        self.inner.get(id, now)
    }

    fn list<'a>(
        &'a self,
        list: &'a List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> BoxFuture<'a, Result<ListPage>> {
        self.dead_limit.store(limit as u64, SeqCst);
        self.inner.list(list, after, limit, now)
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        self.dead_limit.store(limit as u64, SeqCst);
        self.inner.dead(after, limit, now)
    }

    fn remember(&self, retention: Retention) {
        self.inner.remember(retention);
    }

    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>> {
        Box::pin(async move {
            self.check()?;
            self.inner.history(before, limit, now).await
        })
    }

    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>> {
        Box::pin(async move {
            self.check()?;
            self.inner.how_ended(id, now).await
        })
    }

    fn stats(&self, now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        self.inner.stats(now)
    }
}
