//! Drawing calls: few ids, keys and lanes, so that they meet.

use std::time::Duration;

use bytes::Bytes;
use syncline_core::{
    Priority, WallTime,
    port::{Admission, Claim, DedupKey, InHand, Lease, Moment, NewItem, QueueOutcome, Settlement},
};

use super::{call::Call, oracle::Oracle};
use crate::SeededRandom;

/// One claim in so many allows another number of a lane than the others of its history.
const OTHER_BOUND_EVERY: u64 = 16;

/// What a history draws its calls from.
#[derive(Debug)]
pub(super) struct Draw {
    pub(super) random: SeededRandom,
    pub(super) ids: Vec<String>,
    admission: Admission,
    aging: Option<Duration>,
    /// How many of a lane most claims allow.
    of_lane: u16,
    pushed: u64,
}

impl Draw {
    pub(super) fn new(random: SeededRandom) -> Self {
        let ids = (0..3 + random.below(10)).map(|n| format!("item {n}")).collect();
        let admission = Admission { capacity: 4 + random.below(28), unique_ids: !random.once_in(4) };
        let aging = random.once_in(3).then(|| Duration::from_millis(1 + random.below(1_000)));
        let of_lane = if random.once_in(2) { 1 } else { lane_bound(&random) };
        Self { random, ids, admission, aging, of_lane, pushed: 0 }
    }

    /// How far the clocks go before the next call.
    pub(super) fn pause(&self) -> u64 {
        match self.random.below(20) {
            0 => self.random.below(5_000),
            1..=9 => self.random.below(300),
            _ => 0,
        }
    }

    pub(super) fn call(&mut self, oracle: &Oracle, now: Moment) -> Call {
        match self.random.below(100) {
            0..28 => Call::Push(self.some(3, |draw| draw.item(now)), self.admission),
            28..52 => Call::Claim(self.claim()),
            52..76 => Call::Settle(self.settlements(oracle, now)),
            76..80 => {
                Call::Extend(self.some(2, |draw| draw.lease(oracle)), Duration::from_millis(self.random.below(2_000)))
            }
            80..84 => Call::Cancel(self.different_ids()),
            84..89 => Call::Redrive(self.different_ids()),
            89..91 => Call::Purge(self.different_ids()),
            91..93 => Call::ExpireDead(Duration::from_millis(self.random.below(3_000))),
            _ => Call::Reap,
        }
    }

    fn some<T>(&mut self, most: u64, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..=self.random.below(most)).map(|_| one(self)).collect()
    }

    fn claim(&self) -> Claim {
        Claim {
            most: self.random.index(5),
            lease: Duration::from_millis(self.random.below(2_000)),
            aging: self.aging,
            in_hand: InHand {
                most: None,
                of_lane: if self.random.once_in(OTHER_BOUND_EVERY) {
                    lane_bound(&self.random)
                } else {
                    self.of_lane
                },
            },
        }
    }

    fn id(&self) -> String {
        self.ids.get(self.random.index(self.ids.len())).cloned().unwrap_or_default()
    }

    fn different_ids(&mut self) -> Vec<String> {
        let mut ids = self.some(2, |draw| draw.id());
        ids.dedup();
        ids
    }

    /// A time around now; often in the past.
    fn time(&self, now: Moment, most: u64) -> WallTime {
        WallTime::from_millis((now.wall.as_millis() + self.random.below(most)).saturating_sub(500))
    }

    fn item(&mut self, now: Moment) -> NewItem {
        self.pushed += 1;
        let random = &self.random;
        let dedup = || DedupKey {
            key: format!("key {}", random.below(3)),
            window: Duration::from_millis(if random.once_in(2) { 0 } else { random.below(3_000) }),
        };
        let level = u8::try_from(random.below(5)).ok().and_then(Priority::from_number);
        NewItem {
            id: self.id(),
            priority: level.unwrap_or_default(),
            due: random.once_in(3).then(|| self.time(now, 3_000)),
            max_attempts: u16::try_from(random.below(5)).unwrap_or(0),
            partition: random.once_in(3).then(|| format!("lane {}", random.below(3))),
            dedup: random.once_in(6).then(dedup),
            expires_at: random.once_in(6).then(|| self.time(now, 5_000)),
            // No two alike, so that one that came back is told from another one of its id.
            body: Bytes::from(self.pushed.to_le_bytes().repeat(random.index(4))),
        }
    }

    /// One that is live, one that was, one that never was, or whichever there is.
    fn lease(&self, oracle: &Oracle) -> Lease {
        let random = &self.random;
        let live: Vec<_> = oracle.items.iter().filter(|item| item.is_leased()).collect();
        match random.below(12) {
            0 => Lease { id: self.id(), token: None },
            1 => Lease { id: self.id(), token: Some(random.below(4)) },
            2 => Lease { id: self.id(), token: Some(random.word()) },
            3 | 4 => match oracle.leases.get(random.index(oracle.leases.len())) {
                Some((id, token)) => Lease { id: id.clone(), token: Some(*token) },
                None => Lease { id: self.id(), token: None },
            },
            n => match live.get(random.index(live.len())) {
                Some(item) => Lease { id: item.new.id.clone(), token: (n > 5).then_some(item.token) },
                None => Lease { id: self.id(), token: None },
            },
        }
    }

    /// In one call a lease may be named twice; without a token, who is meant by the second of an id is anybody's guess.
    fn settlements(&mut self, oracle: &Oracle, now: Moment) -> Vec<Settlement> {
        let mut settlements = self.some(3, |draw| draw.settlement(oracle, now));
        if settlements.iter().any(|one| one.lease.token.is_none()) {
            settlements.truncate(1);
        }
        settlements
    }

    fn settlement(&mut self, oracle: &Oracle, now: Moment) -> Settlement {
        let lease = self.lease(oracle);
        let outcome = match self.random.below(20) {
            0..6 => QueueOutcome::Complete { push: Vec::new() },
            6..9 => {
                let mut push = self.some(2, |draw| draw.item(now));
                // The same item again, as a step that repeats itself does.
                if let Some(first) = push.first_mut().filter(|_| self.random.once_in(3)) {
                    first.id.clone_from(&lease.id);
                }
                QueueOutcome::Complete { push }
            }
            9..14 => QueueOutcome::Retry { at: self.time(now, 2_500), error: format!("failure {}", self.pushed) },
            14..16 => QueueOutcome::Reject { error: format!("rejected {}", self.pushed) },
            16 => QueueOutcome::Defer { at: self.time(now, 2_500) },
            _ => QueueOutcome::Release,
        };
        Settlement { lease, outcome }
    }
}

/// How many of a lane may be in hand at once; 0 counts as 1.
fn lane_bound(random: &SeededRandom) -> u16 {
    u16::try_from(random.below(5)).unwrap_or(0)
}
