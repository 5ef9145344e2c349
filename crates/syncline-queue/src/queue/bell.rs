//! Wake-ups for those who wait for items: none is lost, and nobody polls.
//!
//! A waiter listens, then looks, then [arms](Bell::arm) its alarm for the next due time, then sleeps; every interleaving of
//! that order is modelled beside this file. Whoever makes an item
//! ready rings; whoever makes something due later says [when](Bell::due), and only those are woken whose alarms are later.

#[cfg(all(test, syncline_loom))]
mod loom_models;

use syncline_core::Instant;

use crate::sync::{
    Notified, Notify,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst, fence},
};

/// Who waits for items, and until when.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    notify: Notify,
    /// Counts what may have become due earlier than a waiter saw.
    changes: AtomicU64,
    /// No sleeper's alarm is later than this, in milliseconds.
    latest: AtomicU64,
    /// A call was dropped half-way: what it does may happen without anybody saying so.
    was_abandoned: AtomicBool,
}

impl Bell {
    /// Rings of now on are heard, once this was enabled.
    pub(crate) fn listen(&self) -> Notified<'_> {
        self.notify.notified()
    }

    /// What a waiter remembers before it looks.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(SeqCst)
    }

    /// So many items are ready.
    pub(super) fn ring(&self, items: usize) {
        for _ in 0..items {
            self.notify.notify_one();
        }
    }

    /// Everybody looks again.
    pub(crate) fn ring_all(&self) {
        self.latest.store(0, SeqCst);
        self.notify.notify_waiters();
    }

    /// Something is due at `at`: those who sleep longer look again.
    pub(super) fn due(&self, at: Instant) {
        // In this order: a waiter that arms after this load sees the change, for `arm` goes the other way round.
        self.changes.fetch_add(1, SeqCst);
        fence(SeqCst);
        if millis(at) < self.latest.load(SeqCst) {
            self.ring_all();
        }
    }

    /// Whether a waiter that remembered `seen` may sleep until `at`; otherwise it has to look again.
    pub(super) fn arm(&self, seen: u64, at: Option<Instant>) -> bool {
        self.latest.fetch_max(at.map_or(u64::MAX, millis), SeqCst);
        fence(SeqCst);
        self.changes.load(SeqCst) == seen
    }

    /// A call was dropped: it may have had its effect, or may have it later.
    pub(super) fn abandon(&self) {
        self.was_abandoned.store(true, SeqCst);
        self.ring_all();
    }

    pub(super) fn was_abandoned(&self) -> bool {
        self.was_abandoned.load(SeqCst)
    }

    /// Something was carried out, of which its caller tells everybody unless it was dropped.
    pub(crate) fn carried_out(&self) {
        if self.was_abandoned() {
            self.ring_all();
        }
    }
}

fn millis(at: Instant) -> u64 {
    u64::try_from(at.since_origin().as_millis()).unwrap_or(u64::MAX)
}

/// A call under way: dropped before it was [done](Self::done), its effect is unknown.
#[must_use = "say that it is done"]
pub(super) struct UnderWay<'a> {
    bell: &'a Bell,
    is_done: bool,
}

impl<'a> UnderWay<'a> {
    pub(super) fn new(bell: &'a Bell) -> Self {
        Self { bell, is_done: false }
    }

    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.bell.abandon();
        }
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Waker},
        time::Duration,
    };

    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(secs))
    }

    fn is_rung(bell: &Bell, between: impl FnOnce()) -> bool {
        let mut woken = pin!(bell.listen());
        woken.as_mut().enable();
        between();
        woken.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn only_those_who_would_oversleep_are_woken() {
        let bell = Bell::default();
        assert!(!is_rung(&bell, || bell.due(at(1))), "nobody sleeps");
        assert!(bell.arm(bell.changes(), Some(at(10))));
        assert!(!is_rung(&bell, || bell.due(at(20))));
        assert!(is_rung(&bell, || bell.due(at(5))));
        assert!(bell.arm(bell.changes(), None));
        assert!(is_rung(&bell, || bell.due(at(1_000))));
    }

    #[test]
    fn what_is_due_while_a_waiter_looks_makes_it_look_again() {
        let bell = Bell::default();
        let seen = bell.changes();
        bell.due(at(5));
        assert!(!bell.arm(seen, Some(at(10))));
    }

    #[test]
    fn a_ring_before_the_wait_is_heard_and_each_item_wakes_one() {
        let bell = Bell::default();
        bell.ring(1);
        assert!(is_rung(&bell, || ()));
        assert!(!is_rung(&bell, || ()));
        let (mut a, mut b) = (pin!(bell.listen()), pin!(bell.listen()));
        a.as_mut().enable();
        b.as_mut().enable();
        bell.ring(2);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(a.poll(&mut cx).is_ready() && b.poll(&mut cx).is_ready());
    }

    #[test]
    fn after_a_call_was_dropped_whatever_is_carried_out_wakes_everybody() {
        let bell = Bell::default();
        UnderWay::new(&bell).done();
        assert!(!is_rung(&bell, || bell.carried_out()));
        assert!(is_rung(&bell, || drop(UnderWay::new(&bell))));
        assert!(is_rung(&bell, || bell.carried_out()));
    }
}
