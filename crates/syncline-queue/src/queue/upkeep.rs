//! Taking back leases that are over, burying what is of no use any more, giving space back.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use syncline_core::{Instant, port::Reaped};

use super::{Inner, QueueEvent, bell::UnderWay};
use crate::{QueueConfig, QueueResult};

/// Most calls of the storage's upkeep in one go; what is left is for the next.
const CALLS_MAX: usize = 64;
/// Most that is looked at under the lock of the book.
const HOLDS_MAX: usize = 64;
/// Leases that are over are seen within this part of a lease.
const LEASE_PART: u32 = 16;

/// When upkeep is due while there is always something to pop.
#[derive(Debug)]
pub(super) struct Upkeep {
    every: Duration,
    settled_max: u64,
    /// Nanoseconds of the steady clock.
    due: AtomicU64,
    settled: AtomicU64,
}

impl Upkeep {
    pub(super) fn new(config: &QueueConfig, now: Instant) -> Self {
        let every = config.cleanup_interval.min(config.lease_duration / LEASE_PART);
        let upkeep = Self {
            every,
            settled_max: config.heap_cleanup_threshold as u64,
            due: AtomicU64::new(0),
            settled: AtomicU64::new(0),
        };
        upkeep.begin(now);
        upkeep
    }

    /// How often it is due while nothing is settled.
    pub(super) fn every(&self) -> Duration {
        self.every
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        nanos(now) >= self.due.load(Relaxed) || self.settled.load(Relaxed) >= self.settled_max
    }

    /// It is being done.
    pub(super) fn begin(&self, now: Instant) {
        self.due.store(nanos(now + self.every), Relaxed);
        self.settled.store(0, Relaxed);
    }

    pub(super) fn settled(&self, count: u64) {
        self.settled.fetch_add(count, Relaxed);
    }
}

fn nanos(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_nanos()).unwrap_or(u64::MAX)
}

impl Inner {
    /// Does what is to be done; returns how many items it touched.
    pub(super) async fn keep_up(&self) -> QueueResult<u64> {
        self.upkeep.begin(self.clock.now());
        let mut untold = Untold { inner: self, sum: Reaped::default() };
        let under_way = UnderWay::new(&self.bell);
        let ended = self.reap_all(&mut untold.sum).await;
        under_way.done();
        let Reaped { leases, dead, .. } = untold.sum;
        drop(untold);
        if ended.is_err() {
            // More may have been done than it could say.
            self.bell.ring_all();
        }
        ended?;
        self.throw_away_dead().await?;
        Ok(leases + dead)
    }

    async fn reap_all(&self, sum: &mut Reaped) -> QueueResult<()> {
        for _ in 0..CALLS_MAX {
            let now = self.now();
            let reaped = self.watched(self.storage().reap(now)).await?;
            *sum += reaped;
            if !reaped.more {
                break;
            }
        }
        Ok(())
    }

    /// Counts what was done, and wakes whom it concerns.
    fn tell_reaped(&self, sum: Reaped) {
        let Reaped { leases, dead, .. } = sum;
        for _ in 0..CALLS_MAX {
            // Also those that another process took back, so that a probe that was lost is not waited for.
            self.forget_leases(HOLDS_MAX);
        }
        if leases + dead > 0 {
            self.book().tally.reaped(sum);
            self.events.tell([QueueEvent::Expired { leases, dead }]);
            // Who died makes way in its partition, and there is room for another one in hands.
            self.bell.ring(usize::try_from(leases + dead).unwrap_or(usize::MAX));
            self.free(dead);
        }
        if dead > 0 {
            self.note_deaths();
        }
    }

    /// Forgets leases that are over, at as many places as are looked at.
    pub(super) fn forget_leases(&self, most: usize) {
        if self.keeps_holds {
            let over = self.book().forget_leases(self.clock.now(), most);
            self.brakes.forget(&over);
        }
    }

    /// So many items live no more: there is room.
    pub(super) fn free(&self, count: u64) {
        for _ in 0..count {
            self.room.notify_one();
        }
    }
}

/// What upkeep did, told to everybody also where it fails later, or its caller goes.
struct Untold<'a> {
    inner: &'a Inner,
    sum: Reaped,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        self.inner.tell_reaped(self.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_by_time_or_by_what_was_settled() {
        let at = |secs| Instant::from_origin(Duration::from_secs(secs));
        let config = QueueConfig { cleanup_interval: Duration::from_secs(10), ..Default::default() };
        let upkeep = Upkeep::new(&config, at(0));
        assert!(!upkeep.is_due(at(9)) && upkeep.is_due(at(10)));
        upkeep.begin(at(10));
        assert!(!upkeep.is_due(at(19)));
        upkeep.settled(999);
        assert!(!upkeep.is_due(at(19)));
        upkeep.settled(1);
        assert!(upkeep.is_due(at(11)));
        let short = QueueConfig { lease_duration: Duration::from_secs(16), ..config };
        assert!(Upkeep::new(&short, at(0)).is_due(at(1)));
    }
}
