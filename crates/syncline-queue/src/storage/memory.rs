//! Items in memory: the scheduler alone, for tests and for queues that need not outlive their process.

use std::{fmt, time::Duration};

use syncline_core::{
    Result,
    port::{
        Admission, BoxFuture, Claim, EndedCursor, EndedPage, Ending, ExpiredDead, Handed, InHand, Lease, List,
        ListCursor, ListPage, Moment, NewItem, Pushed, QueueOutcome as Outcome, QueueStats, QueueStorage, Reaped,
        Retention, Settled, Settlement, Stored,
    },
};

use super::{
    attempt::{Attempt, Verdict},
    body::Body,
    counted::{Counted, Lives, Locked},
    history::History,
    list,
    new::New,
    plan,
    time::QueueClock,
};
use crate::state::{Applied, Entry, Hold, Millis, Phase, State};

/// Most that one call of upkeep does before it says that there is more.
const REAP_MAX: u64 = 64;

/// A queue that ends with its process.
///
/// # Examples
///
/// ```
/// use syncline_core::{Instant, WallTime, port::{InHand, Moment, QueueStorage as _}};
/// use syncline_queue::MemoryQueueStorage;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let storage = MemoryQueueStorage::new();
/// let now = Moment { wall: WallTime::from_millis(1), steady: Instant::default() };
/// assert_eq!(storage.next_due(InHand::default(), now).await.unwrap(), None);
/// # });
/// ```
#[derive(Default)]
pub struct MemoryQueueStorage {
    shared: Counted<Shared>,
}

#[derive(Default)]
struct Shared {
    state: State<Body>,
    clock: QueueClock,
    history: History,
}

impl MemoryQueueStorage {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty queue that remembers as much as this of what ended.
    pub(crate) fn keeping(retention: Retention) -> Self {
        let shared = Shared { history: History::new(retention), ..Shared::default() };
        Self { shared: Counted::new(shared) }
    }

    /// As [`QueueStorage::push`].
    pub(crate) fn push_now<'a>(
        &self,
        items: impl ExactSizeIterator<Item = New<'a>> + Clone,
        admission: Admission,
        now: Moment,
    ) -> Result<Vec<Pushed>> {
        let mut shared = self.shared();
        let time = shared.clock.at(now);
        plan::accept(&mut shared.state, items, admission, time)
    }

    /// As [`QueueStorage::claim`].
    pub(crate) fn claim_now(&self, claim: Claim, now: Moment) -> Handed {
        let taken = {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            plan::claim(&mut shared.state, claim, now, time, drop)
        };
        let items = taken.items.into_iter().map(|item| item.told().seen).collect();
        Handed { items, buried: taken.buried }
    }

    /// As [`QueueStorage::settle`].
    pub(crate) fn settle_now(&self, settlements: &[Settlement], now: Moment) -> Result<Vec<Verdict>> {
        let mut shared = self.shared();
        let time = shared.clock.at(now);
        plan::approach(&shared.state, settlements);
        settlements.iter().map(|settlement| shared.settle(settlement, time)).collect()
    }

    /// Items that live.
    pub(crate) fn live(&self) -> u64 {
        self.shared.live()
    }

    /// The attempt that is under way on an item, under this lease or any.
    pub(crate) fn attempt(&self, id: &str, token: Option<u64>) -> Option<Attempt> {
        plan::attempt(&self.shared().state, id, token)
    }

    /// The item that is next, untouched.
    pub(crate) fn peek(&self, aging: Option<Duration>, now: Moment) -> Option<Stored> {
        let mut shared = self.shared();
        let time = shared.clock.at(now);
        plan::peek(&shared.state, aging, time).map(|sight| sight.seen)
    }

    fn shared(&self) -> Locked<'_, Shared> {
        self.shared.lock()
    }
}

impl Lives for Shared {
    fn lives(&self) -> u64 {
        self.state.counts().lives()
    }
}

impl Shared {
    fn settle(&mut self, settlement: &Settlement, time: Millis) -> Result<Verdict> {
        let (verdict, entry) = plan::settle(&self.state, &settlement.lease, &settlement.outcome, time);
        let Some(entry) = entry else { return Ok(verdict) };
        if let (Outcome::Complete { push }, Entry::Complete { seq }) = (&settlement.outcome, &entry) {
            let anyway = Admission { capacity: u64::MAX, unique_ids: true };
            let reserved = plan::reserve_after(&mut self.state, &[*seq], push, anyway, time)?;
            self.end(entry, time);
            for entry in reserved.entries {
                self.state.apply(entry);
            }
        } else {
            self.state.apply(entry);
        }
        Ok(verdict)
    }

    /// Takes a step that ends an item.
    fn end(&mut self, entry: Entry<Body>, time: Millis) -> Applied<Body> {
        let ended = self.history.end_of(&self.state, &entry, time);
        let applied = self.state.apply(entry);
        if let (Some(ended), Applied::Gone(_)) = (ended, &applied) {
            self.history.note(ended, 0);
            while self.history.forget_one(time).is_some() {}
        }
        applied
    }

    fn reap(&mut self, now: Moment, time: Millis) -> Reaped {
        while self.history.forget_one(time).is_some() {}
        let mut reaped = Reaped { more: true, ..Reaped::default() };
        while reaped.leases + reaped.dead < REAP_MAX {
            let entries = plan::reap(&self.state, now, time);
            if entries.is_empty() {
                reaped.more = self.state.sweep(time) > 0;
                break;
            }
            for entry in entries {
                plan::count(&mut reaped, &entry);
                self.state.apply(entry);
            }
        }
        reaped
    }

    fn expire_dead(&mut self, older_than: Duration, time: Millis) -> ExpiredDead {
        let (over, next) = plan::expired_dead(&self.state, older_than, time, |_| false);
        let (ids, seqs): (Vec<_>, Vec<_>) = over.iter().map(|slot| (slot.id.to_string(), slot.seq)).unzip();
        for seq in seqs {
            self.end(Entry::Outlive { seq }, time);
        }
        ExpiredDead { ids, next }
    }

    fn extend(&mut self, lease: &Lease, until: Duration, now: Moment) -> bool {
        match self.state.hold(&lease.id, lease.token) {
            Hold::Held { seq } => {
                self.state.lease_until(seq, now.steady + until);
                true
            }
            Hold::Lost | Hold::Unknown => false,
        }
    }

    /// Takes the step that `entry` makes of the item of `id`, where it stands in one of the phases that `is_fit` names.
    fn step(
        &mut self,
        id: &str,
        is_fit: fn(Phase) -> bool,
        entry: fn(u64, Millis) -> Entry<Body>,
        time: Millis,
    ) -> bool {
        let Some(seq) = self.state.find(id, is_fit).map(|slot| slot.seq) else {
            return false;
        };
        self.end(entry(seq, time), time) != Applied::Moot
    }

    fn step_all(
        &mut self,
        ids: &[String],
        now: Moment,
        is_fit: fn(Phase) -> bool,
        entry: fn(u64, Millis) -> Entry<Body>,
    ) -> Vec<bool> {
        let time = self.clock.at(now);
        ids.iter().map(|id| self.step(id, is_fit, entry, time)).collect()
    }
}

fn is_dead(phase: Phase) -> bool {
    phase == Phase::Dead
}

fn lives(phase: Phase) -> bool {
    !matches!(phase, Phase::Dead | Phase::Reserved)
}

impl QueueStorage for MemoryQueueStorage {
    fn push<'a>(
        &'a self,
        items: &'a [NewItem],
        admission: Admission,
        now: Moment,
    ) -> BoxFuture<'a, Result<Vec<Pushed>>> {
        Box::pin(async move { self.push_now(items.iter().map(New::from), admission, now) })
    }

    fn claim(&self, claim: Claim, now: Moment) -> BoxFuture<'_, Result<Handed>> {
        Box::pin(async move { Ok(self.claim_now(claim, now)) })
    }

    fn settle<'a>(&'a self, settlements: &'a [Settlement], now: Moment) -> BoxFuture<'a, Result<Vec<Settled>>> {
        Box::pin(async move {
            let verdicts = self.settle_now(settlements, now)?;
            Ok(verdicts.into_iter().map(|verdict| verdict.settled).collect())
        })
    }

    fn extend<'a>(&'a self, leases: &'a [Lease], lease: Duration, now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut shared = self.shared();
            Ok(leases.iter().map(|one| shared.extend(one, lease, now)).collect())
        })
    }

    fn cancel<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move { Ok(self.shared().step_all(ids, now, lives, |seq, _| Entry::Drop { seq })) })
    }

    fn redrive<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move { Ok(self.shared().step_all(ids, now, is_dead, |seq, at| Entry::Redrive { seq, at })) })
    }

    fn purge<'a>(&'a self, ids: &'a [String], now: Moment) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move { Ok(self.shared().step_all(ids, now, is_dead, |seq, _| Entry::Drop { seq })) })
    }

    fn expire_dead(&self, older_than: Duration, now: Moment) -> BoxFuture<'_, Result<ExpiredDead>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            Ok(shared.expire_dead(older_than, time))
        })
    }

    fn reap(&self, now: Moment) -> BoxFuture<'_, Result<Reaped>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            Ok(shared.reap(now, time))
        })
    }

    fn next_due(&self, in_hand: InHand, now: Moment) -> BoxFuture<'_, Result<Option<Duration>>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            Ok(shared.state.sleep(in_hand.most, now.steady, time))
        })
    }

    fn get<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Stored>>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            let state = &shared.state;
            Ok(state.get(id).and_then(|slot| plan::stored(state, slot, time)).map(|sight| sight.seen))
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
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            Ok(list::list(&shared.state, list, after, limit, time))
        })
    }

    fn dead<'a>(&'a self, after: Option<&'a str>, limit: usize, now: Moment) -> BoxFuture<'a, Result<Vec<Stored>>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            let sights = list::dead(&shared.state, after, limit, time);
            Ok(sights.into_iter().map(|sight| sight.seen).collect())
        })
    }

    fn remember(&self, retention: Retention) {
        self.shared().history.keep(retention);
    }

    fn history(&self, before: Option<EndedCursor>, limit: usize, now: Moment) -> BoxFuture<'_, Result<EndedPage>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            while shared.history.forget_one(time).is_some() {}
            Ok(shared.history.page(before, limit))
        })
    }

    fn how_ended<'a>(&'a self, id: &'a str, now: Moment) -> BoxFuture<'a, Result<Option<Ending>>> {
        Box::pin(async move {
            let mut shared = self.shared();
            let time = shared.clock.at(now);
            while shared.history.forget_one(time).is_some() {}
            Ok(shared.history.how_ended(id))
        })
    }

    fn stats(&self, _now: Moment) -> BoxFuture<'_, Result<QueueStats>> {
        Box::pin(async move { Ok(list::stats(&self.shared().state)) })
    }
}

impl fmt::Debug for MemoryQueueStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        f.debug_struct("MemoryQueueStorage")
            .field("counts", &shared.state.counts())
            .finish_non_exhaustive()
    }
}
