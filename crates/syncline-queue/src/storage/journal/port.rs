//! The port, call by call.

use std::time::Duration;

use syncline_core::{
    ErrorKind, Result,
    port::{
        Admission, BoxFuture, Claim, EndedCursor, EndedPage, Ending, ExpiredDead, Handed, InHand, Lease, List,
        ListCursor, ListPage, Moment, NewItem, Pushed, QueueStats, QueueStorage, Reaped, Retention, Settled,
        Settlement, Stored,
    },
};

use super::{JournalQueueStorage, list, plan};
use crate::state::{Entry, Phase};

impl QueueStorage for JournalQueueStorage {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        Box::pin(self.push_all(items, admission, now))
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>> {
        Box::pin(self.claim_some(claim, now))
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        Box::pin(async move {
            let told = self.settle_all(settlements, now).await?;
            Ok(told.into_iter().map(|verdict| verdict.settled).collect())
        })
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            Ok(leases.iter().map(|one| inner.extend(one, lease, now)).collect())
        })
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_all(ids, now, lives, |seq, _| Entry::Drop { seq }))
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_dead(ids, now, |seq, at| Entry::Redrive { seq, at }))
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(self.step_dead(ids, now, |seq, _| Entry::Drop { seq }))
    }

    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>> {
        Box::pin(self.expire_some_dead(older_than, now))
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        Box::pin(self.reap_some(now))
    }

    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        Box::pin(async move {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            Ok(inner.state.sleep(in_hand.most, now.steady, time))
        })
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move {
            let sight = {
                let mut inner = self.inner();
                let time = inner.clock.at(now);
                inner.state.get(id).and_then(|slot| plan::stored(&inner.state, slot, time))
            };
            self.look(sight).await
        })
    }

    fn list<'a>(
        &'a self,
        list: &'a List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> BoxFuture<'a, Result<ListPage>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            Ok(list::list(&inner.state, list, after, limit, time))
        })
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(self.dead_letters(after, limit, now))
    }

    fn remember(&self, retention: Retention) {
        self.inner().history.keep(retention);
    }

    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            inner.forget_ends(time);
            Ok(inner.history.page(before, limit))
        })
    }

    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            inner.forget_ends(time);
            Ok(inner.history.how_ended(id))
        })
    }

    fn stats(&self, _now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        Box::pin(async move { Ok(list::stats(&self.inner().state)) })
    }
}

impl JournalQueueStorage {
    /// A page of dead letters. Those whose content is damaged come without it: they are dead, and their errors say of what.
    async fn dead_letters(&self, after: Option<&str>, limit: usize, now: Moment) -> Result<Vec<Stored>> {
        let sights = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            list::dead(&inner.state, after, limit, time)
        };
        let mut letters = Vec::with_capacity(sights.len());
        for (sight, error) in self.whole(sights).await? {
            if let Some(error) = error.filter(|error| error.kind() != ErrorKind::Corrupt) {
                return Err(error.context(format!("the content of the item {:?}", sight.seen.item.id)));
            }
            letters.push(sight.seen);
        }
        Ok(letters)
    }
}

fn lives(phase: Phase) -> bool {
    !matches!(phase, Phase::Dead | Phase::Reserved)
}
