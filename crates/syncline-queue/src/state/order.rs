//! Who is next: the items of each level by the time from which they may be handed out, then by acceptance.
//!
//! What is scheduled stands in the same order as what is ready, because a time that has come is a place among others. So
//! nothing has to be moved when it is due, a pop looks at the first of each level and never further, and the first that is
//! not due yet says when to wake up.

use std::collections::BTreeMap;

use syncline_core::Priority;

use super::slot::Millis;

const LEVELS: usize = Priority::ALL.len();

/// The order of each level.
#[derive(Debug, Default)]
pub(crate) struct Order {
    levels: [BTreeMap<(Millis, u64), u32>; LEVELS],
}

impl Order {
    pub(crate) fn insert(&mut self, priority: Priority, place: (Millis, u64), at: u32) {
        if let Some(level) = self.levels.get_mut(usize::from(priority.number())) {
            level.insert(place, at);
        }
    }

    pub(crate) fn remove(&mut self, priority: Priority, place: (Millis, u64)) {
        if let Some(level) = self.levels.get_mut(usize::from(priority.number())) {
            level.remove(&place);
        }
    }

    /// The next item at `now`. With `aging`, a level's first counts as one level more urgent for each such time that it
    /// waits; at equal urgency the longer wait goes first.
    pub(crate) fn next(&self, now: Millis, aging: Option<Millis>) -> Option<u32> {
        let due = self.firsts().filter(|(_, (eligible_at, _), _)| *eligible_at <= now);
        let urgency = |priority: Priority, eligible_at: Millis| {
            let waited = now.saturating_sub(eligible_at);
            let risen = aging.map_or(0, |step| waited / step.max(1));
            u64::from(priority.number()).saturating_sub(risen)
        };
        due.min_by_key(|(priority, place, _)| (urgency(*priority, place.0), aging.map(|_| *place), *priority))
            .map(|(_, _, at)| at)
    }

    /// The order of a level.
    pub(crate) fn level(&self, priority: Priority) -> Option<&BTreeMap<(Millis, u64), u32>> {
        self.levels.get(usize::from(priority.number()))
    }

    /// When the first that is not due at `now` will be; `None` when nothing is scheduled or something is due already.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.firsts().map(|(_, (eligible_at, _), _)| eligible_at).min()
    }

    fn firsts(&self) -> impl Iterator<Item = (Priority, (Millis, u64), u32)> + '_ {
        Priority::ALL
            .into_iter()
            .zip(&self.levels)
            .filter_map(|(priority, level)| level.first_key_value().map(|(place, at)| (priority, *place, *at)))
    }
}
