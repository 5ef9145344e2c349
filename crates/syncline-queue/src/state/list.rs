//! Items in each order that they stand in, for those who look through them.

use std::ops::Bound::{Excluded, Included, Unbounded};

use syncline_core::port::{ListPart, Standing};

use super::{Millis, Slot, State};

/// A place in an order; where an order is by acceptance alone, the first half is zero.
type Place = (Millis, u64);
/// Items of a part, each with its place.
type Items<'a, B> = Box<dyn Iterator<Item = (Place, &'a Slot<B>)> + 'a>;

impl<B> State<B> {
    /// Those of `part` behind `after`, in order. Of a level only those that are due at `now`, or only the others, as
    /// `standing` says.
    pub(crate) fn part<'a>(
        &'a self,
        part: ListPart,
        lane: Option<&str>,
        after: Option<Place>,
        (standing, now): (Standing, Millis),
    ) -> Items<'a, B> {
        let seq_after = after.map_or(Unbounded, |(_, seq)| Excluded(seq));
        match part {
            ListPart::Level(level) => {
                let last_due = (now, u64::MAX);
                let (after, until) = match standing {
                    Standing::Ready => (after, Included(last_due)),
                    _ => (after.max(Some(last_due)), Unbounded),
                };
                if standing == Standing::Ready && after > Some(last_due) {
                    return Box::new(std::iter::empty());
                }
                let from = after.map_or(Unbounded, Excluded);
                self.slots(self.order.range(&self.slab, level, (from, until)))
            }
            ListPart::Lane => {
                let ats = lane.and_then(|key| self.lanes.items(key)).into_iter();
                let from = after.map_or(Unbounded, Excluded);
                let ats = ats.flat_map(move |items| items.range((from, Unbounded)));
                self.slots(ats.map(|(place, at)| (*place, *at)))
            }
            ListPart::Behind => {
                let ats = self.behind.range((seq_after, Unbounded));
                self.slots(ats.map(|(seq, at)| ((0, *seq), *at)))
            }
            ListPart::Held => {
                let ats = self.leases.after(&self.slab, after.map(|(_, seq)| seq));
                self.slots(ats.map(|(seq, at)| ((0, seq), at)))
            }
            ListPart::Dead => {
                let ats = self.dead.range((after.map_or(Unbounded, Excluded), Unbounded));
                self.slots(ats.map(|(place, at)| (*place, *at)))
            }
        }
    }

    /// Dead items after `after`, by their death.
    pub(crate) fn dead(&self, after: Option<Place>) -> impl Iterator<Item = &Slot<B>> {
        self.part(ListPart::Dead, None, after, (Standing::Dead, 0)).map(|(_, slot)| slot)
    }

    /// When the first of each level may be handed out.
    pub(crate) fn first_at(&self) -> [Option<Millis>; 5] {
        syncline_core::Priority::ALL.map(|level| self.order.first_at(&self.slab, level))
    }

    /// When the one that is dead for the longest time died.
    pub(crate) fn dead_since(&self) -> Option<Millis> {
        self.dead.first_key_value().map(|((died_at, _), _)| *died_at)
    }

    fn slots<'a>(&'a self, ats: impl Iterator<Item = (Place, u32)> + 'a) -> Items<'a, B> {
        Box::new(ats.filter_map(|(place, at)| Some((place, self.slab.get(at)?))))
    }
}
