//! Who hears of a stream's records, and from when on.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Entry, Owner, Seq, log::Submission};

/// The owners of all streams that have one.
#[derive(Default)]
pub(crate) struct Owners {
    seats: RwLock<BTreeMap<u32, Arc<Seat>>>,
}

/// An owner, and from when on it hears of records as they are answered.
pub(crate) struct Seat {
    pub(crate) owner: Arc<dyn Owner>,
    /// The replay tells of every record before this one, however late it is answered; [`REPLAYING`] while it runs.
    from: AtomicU64,
    /// Records that were answered while the replay ran: those that were on their way when the stream got this owner, and
    /// those of handles that somebody kept.
    early: Mutex<Vec<Entry>>,
}

const REPLAYING: u64 = u64::MAX;

impl Owners {
    /// Seats `owner`, unless the stream has one. It hears of nothing before [`Seat::go_live`].
    pub(crate) fn seat(&self, stream: u32, owner: Arc<dyn Owner>) -> Option<Arc<Seat>> {
        let mut seats = self.write();
        if seats.contains_key(&stream) {
            return None;
        }
        let seat = Arc::new(Seat { owner, from: AtomicU64::new(REPLAYING), early: Mutex::default() });
        seats.insert(stream, Arc::clone(&seat));
        Some(seat)
    }

    /// Once this returned, the stream's owner hears of no more records.
    pub(crate) fn release(&self, stream: u32) {
        let seat = self.write().remove(&stream);
        // Without the lock: an owner that is dropped may let go of its stream.
        drop(seat);
    }

    pub(crate) fn release_all(&self) {
        let seats = std::mem::take(&mut *self.write());
        drop(seats);
    }

    pub(crate) fn has(&self, stream: u32) -> bool {
        self.read().contains_key(&stream)
    }

    /// Hands a submission's records to their owners, in order.
    pub(crate) fn apply(&self, submission: Submission, first: u64) {
        let seats = self.read();
        for (index, (stream, payload)) in submission.records.into_iter().enumerate() {
            if let Some(seat) = seats.get(&stream) {
                seat.apply(Entry { seq: Seq::new(first + index as u64), payload });
            }
        }
    }

    /// The seats of all streams but this one.
    pub(crate) fn others(&self, stream: u32) -> Vec<Arc<Seat>> {
        let seats = self.read();
        seats.iter().filter(|(id, _)| **id != stream).map(|(_, seat)| Arc::clone(seat)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Arc<Seat>>> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Arc<Seat>>> {
        self.seats.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    fn apply(&self, entry: Entry) {
        let mut from = self.from.load(Ordering::Acquire);
        if from == REPLAYING {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            from = self.from.load(Ordering::Acquire);
            if from == REPLAYING {
                early.push(entry);
                return;
            }
        }
        if entry.seq.get() >= from {
            self.owner.apply(entry);
        }
    }

    /// Asks the owner for room, unless it still hears of the past.
    pub(crate) fn make_room(&self) -> bool {
        self.from.load(Ordering::Acquire) != REPLAYING && self.owner.make_room()
    }

    /// The replay told of every record before `from`. Hands over what was answered since, and from now on everything.
    pub(crate) fn go_live(&self, from: u64) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in std::mem::take(&mut *early).into_iter().filter(|entry| entry.seq.get() >= from) {
            self.owner.apply(entry);
        }
        self.from.store(from, Ordering::Release);
    }
}
