//! Who took what here, and until when.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use syncline_core::{Instant, WallTime};

use crate::state::{Chunks, Id, Table};

/// An item that was handed out here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) token: u64,
    /// The number of the attempt.
    pub(super) attempt: u16,
    /// A time that the storage has seen.
    pub(super) eligible_at: WallTime,
    pub(super) since: Instant,
    pub(super) until: Instant,
}

/// What was handed out, by id. Leases end without a word where nobody settles: a hand goes round and forgets those that are
/// over, a few places at a time.
#[derive(Debug, Default)]
pub(super) struct Holds {
    places: Chunks<Option<(Id, Held)>>,
    free: Vec<u32>,
    by_id: Table,
    hasher: DefaultHashBuilder,
    /// The place that is looked at next.
    hand: u32,
}

impl Holds {
    /// It is held so from now on, instead of how it was before.
    pub(super) fn insert(&mut self, id: Id, held: Held) {
        let hash = self.hasher.hash_one(&id);
        if let Some((_, before)) = self.find(hash, &id).and_then(|at| self.places.get_mut(at)?.as_mut()) {
            *before = held;
            return;
        }
        let place = Some((id, held));
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(free) = self.places.get_mut(at) {
                    *free = place;
                }
                Some(at)
            }
            None => self.places.push(place),
        };
        let Self { places, by_id, hasher, .. } = self;
        let hash_of = |at| places.get(at).and_then(Option::as_ref).map_or(0, |(id, _)| hasher.hash_one(id));
        if let Some(at) = at {
            by_id.insert(hash, at, hash_of);
        }
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Held> {
        let at = self.find(self.hasher.hash_one(id), id)?;
        self.places.get(at)?.as_ref().map(|(_, held)| held)
    }

    pub(super) fn get_mut(&mut self, id: &Id) -> Option<&mut Held> {
        let at = self.find(self.hasher.hash_one(id), id)?;
        self.places.get_mut(at)?.as_mut().map(|(_, held)| held)
    }

    /// It is held no more, if it is as `is_it` says; returns how it was.
    pub(super) fn remove(&mut self, id: &Id, is_it: impl FnOnce(&Held) -> bool) -> Option<Held> {
        let hash = self.hasher.hash_one(id);
        let at = self.find(hash, id)?;
        self.places.get(at)?.as_ref().filter(|(_, held)| is_it(held))?;
        self.clear(hash, at).map(|(_, held)| held)
    }

    /// Looks at up to `most` places, from where the hand is; returns those whose leases are over at `now`, which are forgotten.
    pub(super) fn sweep(&mut self, now: Instant, most: usize) -> Vec<Id> {
        let mut over = Vec::new();
        for _ in 0..most.min(self.places.len()) {
            let at = self.hand;
            let is_over = |(_, held): &&(Id, Held)| held.until <= now;
            if let Some((id, _)) = self.places.get(at).and_then(Option::as_ref).filter(is_over) {
                over.extend(self.clear(self.hasher.hash_one(id), at).map(|(id, _)| id));
            }
            self.hand = if (at as usize) + 1 < self.places.len() { at + 1 } else { 0 };
        }
        over
    }

    fn find(&self, hash: u64, id: &Id) -> Option<u32> {
        let is_it = |at| self.places.get(at).and_then(Option::as_ref).is_some_and(|(other, _)| other == id);
        self.by_id.find(hash, is_it)
    }

    fn clear(&mut self, hash: u64, at: u32) -> Option<(Id, Held)> {
        let cleared = self.places.get_mut(at)?.take()?;
        self.by_id.remove(hash, at);
        self.free.push(at);
        Some(cleared)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn held(until: u64) -> Held {
        Held {
            token: until,
            attempt: 1,
            eligible_at: WallTime::default(),
            since: Instant::default(),
            until: at(until),
        }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(secs))
    }

    /// What went wrong: each upkeep looked at all that was in anybody's hands.
    #[test]
    fn the_hand_forgets_what_is_over_a_few_places_at_a_time() {
        let mut holds = Holds::default();
        for number in 0..1_000_u64 {
            holds.insert(number.to_string().as_str().into(), held(number % 2 * 10));
        }
        assert_eq!(holds.sweep(at(5), 64).len(), 32);
        for _ in 0..15 {
            holds.sweep(at(5), 64);
        }
        assert_eq!(
            (holds.free.len(), holds.get(&"0".into()).is_some(), holds.get(&"1".into()).is_some()),
            (500, false, true)
        );
        holds.insert("1".into(), held(20));
        assert!(holds.remove(&"3".into(), |_| false).is_none() && holds.remove(&"3".into(), |_| true).is_some());
        assert_eq!(holds.sweep(at(10), 2_000).len(), 498, "one goes on, and one was let go");
        assert_eq!(holds.get(&"1".into()).map(|held| held.token), Some(20));
        assert_eq!((holds.places.len(), holds.free.len()), (1_000, 999));
        holds.insert("new".into(), held(30));
        assert_eq!(holds.places.len(), 1_000, "places are used again");
    }
}
