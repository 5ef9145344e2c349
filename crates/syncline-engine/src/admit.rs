//! The permit: bytes are reserved before anything is handed over, and given back once they are archived.
//!
//! A permit is plain units, so that it can travel with a record through the journal: the cost of a record follows from the
//! length of its payload alone, before the journal and behind it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use syncline_core::{Error, ErrorKind, Result, port::Clock};
use tokio::sync::{Notify, Semaphore};

use crate::{deadline::within, frontier::Frontier};

/// Memory that a pending record takes beside its payload: map entry, queue slot, item and names.
const BOOKKEEPING_BYTES: usize = 384;
/// One unit of the semaphore: fine enough for small records, coarse enough for its 32 bits.
const UNIT_BYTES: usize = 64;

/// Bytes that a record with this payload holds while it is pending.
pub(crate) const fn cost(payload_len: usize) -> usize {
    payload_len + BOOKKEEPING_BYTES
}

/// Units that a record with this payload holds.
pub(crate) fn units(payload_len: usize) -> u32 {
    u32::try_from(cost(payload_len).div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

/// Room for pending records.
#[derive(Debug)]
pub(crate) struct Admission {
    room: Semaphore,
    units_max: usize,
    /// Units taken beyond the bound, by deletes and by replay: paid before any room is given.
    debt: AtomicUsize,
    /// Submits that wait for room: the archive task does not dawdle then.
    waiting: AtomicUsize,
}

impl Admission {
    pub(crate) fn new(memory_max_bytes: usize) -> Self {
        let units_max = (memory_max_bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            room: Semaphore::new(units_max),
            units_max,
            debt: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes `units`, or says that there is no room.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`].
    pub(crate) fn try_take(&self, units: u32) -> Result<Permit<'_>> {
        match self.room.try_acquire_many(units) {
            Ok(taken) => {
                taken.forget();
                Ok(Permit { admission: self, units })
            }
            Err(_) => Err(self.full(units)),
        }
    }

    /// Takes `units`, waiting for room as long as the frontier moves at least once every `patience`. Whoever does `work` is told.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Full`] when nothing moved for `patience`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it takes nothing.
    pub(crate) async fn take(
        &self,
        units: u32,
        clock: &dyn Clock,
        (frontier, work): (&Frontier, &Notify),
        patience: Duration,
    ) -> Result<Permit<'_>> {
        let _waiting = Waiting::new(&self.waiting);
        work.notify_one();
        let acquire = self.room.acquire_many(units);
        tokio::pin!(acquire);
        loop {
            let before = frontier.at();
            match within(clock, clock.now() + patience, &mut acquire).await {
                Some(Ok(taken)) => {
                    taken.forget();
                    return Ok(Permit { admission: self, units });
                }
                Some(Err(_)) => return Err(Error::new(ErrorKind::Closed, "the engine was shut down")),
                None if frontier.at() != before => {}
                None => return Err(self.full(units).context(format!("nothing was archived for {patience:?}"))),
            }
        }
    }

    /// Takes `units` whatever the bound: for deletes, which free more than they take, and for what a replay finds.
    pub(crate) fn take_anyway(&self, units: u32) -> Permit<'_> {
        let taken = self.room.forget_permits(units as usize);
        self.debt.fetch_add(units as usize - taken, Ordering::AcqRel);
        Permit { admission: self, units }
    }

    /// Gives `units` back.
    pub(crate) fn give_back(&self, units: usize) {
        let free = units - self.pay(units);
        if free > 0 {
            self.room.add_permits(free);
        }
    }

    /// Pays what is owed with `units`; returns how many of them that took.
    fn pay(&self, units: usize) -> usize {
        if self.debt.load(Ordering::Acquire) == 0 {
            return 0;
        }
        let pay = |debt: usize| Some(debt - debt.min(units));
        let before = self.debt.fetch_update(Ordering::AcqRel, Ordering::Acquire, pay);
        // The update always has a value, so either arm holds the debt it replaced.
        let (Ok(before) | Err(before)) = before;
        before.min(units)
    }

    /// Ends all waiting: nobody is let in any more.
    pub(crate) fn close(&self) {
        self.room.close();
    }

    /// Whether submits wait for room.
    pub(crate) fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Bytes that are taken.
    pub(crate) fn taken_bytes(&self) -> usize {
        let taken = self.units_max.saturating_sub(self.room.available_permits());
        (taken + self.debt.load(Ordering::Relaxed)) * UNIT_BYTES
    }

    fn full(&self, units: u32) -> Error {
        let (wanted, taken, max) = (units as usize * UNIT_BYTES, self.taken_bytes(), self.units_max * UNIT_BYTES);
        Error::new(ErrorKind::Full, format!("{taken} of {max} bytes wait to be archived, {wanted} more do not fit"))
    }
}

/// Room that was taken; given back when dropped, unless it was kept.
#[derive(Debug)]
#[must_use = "dropping a permit gives its room back"]
pub(crate) struct Permit<'a> {
    admission: &'a Admission,
    units: u32,
}

impl Permit<'_> {
    /// Leaves the room taken: it now belongs to a record, and is given back with it.
    pub(crate) fn keep(self) -> u32 {
        let units = self.units;
        std::mem::forget(self);
        units
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.admission.give_back(self.units as usize);
    }
}

/// Counts one that waits, until it is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    pub(crate) fn new(count: &'a AtomicUsize) -> Self {
        // In one order with the flag or state that is looked at next: either side sees the other.
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_dropped_permit_gives_its_room_back_and_a_kept_one_does_not() {
        let admission = Admission::new(10 * UNIT_BYTES);
        drop(admission.try_take(6).unwrap());
        assert_eq!(admission.taken_bytes(), 0);
        assert_eq!(admission.try_take(6).unwrap().keep(), 6);
        let error = admission.try_take(5).unwrap_err();
        assert_eq!(error.message(), "384 of 640 bytes wait to be archived, 320 more do not fit");
        admission.give_back(6);
        assert!(admission.try_take(10).is_ok());
    }

    #[test]
    fn what_was_taken_beyond_the_bound_is_paid_before_room_is_given() {
        let admission = Admission::new(10 * UNIT_BYTES);
        assert_eq!(admission.take_anyway(14).keep(), 14);
        assert_eq!(admission.taken_bytes(), 14 * UNIT_BYTES);
        admission.give_back(4);
        assert!(admission.try_take(1).is_err());
        admission.give_back(3);
        assert!(admission.try_take(4).is_err());
        assert!(admission.try_take(3).is_ok());
    }

    proptest! {
        #[test]
        fn the_sum_of_what_is_held_is_what_is_taken(steps in proptest::collection::vec((any::<bool>(), 1u32..8), 1..80)) {
            let admission = Admission::new(16 * UNIT_BYTES);
            let mut held = Vec::new();
            for (anyway, units) in steps {
                if anyway {
                    held.push(admission.take_anyway(units).keep());
                } else if let Ok(permit) = admission.try_take(units) {
                    held.push(permit.keep());
                } else if let Some(units) = held.pop() {
                    admission.give_back(units as usize);
                }
                let sum: usize = held.iter().map(|units| *units as usize * UNIT_BYTES).sum();
                prop_assert_eq!(admission.taken_bytes(), sum);
            }
        }
    }
}
