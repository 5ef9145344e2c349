//! What a queue remembers beside its storage: numbers, who took what here, what ended lately.

use std::{collections::VecDeque, time::Duration};

use hashbrown::HashMap;
use syncline_core::{
    Instant,
    port::{Claimed, DeadReason, Moment, QueueStats, Settled},
};

use super::{
    dead_ttl::DeadEnds,
    holds::{Held, Holds},
};
use crate::{
    ItemStatus, QueueConfig,
    metrics::{Settle, Tally, Took},
    state::Id,
    storage::Retention,
};

/// Bytes that the note of an end takes beside its id, about.
const NOTE_BYTES: u64 = 64;

/// All of it, behind one lock.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) tally: Tally,
    /// As the storage last said.
    pub(super) stats: QueueStats,
    held: Holds,
    ended: Ended,
    pub(super) dead_ends: DeadEnds,
}

impl Book {
    pub(super) fn new(now: Instant, config: &QueueConfig) -> Self {
        Self {
            tally: Tally::new(now),
            stats: QueueStats::default(),
            held: Holds::default(),
            ended: Ended { retention: config.retention(), ..Ended::default() },
            dead_ends: DeadEnds::new(config.dead_letter_ttl, now),
        }
    }

    /// Items were handed out under leases of `lease`.
    pub(super) fn took(&mut self, claimed: &[Claimed], lease: Duration, now: Moment) {
        for one in claimed {
            let ms = now.wall.as_millis().saturating_sub(one.eligible_at.as_millis());
            self.tally.popped(one.priority, Duration::from_millis(ms), now.steady);
            let held = Held {
                token: one.token,
                attempt: one.attempt,
                eligible_at: one.eligible_at,
                since: now.steady,
                until: now.steady + lease,
            };
            self.held.insert(one.id.as_str().into(), held);
        }
    }

    /// What is held under this lease, or under any.
    pub(super) fn held(&self, id: &str, token: Option<u64>) -> Option<Held> {
        self.held
            .get(&Id::from(id))
            .filter(|held| token.is_none_or(|token| token == held.token))
            .copied()
    }

    /// Nobody holds it any more; returns for how long somebody did.
    pub(super) fn let_go(&mut self, id: &str, token: Option<u64>, now: Instant) -> Option<Took> {
        let is_it = |held: &Held| token.is_none_or(|token| token == held.token);
        let held = self.held.remove(&Id::from(id), is_it)?;
        Some(Took { time: now.saturating_since(held.since), attempt: held.attempt })
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
        if let Some(held) = self
            .held
            .get_mut(&Id::from(id))
            .filter(|held| token.is_none_or(|token| token == held.token))
        {
            held.until = until;
        }
    }

    /// Looks for leases that are over at up to `most` places, and forgets them: returns whose they were.
    pub(super) fn forget_leases(&mut self, now: Instant, most: usize) -> Vec<Id> {
        self.held.sweep(now, most)
    }

    /// An item ended as `status` says.
    pub(super) fn ended(&mut self, id: &str, status: ItemStatus, now: Instant) {
        self.ended.note(id, status, now);
    }

    /// How an item ended, if that is remembered.
    pub(super) fn how_ended(&mut self, id: &str, now: Instant) -> Option<ItemStatus> {
        self.ended.forget(now);
        self.ended.of.get(id).map(|(status, _)| *status)
    }
}

/// Ends of items of a storage that keeps no history, oldest first.
#[derive(Debug, Default)]
struct Ended {
    retention: Retention,
    bytes: u64,
    order: VecDeque<(Instant, String)>,
    of: HashMap<String, (ItemStatus, Instant)>,
}

impl Ended {
    fn note(&mut self, id: &str, status: ItemStatus, now: Instant) {
        self.order.push_back((now, id.to_owned()));
        self.of.insert(id.to_owned(), (status, now));
        self.bytes += bytes_of(id);
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        let Retention { age, items, bytes } = self.retention;
        while self
            .order
            .front()
            .is_some_and(|(at, _)| *at + age <= now || self.order.len() > items || self.bytes > bytes)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((at, id)) = self.order.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(bytes_of(&id));
        // The id may have ended again since.
        if self.of.get(&id).is_some_and(|(_, noted)| *noted == at) {
            self.of.remove(&id);
        }
    }
}

fn bytes_of(id: &str) -> u64 {
    NOTE_BYTES + id.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(secs))
    }

    #[test]
    fn ends_are_remembered_for_their_time_and_up_to_their_number() {
        let retention = Retention { age: Duration::from_secs(10), items: 100, bytes: 10_000 };
        let mut ended = Ended { retention, ..Ended::default() };
        ended.note("a", ItemStatus::Completed, at(0));
        ended.note("b", ItemStatus::Cancelled, at(1));
        ended.note("a", ItemStatus::Cancelled, at(5));
        ended.forget(at(10));
        assert_eq!(ended.of["a"].0, ItemStatus::Cancelled, "its second end is younger");
        ended.forget(at(15));
        assert!(ended.of.is_empty() && ended.order.is_empty());
        for number in 0..105 {
            ended.note(&number.to_string(), ItemStatus::Completed, at(20));
        }
        assert_eq!((ended.of.len(), ended.of.contains_key("4"), ended.of.contains_key("5")), (100, false, true));
        ended.retention.bytes = 200;
        ended.forget(at(20));
        assert_eq!((ended.of.len(), ended.bytes), (2, 134));
    }
}
