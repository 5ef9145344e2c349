//! Who is next: the items of each level by the time from which they may be handed out, then by acceptance.
//!
//! What is scheduled stands in the same order as what is ready, because a time that has come is a place among others. So
//! nothing has to be moved when it is due, a pop looks at the first of each level and never further, and the first that is
//! not due yet says when to wake up.

use std::ops::Bound;

use syncline_core::Priority;

use super::{runs::Runs, slab::Slab, slot::Millis};

const LEVELS: usize = Priority::ALL.len();

/// A place in a level: time, seq.
pub(crate) type Place = (Millis, u64);

/// The order of each level.
#[derive(Debug, Default)]
pub(crate) struct Order {
    levels: [Runs<Place>; LEVELS],
}

impl Order {
    /// An item stands in the order of its level.
    pub(crate) fn insert<B>(&mut self, slab: &Slab<B>, at: u32) {
        if let Some(slot) = slab.get(at)
            && let Some(level) = self.levels.get_mut(usize::from(slot.priority.number()))
        {
            level.insert(slot.place(), at, |at| place_of(slab, at));
        }
    }

    /// An item stands there no more. Its place is still the one that it was put in at.
    pub(crate) fn remove<B>(&mut self, slab: &Slab<B>, at: u32) {
        if let Some(slot) = slab.get(at)
            && let Some(level) = self.levels.get_mut(usize::from(slot.priority.number()))
        {
            level.remove(slot.place(), at, |at| place_of(slab, at));
        }
    }

    /// The next item at `now`. With `aging`, a level's first counts as one level more urgent for each such time that it
    /// waits; at equal urgency the longer wait goes first.
    pub(crate) fn next<B>(&self, slab: &Slab<B>, now: Millis, aging: Option<Millis>) -> Option<u32> {
        let due = self.firsts(slab).filter(|(_, (eligible_at, _), _)| *eligible_at <= now);
        let urgency = |priority: Priority, eligible_at: Millis| {
            let waited = now.saturating_sub(eligible_at);
            let risen = aging.map_or(0, |step| waited / step.max(1));
            u64::from(priority.number()).saturating_sub(risen)
        };
        due.min_by_key(|(priority, place, _)| (urgency(*priority, place.0), aging.map(|_| *place), *priority))
            .map(|(_, _, at)| at)
    }

    /// Those of a level between two places, in order.
    pub(crate) fn range<'a, B>(
        &'a self,
        slab: &'a Slab<B>,
        level: Priority,
        (from, until): (Bound<Place>, Bound<Place>),
    ) -> impl Iterator<Item = (Place, u32)> + 'a {
        let level = self.levels.get(usize::from(level.number())).into_iter();
        level.flat_map(move |level| level.range((from, until), |at| place_of(slab, at)))
    }

    /// When the first of a level may be handed out.
    pub(crate) fn first_at<B>(&self, slab: &Slab<B>, level: Priority) -> Option<Millis> {
        let first = self.levels.get(usize::from(level.number()))?.first()?;
        Some(place_of(slab, first).0)
    }

    /// When the first that is not due at `now` will be; `None` when nothing is scheduled or something is due already.
    pub(crate) fn next_due<B>(&self, slab: &Slab<B>) -> Option<Millis> {
        self.firsts(slab).map(|(_, (eligible_at, _), _)| eligible_at).min()
    }

    fn firsts<'a, B>(&'a self, slab: &'a Slab<B>) -> impl Iterator<Item = (Priority, Place, u32)> + 'a {
        let levels = Priority::ALL.into_iter().zip(&self.levels);
        levels.filter_map(|(priority, level)| level.first().map(|at| (priority, place_of(slab, at), at)))
    }

    /// Bytes that are taken.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.levels.iter().map(Runs::bytes).sum()
    }
}

fn place_of<B>(slab: &Slab<B>, at: u32) -> Place {
    // What is in no slot stands in no order.
    slab.get(at).map_or((Millis::MAX, u64::MAX), |slot| slot.place())
}
