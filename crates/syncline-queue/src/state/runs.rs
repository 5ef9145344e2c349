//! Numbers of slots in an order, most of which come at its end and leave at its front.
//!
//! They stand in runs, and the runs in a tree by their first keys. The keys themselves are in the slots, so that a number is
//! all that is kept of each; whoever calls says what the key of a number is.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::{
        Bound::{self, Excluded, Included, Unbounded},
        RangeBounds as _,
    },
};

/// Most numbers of a run.
const RUN_MAX: usize = 64;

/// Numbers in the order of their keys.
#[derive(Debug)]
pub(super) struct Runs<K> {
    /// No run is empty, and none holds a key before its own in the tree or behind the next one's.
    runs: BTreeMap<K, VecDeque<u32>>,
}

impl<K> Default for Runs<K> {
    fn default() -> Self {
        Self { runs: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Runs<K> {
    pub(super) fn first(&self) -> Option<u32> {
        self.runs.first_key_value()?.1.front().copied()
    }

    /// Puts a number in under a key that no other one has.
    pub(super) fn insert(&mut self, key: K, number: u32, key_of: impl Fn(u32) -> K) {
        if let Some(mut last) = self.runs.last_entry().filter(|last| *last.key() <= key)
            && last.get().back().is_some_and(|back| key_of(*back) < key)
        {
            // Most come here, and fill one run after the other.
            if last.get().len() < RUN_MAX {
                last.get_mut().push_back(number);
            } else {
                self.begin(key, number);
            }
            return;
        }
        let Some((_, run)) = self.runs.range_mut(..=key).next_back() else {
            return self.insert_first(key, number);
        };
        if run.len() < RUN_MAX {
            let place = run.partition_point(|other| key_of(*other) < key);
            run.insert(place, number);
        } else {
            let half = run.split_off(RUN_MAX / 2);
            if let Some(first) = half.front().copied() {
                self.runs.insert(key_of(first), half);
            }
            self.insert(key, number, key_of);
        }
    }

    fn insert_first(&mut self, key: K, number: u32) {
        match self.runs.first_entry().filter(|first| first.get().len() < RUN_MAX) {
            Some(first) => {
                let mut run = first.remove();
                run.push_front(number);
                self.runs.insert(key, run);
            }
            None => self.begin(key, number),
        }
    }

    fn begin(&mut self, key: K, number: u32) {
        let mut run = VecDeque::with_capacity(RUN_MAX);
        run.push_back(number);
        self.runs.insert(key, run);
    }

    /// Takes out the number that was put in under a key.
    pub(super) fn remove(&mut self, key: K, number: u32, key_of: impl Fn(u32) -> K) {
        if let Some(mut first) = self.runs.first_entry().filter(|first| first.get().front() == Some(&number)) {
            first.get_mut().pop_front();
            if first.get().is_empty() {
                first.remove();
            }
            return;
        }
        let Some((first, run)) = self.runs.range_mut(..=key).next_back() else { return };
        let Ok(place) = run.binary_search_by_key(&key, |other| key_of(*other)) else { return };
        run.remove(place);
        let (first, left) = (*first, run.len());
        if left == 0 {
            self.runs.remove(&first);
        } else if left <= RUN_MAX / 4 && left.is_power_of_two() {
            self.join(first, left);
        }
    }

    /// A run that has become short is joined with one beside it that is short too.
    fn join(&mut self, first: K, len: usize) {
        let is_short = |(_, run): &(&K, &VecDeque<u32>)| run.len() + len <= RUN_MAX / 2;
        if let Some((before, _)) = self.runs.range(..first).next_back().filter(is_short) {
            self.take_in(*before, first);
        } else if let Some((behind, _)) = self.runs.range((Excluded(first), Unbounded)).next().filter(is_short) {
            self.take_in(first, *behind);
        }
    }

    fn take_in(&mut self, first: K, next: K) {
        if let Some(mut numbers) = self.runs.remove(&next)
            && let Some(run) = self.runs.get_mut(&first)
        {
            run.append(&mut numbers);
        }
    }

    /// Those between two keys, in order.
    pub(super) fn range<'a>(
        &'a self,
        (from, until): (Bound<K>, Bound<K>),
        key_of: impl Fn(u32) -> K + 'a,
    ) -> impl Iterator<Item = (K, u32)> + 'a {
        let begin = match from {
            Included(key) | Excluded(key) => self.runs.range(..=key).next_back().map(|(first, _)| *first),
            Unbounded => None,
        };
        let runs = self.runs.range((begin.map_or(Unbounded, Included), Unbounded));
        runs.flat_map(|(_, run)| run)
            .map(move |number| (key_of(*number), *number))
            .skip_while(move |(key, _)| !(from, Unbounded).contains(key))
            .take_while(move |(key, _)| (Unbounded, until).contains(key))
    }

    /// Bytes that are taken, about: a node of the tree is filled to half at least.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let numbers: usize = self.runs.values().map(VecDeque::capacity).sum();
        numbers * size_of::<u32>() + self.runs.len() * 2 * size_of::<(K, VecDeque<u32>)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(keys: &[u16], bounds: [u16; 2], hold: usize) {
        let (mut runs, mut tree) = (Runs::default(), BTreeMap::new());
        let key = |number: u32| (keys[number as usize], number);
        for (number, time) in (0..).zip(keys) {
            runs.insert((*time, number), number, key);
            tree.insert((*time, number), number);
            // Some leave at the front and some from the midst.
            while tree.len() > hold {
                let place = if number % 3 == 0 { 0 } else { usize::from(*time) % tree.len() };
                let gone = *tree.keys().nth(place).unwrap();
                tree.remove(&gone);
                runs.remove(gone, gone.1, key);
            }
            assert_eq!(runs.first(), tree.values().next().copied());
        }
        let [low, high] = bounds.map(|bound| (bound, 0));
        for range in [
            (Unbounded, Unbounded),
            (Included(low.min(high)), Excluded(low.max(high))),
            (Excluded(low), Unbounded),
            (Unbounded, Included(high)),
        ] {
            if matches!(range, (Included(low), Excluded(high)) if low == high) {
                continue;
            }
            let (found, expected) = (runs.range(range, key), tree.range(range).map(|(key, number)| (*key, *number)));
            assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{range:?}");
        }
        assert!(runs.runs.values().all(|run| (1..=RUN_MAX).contains(&run.len())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn they_are_in_the_order_of_a_tree(
            keys in prop::collection::vec(0..500_u16, 1..2_000),
            bounds in any::<[u16; 2]>(),
            hold in 1..1_500_usize,
        ) {
            check(&keys, bounds.map(|bound| bound % 520), hold);
        }
    }

    #[test]
    fn what_comes_in_order_fills_its_runs_and_short_ones_are_joined() {
        let mut runs = Runs::default();
        (0..64_000).for_each(|number| runs.insert(number, number, |number| number));
        assert_eq!(runs.runs.len(), 1_000);
        assert!(runs.bytes() <= 64_000 * 6, "{}", runs.bytes());
        for number in (0..64_000).filter(|number| number % 64 != 1) {
            runs.remove(number, number, |number| number);
        }
        assert!(runs.runs.len() <= 64_000 / 64 / 8, "{}", runs.runs.len());
        assert_eq!(runs.range((Unbounded, Unbounded), |number| number).count(), 1_000);
    }
}
