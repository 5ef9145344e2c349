//! Where the items stand that nothing keeps but their time.

use std::collections::{BTreeMap, BTreeSet};

use syncline_queue::Priority;

use super::time::Millis;

/// A time, and the number of the item that may be handed out from then on.
pub(super) type Place = (Millis, usize);

#[derive(Debug, Default)]
pub(super) struct Places {
    /// With the work that is in each.
    scheduled: BTreeMap<(Place, Priority), Millis>,
    scheduled_work: Millis,
    ready: [BTreeSet<Place>; 5],
}

impl Places {
    pub(super) fn stand(&mut self, level: Priority, place: Place, work: Millis) {
        self.scheduled.insert((place, level), work);
        self.scheduled_work += work;
    }

    /// Those whose time has come are ready.
    pub(super) fn reach(&mut self, now: Millis) {
        while let Some(first) = self.scheduled.first_entry().filter(|first| first.key().0.0 <= now) {
            let ((place, level), work) = first.remove_entry();
            self.scheduled_work -= work;
            self.ready[usize::from(level.number())].insert(place);
        }
    }

    pub(super) fn leave(&mut self, level: Priority, place: Place) {
        self.ready[usize::from(level.number())].remove(&place);
    }

    /// Who of a level is ready for the longest time.
    pub(super) fn first(&self, level: Priority) -> Option<Place> {
        self.ready[usize::from(level.number())].first().copied()
    }

    /// The work in those whose time has not come.
    pub(super) fn scheduled_work(&self) -> Millis {
        self.scheduled_work
    }
}
