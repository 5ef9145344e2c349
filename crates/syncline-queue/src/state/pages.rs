//! Numbers of slots by seq. Neighbours share a page, because they are pushed, taken and settled together.
//!
//! A page is a line of a cache, and is found by a table of pages. So a run of neighbours looks at two lines, a replay in
//! order at the page that it looked at last, and the table grows by the page.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;

use super::{chunks::Chunks, table::Table};

/// Seqs of a page.
const SEQS: usize = 13;

/// Numbers of slots by seq.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pages: Chunks<Page>,
    table: Table,
    /// The page that was written last.
    last: u32,
    /// The greatest number that any page ever had.
    newest: u64,
    /// The first of the free pages.
    free: Option<u32>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Page {
    /// Which seqs it has, counted by pages; of a free one, one more than the next that is free, or 0.
    number: u64,
    slots: [u32; SEQS],
    /// A bit for each slot that is taken.
    taken: u16,
}

impl Page {
    fn get(&self, place: usize) -> Option<u32> {
        self.slots.get(place).copied().filter(|_| self.taken & 1 << place != 0)
    }

    /// Puts a slot there, or none; returns what was there.
    fn replace(&mut self, place: usize, slot: Option<u32>) -> Option<u32> {
        let before = self.get(place);
        match (self.slots.get_mut(place), slot) {
            (Some(to), Some(slot)) => (*to, self.taken) = (slot, self.taken | 1 << place),
            _ => self.taken &= !(1 << place),
        }
        before
    }
}

/// The page of a seq, and its place there.
fn place(seq: u64) -> (u64, usize) {
    (seq / SEQS as u64, (seq % SEQS as u64) as usize)
}

impl Pages {
    pub(crate) fn get(&self, seq: u64) -> Option<u32> {
        let (number, place) = place(seq);
        self.pages.get(self.find(number)?)?.get(place)
    }

    /// The slot of `seq`, which has none, is this one.
    pub(crate) fn insert(&mut self, seq: u64, slot: u32) {
        let (number, place) = place(seq);
        // What is newer than all before it has no page, and looking for it would take as long as beginning one.
        let found = if number > self.newest { None } else { self.find(number) };
        let Some(at) = found.or_else(|| self.begin(number)) else { return };
        if let Some(page) = self.pages.get_mut(at) {
            page.replace(place, Some(slot));
            self.last = at;
        }
    }

    pub(crate) fn remove(&mut self, seq: u64) -> Option<u32> {
        let (number, place) = place(seq);
        let at = self.find(number)?;
        let page = self.pages.get_mut(at)?;
        let slot = page.replace(place, None)?;
        if page.taken == 0 {
            page.number = self.free.map_or(0, |free| u64::from(free) + 1);
            self.free = Some(at);
            self.table.remove(self.hasher.hash_one(number), at);
        }
        Some(slot)
    }

    fn find(&self, number: u64) -> Option<u32> {
        let is_it = |at: u32| self.pages.get(at).is_some_and(|page| page.number == number && page.taken != 0);
        if is_it(self.last) {
            return Some(self.last);
        }
        self.table.find(self.hasher.hash_one(number), is_it)
    }

    fn begin(&mut self, number: u64) -> Option<u32> {
        self.newest = self.newest.max(number);
        let page = Page { number, ..Page::default() };
        let at = match self.free {
            None => self.pages.push(page)?,
            Some(at) => {
                let free = std::mem::replace(self.pages.get_mut(at)?, page);
                self.free = free.number.checked_sub(1).and_then(|next| u32::try_from(next).ok());
                at
            }
        };
        let Self { pages, table, hasher, .. } = self;
        let hash_of = |at: u32| pages.get(at).map_or(0, |page| hasher.hash_one(page.number));
        table.insert(hasher.hash_one(number), at, hash_of);
        Some(at)
    }

    /// Bytes that are taken.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.pages.bytes() + self.table.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_hold_what_a_tree_holds(ops in prop::collection::vec((0..200_u64, any::<bool>(), any::<bool>()), 0..600)) {
            let (mut pages, mut tree) = (Pages::default(), BTreeMap::new());
            for ((seq, is_far, goes), slot) in ops.into_iter().zip(0..) {
                let seq = if is_far { seq * 1_000_003 } else { seq };
                if goes || tree.contains_key(&seq) {
                    prop_assert_eq!(pages.remove(seq), tree.remove(&seq));
                } else {
                    pages.insert(seq, slot);
                    tree.insert(seq, slot);
                }
                prop_assert_eq!(pages.get(seq), tree.get(&seq).copied());
            }
            for seq in (0..200).flat_map(|seq| [seq, seq * 1_000_003]) {
                prop_assert_eq!(pages.get(seq), tree.get(&seq).copied());
            }
        }
    }

    #[test]
    fn a_page_is_a_line_and_what_goes_makes_room() {
        assert_eq!((size_of::<Page>(), align_of::<Page>()), (64, 64));
        let mut pages = Pages::default();
        for seq in 0..200_000_u32 {
            pages.insert(seq.into(), seq);
        }
        assert!(pages.bytes() <= 200_000 * 13 / 2, "{}", pages.bytes());
        let count = pages.pages.len();
        for seq in 0..2_000_000_u32 {
            assert_eq!(pages.remove(seq.into()), Some(seq));
            pages.insert((seq + 200_000).into(), seq + 200_000);
        }
        assert!(pages.pages.len() <= count + 2, "{} after {count}", pages.pages.len());
    }
}
