//! What a queue remembers beside its storage: numbers, and who took what here.

use std::time::Duration;

use syncline_core::{
    Instant,
    port::{Claimed, DeadReason, Moment, QueueStats, Settled},
};

use super::{
    dead_ttl::DeadEnds,
    holds::{Held, Holds},
};
use crate::{
    QueueConfig,
    metrics::{Settle, Tally, Took},
    state::Id,
    storage::Attempt,
};

/// All of it, behind one lock.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) tally: Tally,
    /// As the storage last said.
    pub(super) stats: QueueStats,
    /// Kept where the storage does not know it, or somebody asks whose leases are over.
    held: Option<Holds>,
    pub(super) dead_ends: DeadEnds,
}

impl Book {
    /// An empty one; `keeps_holds` is whether it keeps who took what.
    pub(super) fn new(now: Instant, config: &QueueConfig, keeps_holds: bool) -> Self {
        Self {
            tally: Tally::new(now),
            stats: QueueStats::default(),
            held: keeps_holds.then(Holds::default),
            dead_ends: DeadEnds::new(config.dead_letter_ttl, now),
        }
    }

    /// Items were handed out under leases of `lease`.
    pub(super) fn took(&mut self, claimed: &[Claimed], lease: Duration, now: Moment) {
        for one in claimed {
            let ms = now.wall.as_millis().saturating_sub(one.eligible_at.as_millis());
            self.tally.popped(one.priority, Duration::from_millis(ms), now.steady);
            let Some(holds) = &mut self.held else { continue };
            let held = Held {
                token: one.token,
                attempt: one.attempt,
                eligible_at: one.eligible_at,
                since: now.steady,
                until: now.steady + lease,
            };
            holds.insert(one.id.as_str().into(), held);
        }
    }

    /// What is held under this lease, or under any.
    pub(super) fn held(&self, id: &str, token: Option<u64>) -> Option<Held> {
        self.held
            .as_ref()?
            .get(&Id::from(id))
            .filter(|held| token.is_none_or(|token| token == held.token))
            .copied()
    }

    /// Nobody holds it any more.
    pub(super) fn let_go(&mut self, id: &str, token: Option<u64>) -> Option<Held> {
        let is_it = |held: &Held| token.is_none_or(|token| token == held.token);
        self.held.as_mut()?.remove(&Id::from(id), is_it)
    }

    /// Nobody holds it any more, of which the storage knows this; returns for how long somebody did.
    pub(super) fn end(&mut self, lease: (&str, Option<u64>), attempt: Option<Attempt>, now: Instant) -> Option<Took> {
        let held = self.let_go(lease.0, lease.1);
        let seen = attempt.map(|attempt| (attempt.since, attempt.number));
        let (since, attempt) = seen.or_else(|| held.map(|held| (held.since, held.attempt)))?;
        Some(Took { time: now.saturating_since(since), attempt })
    }

    /// An outcome was taken of an attempt, if its beginning was seen.
    pub(super) fn note_settled(&mut self, settled: Settled, dead: DeadReason, took: Option<Took>, now: Instant) {
        match settled {
            Settled::Completed => self.tally.settled(Settle::Completed, took, now),
            Settled::Retried => self.tally.settled(Settle::Retried, took, now),
            Settled::Dead => self.tally.settled(Settle::Failed(dead), took, now),
            Settled::Lost => self.tally.settled(Settle::Lost, None, now),
            Settled::Released | Settled::Unknown => {}
        }
    }

    /// A lease goes on until `until`.
    pub(super) fn extended(&mut self, id: &str, token: Option<u64>, until: Instant) {
        let Some(held) = self.held.as_mut().and_then(|held| held.get_mut(&Id::from(id))) else { return };
        if token.is_none_or(|token| token == held.token) {
            held.until = until;
        }
    }

    /// Looks for leases that are over at up to `most` places, and forgets them: returns whose they were.
    pub(super) fn forget_leases(&mut self, now: Instant, most: usize) -> Vec<Id> {
        self.held.as_mut().map_or_else(Vec::new, |held| held.sweep(now, most))
    }
}
