//! What time does to items: leases that are over, items of no use any more, keys that are free.

use std::time::Duration;

use syncline_core::port::{Lease, Moment, Reaped};

use super::{JournalQueueStorage, inner::Inner, plan};
use crate::{
    state::{Entry, Hold, Millis},
    storage::body::Body,
};

/// Most that one call of upkeep does before it says that there is more.
const REAP_MAX: usize = 64;

impl Inner {
    pub(super) fn reap(&mut self, now: Moment, time: Millis) -> (Reaped, Vec<Entry<Body>>) {
        let (mut reaped, mut entries) = (Reaped { more: true, ..Reaped::default() }, Vec::new());
        while entries.len() < REAP_MAX {
            let due = plan::reap(&self.state, now, time);
            if due.is_empty() {
                reaped.more = self.state.sweep(time) > 0;
                break;
            }
            for entry in due {
                plan::count(&mut reaped, &entry);
                self.state.apply(entry.clone());
                entries.push(entry);
            }
        }
        reaped.more |= self.unpin(time);
        self.forget_ends(time);
        (reaped, entries)
    }

    /// Gives up the records of keys that are free; returns whether there are more.
    fn unpin(&mut self, time: Millis) -> bool {
        for _ in 0..REAP_MAX {
            let Some(first) = self.pinned.first_entry().filter(|first| first.key().0 <= time) else {
                return false;
            };
            let home = first.remove();
            self.leave(home);
        }
        true
    }

    pub(super) fn extend(&mut self, lease: &Lease, by: Duration, now: Moment) -> bool {
        match self.state.hold(&lease.id, lease.token) {
            Hold::Held { seq } if !self.settling.contains_key(&seq) => {
                self.state.lease_until(seq, now.steady + by);
                true
            }
            _ => false,
        }
    }
}

/// What a call of upkeep did and has not told yet. Where it fails, or its caller is gone, the next one tells it.
pub(super) struct Reaping<'a> {
    storage: &'a JournalQueueStorage,
    pub(super) reaped: Reaped,
}

impl<'a> Reaping<'a> {
    /// With what was not told before.
    pub(super) fn of(storage: &'a JournalQueueStorage, inner: &mut Inner, mut reaped: Reaped) -> Self {
        reaped += std::mem::take(&mut inner.reaped);
        Self { storage, reaped }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.reaped.leases + self.reaped.dead == 0
    }

    pub(super) fn told(mut self) -> Reaped {
        std::mem::take(&mut self.reaped)
    }
}

impl Drop for Reaping<'_> {
    fn drop(&mut self) {
        if !self.is_nothing() {
            self.storage.inner().reaped += Reaped { more: false, ..self.reaped };
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::{Instant, WallTime};

    use super::*;

    /// What went wrong: one call gave up the records of all keys that had become free since the last one.
    #[test]
    fn one_call_gives_up_the_records_of_a_few_keys() {
        let mut inner = Inner::default();
        for seq in 0..100 {
            inner.pinned.insert((5, seq), 7);
        }
        inner.homes.insert(7, 100);
        let now = Moment { wall: WallTime::default(), steady: Instant::default() };
        assert!(inner.reap(now, 5).0.more);
        assert_eq!((inner.pinned.len(), inner.homes.get(&7)), (36, Some(&36)));
        assert!(!inner.reap(now, 5).0.more);
        assert!(inner.pinned.is_empty() && inner.homes.is_empty());
    }
}
