//! The items that a worker has in its hands, each with its next heartbeat.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use hashbrown::HashMap;
use syncline_core::{Instant, port::Lease};
use tokio::sync::Notify;

use super::signal::Signal;

/// Who works for one worker.
#[derive(Default)]
pub(in crate::queue) struct Crew {
    seats: Mutex<Seats>,
    /// Somebody came, or all is over.
    pub(super) changed: Notify,
    pub(super) is_over: Signal,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: HashMap<u64, Seat>,
}

struct Seat {
    lease: Lease,
    cancelled: Arc<Signal>,
    /// When the lease is to be extended.
    beat: Instant,
    /// From when on it is not extended any more.
    deadline: Option<Instant>,
}

/// A handler is at work until this is dropped.
#[must_use = "dropped at once its lease is not extended"]
pub(super) struct AtWork {
    crew: Arc<Crew>,
    number: u64,
}

impl Crew {
    /// Somebody begins to work under a lease that is to be extended at `beat`, and never from `deadline` on.
    pub(super) fn enter(
        self: &Arc<Self>,
        lease: Lease,
        cancelled: Arc<Signal>,
        beat: Instant,
        deadline: Option<Instant>,
    ) -> AtWork {
        let mut seats = self.seats();
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, Seat { lease, cancelled, beat, deadline });
        drop(seats);
        self.changed.notify_one();
        AtWork { crew: Arc::clone(self), number }
    }

    /// The leases that are to be extended at `now`, and when the first of the others is.
    pub(super) fn due(&self, now: Instant) -> (Vec<(u64, Lease)>, Option<Instant>) {
        let seats = self.seats();
        let alive = || seats.taken.iter().filter(|(_, seat)| seat.deadline.is_none_or(|at| at > now));
        let due = alive().filter(|(_, seat)| seat.beat <= now);
        let due = due.map(|(number, seat)| (*number, seat.lease.clone())).collect();
        let next = alive().map(|(_, seat)| seat.beat).filter(|beat| *beat > now).min();
        (due, next)
    }

    /// The next heartbeat of one of them; without one its lease is lost, and its handler is told.
    pub(super) fn beat(&self, number: u64, next: Option<Instant>) {
        let mut seats = self.seats();
        match next {
            Some(next) => {
                if let Some(seat) = seats.taken.get_mut(&number) {
                    seat.beat = next;
                }
            }
            None => {
                if let Some(seat) = seats.taken.remove(&number) {
                    seat.cancelled.set();
                }
            }
        }
    }

    /// Who works on this item is told that it was cancelled.
    fn cancel(&self, id: &str) {
        let seats = self.seats();
        seats
            .taken
            .values()
            .filter(|seat| seat.lease.id == id)
            .for_each(|seat| seat.cancelled.set());
    }

    /// Everybody is told.
    pub(super) fn cancel_all(&self) {
        self.seats().taken.values().for_each(|seat| seat.cancelled.set());
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Each critical section leaves the seats whole, so a panic elsewhere does not spoil them.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.crew.seats().taken.remove(&self.number);
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("at_work", &self.seats().taken.len()).finish_non_exhaustive()
    }
}

/// The crews of all workers on a queue, so that a cancel reaches who has the item.
#[derive(Debug, Default)]
pub(in crate::queue) struct Crews(Mutex<Vec<Weak<Crew>>>);

impl Crews {
    pub(super) fn add(&self, crew: &Arc<Crew>) {
        let mut crews = self.crews();
        crews.retain(|crew| crew.strong_count() > 0);
        crews.push(Arc::downgrade(crew));
    }

    pub(in crate::queue) fn cancel(&self, id: &str) {
        self.crews().iter().filter_map(Weak::upgrade).for_each(|crew| crew.cancel(id));
    }

    fn crews(&self) -> MutexGuard<'_, Vec<Weak<Crew>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
