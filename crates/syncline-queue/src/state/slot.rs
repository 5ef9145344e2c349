//! One item, as the scheduler holds it.

use syncline_core::{Priority, port::DeadReason};

use super::{Id, LaneNumber, leases::LeaseNumber};

/// Milliseconds of the queue's clock: the calendar's, but never going back.
pub(crate) type Millis = u64;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Its push is on the way to disk: its id is taken and nobody sees it.
    Reserved,
    /// In the order of its level: ready, or scheduled for later.
    Waiting,
    /// Behind another item of its lane.
    Behind,
    /// In the hands of a worker.
    Leased,
    /// It will not be tried again.
    Dead,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] = [Self::Reserved, Self::Waiting, Self::Behind, Self::Leased, Self::Dead];
}

/// What every item has. What few items have is boxed, because there may be millions.
#[derive(Debug)]
pub(crate) struct Slot<B> {
    /// Order of acceptance; never given twice.
    pub(crate) seq: u64,
    /// When it may be handed out, which is also its place among those of its level.
    pub(crate) eligible_at: Millis,
    pub(crate) id: Id,
    /// What it carries, or where that is.
    pub(crate) body: B,
    /// The number of its newest lease; 0 without one.
    pub(crate) token: u64,
    /// Attempts that count.
    pub(crate) attempts: u16,
    pub(crate) max_attempts: u16,
    pub(crate) priority: Priority,
    pub(crate) phase: Phase,
    /// Whether there are others of its id.
    pub(crate) has_twins: bool,
    /// The lane that it keeps its order in.
    pub(super) lane: Option<LaneNumber>,
    /// The lease that it is under, if it is in hand.
    pub(super) lease: Option<LeaseNumber>,
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few items have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Extra {
    /// Its place in its lane, which a retry does not change.
    pub(crate) lane_place: Millis,
    /// The key under which nothing else may be pushed for a while.
    pub(crate) dedup: Option<Box<str>>,
    /// When it is of no use any more.
    pub(crate) expires_at: Option<Millis>,
    /// What the last attempts failed with, oldest first.
    pub(crate) errors: Vec<Box<str>>,
    /// Why it is dead, and since when.
    pub(crate) dead: Option<(DeadReason, Millis)>,
    /// The key of the lane that a dead item has left.
    pub(crate) left_lane: Option<Box<str>>,
}

/// Most errors that are kept of one item: the first causes of a long story are seldom its last ones, but memory has a bound.
pub(crate) const ERRORS_MAX: usize = 8;

/// What the numbers of an item take in a record, about.
const ITEM_BYTES: usize = 48;

impl<B> Slot<B> {
    /// Its place among those of its level.
    pub(crate) fn place(&self) -> (Millis, u64) {
        (self.eligible_at, self.seq)
    }

    /// Its place in its lane.
    pub(crate) fn lane_place(&self) -> (Millis, u64) {
        (self.extra.as_ref().map_or(self.eligible_at, |extra| extra.lane_place), self.seq)
    }

    /// It may be handed out from `at` on; its place in its lane stays.
    pub(crate) fn be_due(&mut self, at: Millis) {
        self.extra_mut();
        self.eligible_at = at;
    }

    /// Bytes that it takes in a record, without what it carries.
    pub(crate) fn weight(&self) -> u64 {
        let extra = self.extra.as_ref().map_or(0, |extra| {
            let texts = extra.errors.iter().chain(&extra.dedup).chain(&extra.left_lane);
            texts.map(|text| text.len() + 1).sum::<usize>()
        });
        (ITEM_BYTES + self.id.len() + extra) as u64
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.attempts >= self.max_attempts
    }

    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        let place = self.eligible_at;
        self.extra
            .get_or_insert_with(|| Box::new(Extra { lane_place: place, ..Extra::default() }))
    }

    pub(crate) fn expires_at(&self) -> Option<Millis> {
        self.extra.as_ref().and_then(|extra| extra.expires_at)
    }

    /// Why it is dead, and since when.
    pub(crate) fn died(&self) -> Option<(DeadReason, Millis)> {
        self.extra.as_ref().and_then(|extra| extra.dead)
    }

    /// Remembers what an attempt failed with, forgetting the oldest beyond the bound.
    pub(crate) fn note_error(&mut self, error: Box<str>) {
        let errors = &mut self.extra_mut().errors;
        if errors.len() >= ERRORS_MAX {
            errors.remove(0);
        }
        errors.push(error);
    }
}
