//! What ended lately. Bounded by age, by number and by bytes: what is beyond any of them is forgotten, the first end first.

use std::{
    collections::BTreeMap,
    hash::BuildHasher,
    ops::Bound::{Excluded, Unbounded},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use syncline_core::port::{EndedCursor, EndedPage, Ending, Retention};

use super::body::Body;
use crate::state::{Ended, Entry, Id, Millis, Phase, State};

/// Most items of one page.
const PAGE_MAX: usize = 1_024;

/// A place in it: when an item ended, and its seq.
pub(crate) type Place = (Millis, u64);

/// Items that ended, by their end.
#[derive(Debug, Default)]
pub(crate) struct History {
    retention: Retention,
    ends: BTreeMap<Place, (Ended, u64)>,
    /// The last end of each id.
    by_id: HashTable<Place>,
    hasher: DefaultHashBuilder,
    bytes: u64,
}

impl History {
    pub(crate) fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// From now on so much is remembered.
    pub(crate) fn keep(&mut self, retention: Retention) {
        self.retention = retention;
    }

    /// What is to be remembered of an item that `entry` would end.
    pub(crate) fn end_of(&self, state: &State<Body>, entry: &Entry<Body>, at: Millis) -> Option<Ended> {
        if self.retention.is_nothing() {
            return None;
        }
        let (Entry::Complete { seq } | Entry::Drop { seq } | Entry::Outlive { seq }) = entry else {
            return None;
        };
        let slot = state.of_seq(*seq)?;
        let how = match entry {
            Entry::Complete { .. } => Ending::Completed,
            Entry::Outlive { .. } => Ending::Expired,
            _ if slot.phase == Phase::Dead => Ending::Purged,
            _ => Ending::Cancelled,
        };
        let error = slot.extra.as_ref().and_then(|extra| extra.errors.last().cloned());
        let (seq, id, priority, attempts) = (*seq, slot.id.clone(), slot.priority, slot.attempts);
        Some(Ended { seq, at, how, id, priority, attempts, error })
    }

    /// Remembers an end that the record at `home` tells of. What is too much then is to be [forgotten](Self::forget_one).
    pub(crate) fn note(&mut self, ended: Ended, home: u64) {
        let place = ended.place();
        self.bytes += ended.bytes();
        let hash = self.hasher.hash_one(&ended.id);
        let newest = self
            .by_id
            .find_mut(hash, |at| self.ends.get(at).is_some_and(|(one, _)| one.id == ended.id));
        match newest {
            Some(newest) => *newest = place.max(*newest),
            None => {
                // None is hashed anew before its item is there.
                let (ends, hasher) = (&self.ends, &self.hasher);
                let of = |at: &Place| ends.get(at).map_or(hash, |(one, _)| hasher.hash_one(&one.id));
                self.by_id.insert_unique(hash, place, of);
            }
        }
        if let Some((before, _)) = self.ends.insert(place, (ended, home)) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
    }

    /// Forgets the first end where there is too much, and returns the home of its record.
    pub(crate) fn forget_one(&mut self, now: Millis) -> Option<u64> {
        let Retention { age, items, bytes } = self.retention;
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let (place, _) = self.ends.first_key_value()?;
        let is_over = place.0.saturating_add(age) <= now || self.ends.len() as u64 > items || self.bytes > bytes;
        if is_over { self.forget(*place) } else { None }
    }

    /// Forgets all that records before `below` tell of, and returns the homes of those.
    pub(crate) fn forget_below(&mut self, below: u64) -> Vec<u64> {
        let old: Vec<_> = self.ends.iter().filter(|(_, (_, home))| *home < below).map(|(place, _)| *place).collect();
        old.into_iter().filter_map(|place| self.forget(place)).collect()
    }

    fn forget(&mut self, place: Place) -> Option<u64> {
        let (ended, _) = self.ends.get(&place)?;
        let hash = self.hasher.hash_one(&ended.id);
        // The id may have ended again since.
        if let Ok(newest) = self.by_id.find_entry(hash, |at| *at == place) {
            newest.remove();
        }
        let (ended, home) = self.ends.remove(&place)?;
        self.bytes = self.bytes.saturating_sub(ended.bytes());
        Some(home)
    }

    /// The home of what is remembered of this end.
    pub(crate) fn home_mut(&mut self, place: Place) -> Option<&mut u64> {
        self.ends.get_mut(&place).map(|(_, home)| home)
    }

    /// Ends after a place, with the homes of their records.
    pub(crate) fn from(&self, place: Place) -> impl Iterator<Item = (&Ended, u64)> {
        self.ends.range(place..).map(|(_, (ended, home))| (ended, *home))
    }

    /// Ends before a place, the last first.
    pub(crate) fn before(&self, place: Option<Place>) -> impl Iterator<Item = &Ended> {
        let ends = self.ends.range((Unbounded, place.map_or(Unbounded, Excluded)));
        ends.rev().map(|(_, (ended, _))| ended)
    }

    /// A page of ends before a place.
    pub(crate) fn page(&self, before: Option<EndedCursor>, limit: usize) -> EndedPage {
        let ends = self.before(before.map(|place| (place.time, place.seq)));
        EndedPage::of(ends.map(Ended::told), limit.clamp(1, PAGE_MAX))
    }

    /// How the item of `id` ended; the last where several did.
    pub(crate) fn how_ended(&self, id: &str) -> Option<Ending> {
        let id = Id::from(id);
        let of = |at: &Place| self.ends.get(at).is_some_and(|(one, _)| one.id == id);
        let place = self.by_id.find(self.hasher.hash_one(&id), of)?;
        self.ends.get(place).map(|(ended, _)| ended.how)
    }

    /// Bytes of all that is remembered, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline_core::Priority;

    use super::*;

    fn ended(id: &str, seq: u64, at: Millis, how: Ending) -> Ended {
        Ended {
            seq,
            at,
            how,
            id: id.into(),
            priority: Priority::Normal,
            attempts: 1,
            error: None,
        }
    }

    fn history(age: u64, items: u64, bytes: u64) -> History {
        History::new(Retention { age: Duration::from_millis(age), items, bytes })
    }

    /// Notes ends at 0, 10, 20 and so on; returns who is remembered at `now`, the last first.
    fn check(mut history: History, ends: u64, now: Millis) -> Vec<u64> {
        for seq in 0..ends {
            history.note(ended(&format!("{seq:03}"), seq, seq * 10, Ending::Completed), seq);
            while history.forget_one(seq * 10).is_some() {}
        }
        while history.forget_one(now).is_some() {}
        let left: Vec<_> = history.before(None).map(|ended| ended.seq).collect();
        assert_eq!(history.bytes(), left.len() as u64 * 67, "a number of three digits each");
        assert_eq!(history.by_id.len(), left.len());
        left
    }

    #[test]
    fn each_bound_forgets_the_first_end_first() {
        assert_eq!(check(history(1_000, 100, 10_000), 5, 40), [4, 3, 2, 1, 0]);
        assert_eq!(check(history(1_000, 3, 10_000), 5, 40), [4, 3, 2]);
        assert_eq!(check(history(1_000, 100, 140), 5, 40), [4, 3]);
        assert_eq!(check(history(25, 100, 10_000), 5, 40), [4, 3, 2]);
        assert_eq!(check(history(25, 100, 10_000), 5, 65), [0; 0]);
    }

    #[test]
    fn an_id_that_ended_again_is_known_by_its_last_end() {
        let mut history = history(1_000, 2, 10_000);
        history.note(ended("a", 1, 1, Ending::Purged), 1);
        history.note(ended("a", 2, 2, Ending::Cancelled), 2);
        assert_eq!((history.forget_one(3), history.how_ended("a")), (None, Some(Ending::Cancelled)));
        history.note(ended("b", 3, 3, Ending::Completed), 3);
        assert_eq!((history.forget_one(3), history.how_ended("a")), (Some(1), Some(Ending::Cancelled)));
        history.note(ended("c", 4, 4, Ending::Completed), 4);
        assert_eq!((history.forget_one(4), history.how_ended("a")), (Some(2), None));
        // As a replay tells it: an earlier one behind it.
        history.note(ended("b", 0, 0, Ending::Purged), 9);
        assert_eq!((history.forget_one(4), history.how_ended("b")), (Some(9), Some(Ending::Completed)));
    }

    #[test]
    fn what_stands_before_a_place_can_be_given_up() {
        let mut history = history(1_000, 9, 10_000);
        for (seq, home) in [(1, 7), (2, 3), (3, 9), (4, 6)] {
            history.note(ended(&seq.to_string(), seq, seq, Ending::Completed), home);
        }
        assert_eq!(history.forget_below(7), [3, 6]);
        assert_eq!(history.before(None).map(|ended| ended.seq).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(history.before(Some((3, 3))).map(|ended| ended.seq).collect::<Vec<_>>(), [1]);
    }
}
