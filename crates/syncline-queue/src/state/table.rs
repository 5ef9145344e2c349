//! Numbers of slots by a hash of what stands in them: the keys are not copied, and no growth looks at all of them.
//!
//! It is linear hashing (Litwin, "Linear hashing: a new tool for file and table addressing"). There is a bucket more for each
//! few entries that are more; it takes its entries from one other bucket. So a table of millions grows by looking at a dozen.
//! A bucket is a line of a cache; what it has no room for is in buckets behind it.
//!
//! A bucket of level `l` holds the hashes that are equal in their `l` low bits; the next bit tells which of them leave it when
//! it is split. An entry keeps sixteen bits of its hash, from the last multiple of eight on that is not above `l`: so a split
//! finds its bit in the entries themselves, and at least nine bits are left that tell those of a bucket apart. Only a split
//! that makes `l` a multiple of eight asks for the hashes, which are far away, to write these bits anew.

use std::hint::black_box;

use super::chunks::Chunks;

/// Entries of a bucket.
const ENTRIES: usize = 10;
/// Entries for each bucket, in the mean.
const LOAD: usize = 7;
/// Levels that an entry's bits of its hash are good for.
const LEVELS: u32 = 8;
/// Buckets that are fetched side by side.
const SIDE_BY_SIDE: usize = 32;
/// Numbers of buckets that stand behind others begin here.
const BEHIND: u32 = 1 << 31;

/// Numbers by hash.
#[derive(Debug, Default)]
pub(crate) struct Table {
    buckets: Chunks<Bucket>,
    /// Those that stand behind others, by number above [`BEHIND`].
    behind: Chunks<Bucket>,
    /// The first of a chain of those that are free.
    free: u32,
    len: usize,
}

/// Its entries stand from the first on, without a gap. It is full where another one stands behind it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    numbers: [u32; ENTRIES],
    /// Some bits of each hash, never all of them zero; zero where there is no entry.
    tags: [u16; ENTRIES],
    /// The bucket behind it; 0 where there is none.
    next: u32,
}

/// Where a hash belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Home {
    bucket: u32,
    tag: u16,
}

/// The last bucket of a chain that is being made, and where it will stand.
struct Chain {
    at: u32,
    last: Bucket,
    len: usize,
}

impl Chain {
    fn at(at: u32) -> Self {
        Self { at, last: Bucket::default(), len: 0 }
    }
}

impl Bucket {
    fn entries(&self) -> impl Iterator<Item = (u16, u32)> + use<> {
        let entries = self.tags.into_iter().zip(self.numbers);
        entries.take_while(|(tag, _)| *tag != 0)
    }

    fn put(&mut self, tag: u16, number: u32) -> bool {
        let free = self.under(0).next();
        free.is_some_and(|entry| self.set(entry, tag, number))
    }

    /// The entries that have this tag, first to last; of 0 those that are free.
    fn under(&self, tag: u16) -> impl Iterator<Item = usize> + use<> {
        // Without a branch, so that compilers make one comparison of it.
        let each = self.tags.iter().enumerate();
        let mut same = each.fold(0_u16, |same, (entry, other)| same | u16::from(*other == tag) << entry);
        std::iter::from_fn(move || {
            let entry = same.trailing_zeros();
            same &= same.checked_sub(1)?;
            Some(entry as usize)
        })
    }

    /// Something else stands in this entry.
    fn set(&mut self, entry: usize, tag: u16, number: u32) -> bool {
        let place = self.tags.get_mut(entry).zip(self.numbers.get_mut(entry));
        place.map(|place| (*place.0, *place.1) = (tag, number)).is_some()
    }

    /// Takes out its last entry; `None` where it has none.
    fn take(&mut self) -> Option<(u16, u32)> {
        let mut entries = self.tags.iter_mut().zip(&self.numbers);
        let (tag, number) = entries.rfind(|(tag, _)| **tag != 0)?;
        Some((std::mem::take(tag), *number))
    }

    fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }
}

impl Table {
    /// The number under `hash` that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_from(self.home(hash)?, is_it)
    }

    fn find_from(&self, home: Home, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut next = home.bucket;
        loop {
            let bucket = self.bucket(next)?;
            let mut same = bucket.under(home.tag).filter_map(|entry| bucket.numbers.get(entry).copied());
            if let Some(number) = same.find(|number| is_it(*number)) {
                return Some(number);
            }
            next = behind(bucket)?;
        }
    }

    /// An empty one that does not grow before it holds more than `len` numbers.
    pub(crate) fn with_room(len: usize) -> Self {
        let mut table = Self::default();
        for _ in 0..len.div_ceil(LOAD).clamp(1, BEHIND as usize) {
            table.buckets.push(Bucket::default());
        }
        table
    }

    /// Fetches the buckets of these hashes side by side, for who is about to look at one after the other.
    pub(crate) fn approach(&self, mut hashes: impl Iterator<Item = u64>) {
        let (mut few, mut count) = ([0; SIDE_BY_SIDE], SIDE_BY_SIDE);
        while count == SIDE_BY_SIDE {
            count = 0;
            // All are made before any bucket is fetched: between two that take long to make, nothing would be side by side.
            for (few, hash) in few.iter_mut().zip(&mut hashes) {
                (*few, count) = (hash, count + 1);
            }
            self.fetch(few.iter().take(count).filter_map(|hash| self.home(*hash)));
        }
    }

    fn fetch(&self, homes: impl Iterator<Item = Home>) {
        let buckets = homes.filter_map(|home| self.bucket(home.bucket));
        black_box(buckets.fold(0, |sum, bucket| sum | bucket.next));
    }

    /// Adds each number under its hash, where there is none that `is_same`; returns the others. For a table that has
    /// [room](Self::with_room) for all.
    pub(crate) fn insert_firsts(
        &mut self,
        mut numbers: impl Iterator<Item = (u64, u32)>,
        is_same: impl Fn(u32, u32) -> bool,
    ) -> Vec<u32> {
        let (mut others, mut few) = (Vec::new(), Vec::with_capacity(SIDE_BY_SIDE));
        loop {
            let homes = numbers.by_ref().filter_map(|(hash, number)| Some((self.home(hash)?, number)));
            few.extend(homes.take(SIDE_BY_SIDE));
            if few.is_empty() {
                return others;
            }
            self.fetch(few.iter().map(|(home, _)| *home));
            let refused = few.drain(..).filter(|(home, number)| !self.insert_first(*home, *number, &is_same));
            others.extend(refused.map(|(_, number)| number));
        }
    }

    fn insert_first(&mut self, home: Home, number: u32, is_same: impl Fn(u32, u32) -> bool) -> bool {
        // Most find nothing that looks like them, and room in the first bucket.
        let put_at_once = |bucket: &mut Bucket| {
            bucket.next == 0 && bucket.under(home.tag).next().is_none() && bucket.put(home.tag, number)
        };
        if !self.bucket_mut(home.bucket).is_some_and(put_at_once) {
            if self.find_from(home, |other| is_same(other, number)).is_some() {
                return false;
            }
            self.put(home, number);
        }
        self.len += 1;
        true
    }

    /// Adds a number, which must be new. `hash_of` is asked for the hashes of others.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if self.len >= self.buckets.len() * LOAD {
            self.grow(hash_of);
        }
        if let Some(home) = self.home(hash) {
            self.put(home, number);
            self.len += 1;
        }
    }

    /// Another number stands under `hash` instead of `before`.
    pub(crate) fn replace(&mut self, hash: u64, before: u32, now: u32) {
        let Some(home) = self.home(hash) else { return };
        if let Some((at, entry)) = self.place(home, before)
            && let Some(bucket) = self.bucket_mut(at)
        {
            bucket.set(entry, home.tag, now);
        }
    }

    /// Removes a number; `false` where it is not there.
    pub(crate) fn remove(&mut self, hash: u64, number: u32) -> bool {
        let Some(home) = self.home(hash) else { return false };
        let Some((at, entry)) = self.place(home, number) else { return false };
        let Some((tag, last)) = self.take_last(home) else { return false };
        if last != number
            && let Some(bucket) = self.bucket_mut(at)
        {
            // The last of the chain fills the gap.
            bucket.set(entry, tag, last);
        }
        self.len -= 1;
        true
    }

    /// Takes out the last entry of a chain, and gives up the bucket that is empty then, but for the first one.
    fn take_last(&mut self, home: Home) -> Option<(u16, u32)> {
        let (mut before, mut last) = (None, home.bucket);
        while let Some(next) = self.bucket(last).and_then(behind) {
            (before, last) = (Some(last), next);
        }
        let bucket = self.bucket_mut(last)?;
        let taken = bucket.take()?;
        if bucket.is_empty()
            && let Some(before) = before
        {
            self.set_free(last);
            self.bucket_mut(before)?.next = 0;
        }
        Some(taken)
    }

    fn bucket(&self, at: u32) -> Option<&Bucket> {
        if at < BEHIND { self.buckets.get(at) } else { self.behind.get(at - BEHIND) }
    }

    fn bucket_mut(&mut self, at: u32) -> Option<&mut Bucket> {
        if at < BEHIND {
            self.buckets.get_mut(at)
        } else {
            self.behind.get_mut(at - BEHIND)
        }
    }

    /// The level of all buckets, and how many of them are split: those are of the next one, as are those that came of it.
    fn level(&self) -> Option<(u32, u32)> {
        let count = u32::try_from(self.buckets.len()).ok()?;
        let level = count.checked_ilog2()?;
        Some((level, count - (1 << level)))
    }

    fn home(&self, hash: u64) -> Option<Home> {
        let (level, split) = self.level()?;
        let bits = mixed(hash);
        let low = |level: u32| (bits & ((1 << level) - 1)) as u32;
        let level = level + u32::from(low(level) < split);
        Some(Home { bucket: low(level), tag: tag(bits, level) })
    }

    /// Where a number stands: its bucket, and which of its entries it is.
    fn place(&self, home: Home, number: u32) -> Option<(u32, usize)> {
        let mut next = home.bucket;
        loop {
            let bucket = self.bucket(next)?;
            let is_it = |entry: &usize| bucket.numbers.get(*entry) == Some(&number);
            if let Some(entry) = bucket.under(home.tag).find(is_it) {
                return Some((next, entry));
            }
            next = behind(bucket)?;
        }
    }

    fn put(&mut self, home: Home, number: u32) {
        let mut at = home.bucket;
        while let Some(bucket) = self.bucket_mut(at) {
            if bucket.put(home.tag, number) {
                return;
            }
            at = match behind(bucket) {
                Some(next) => next,
                None => {
                    let Some(next) = self.take_free() else { return };
                    if let Some(bucket) = self.bucket_mut(at) {
                        bucket.next = next;
                    }
                    next
                }
            };
        }
    }

    /// One bucket more, which takes its entries from the one whose turn it is.
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let turn = self.level();
        if self.buckets.len() >= BEHIND as usize || self.buckets.push(Bucket::default()).is_none() {
            return;
        }
        let Some((level, from)) = turn else { return };
        let asks = (level + 1).is_multiple_of(LEVELS);
        let (mut stays, mut goes) = (Chain::at(from), Chain::at(from + (1 << level)));
        let mut next = Some(from);
        while let Some(bucket) = next.and_then(|at| self.take_out(at)) {
            for (before, number) in bucket.entries() {
                let chain = if before >> (level % LEVELS) & 1 == 0 { &mut stays } else { &mut goes };
                let tag = if asks { tag(mixed(hash_of(number)), level + 1) } else { before };
                self.add(chain, tag, number);
            }
            next = behind(&bucket);
        }
        self.write(stays);
        self.write(goes);
    }

    /// A bucket as it was, of whose place others make use.
    fn take_out(&mut self, at: u32) -> Option<Bucket> {
        let bucket = *self.bucket(at)?;
        if at >= BEHIND {
            self.set_free(at);
        }
        Some(bucket)
    }

    fn add(&mut self, chain: &mut Chain, tag: u16, number: u32) {
        if chain.len == ENTRIES {
            let Some(next) = self.take_free() else { return };
            chain.last.next = next;
            self.write(std::mem::replace(chain, Chain::at(next)));
        }
        chain.last.set(chain.len, tag, number);
        chain.len += 1;
    }

    fn write(&mut self, chain: Chain) {
        if let Some(bucket) = self.bucket_mut(chain.at) {
            *bucket = chain.last;
        }
    }

    fn take_free(&mut self) -> Option<u32> {
        let free = self.free;
        match self.bucket_mut(free).filter(|_| free >= BEHIND) {
            Some(bucket) => {
                self.free = std::mem::take(&mut bucket.next);
                Some(free)
            }
            None => Some(self.behind.push(Bucket::default())? + BEHIND),
        }
    }

    fn set_free(&mut self, at: u32) {
        let free = self.free;
        if let Some(bucket) = self.bucket_mut(at) {
            *bucket = Bucket { next: free, ..Bucket::default() };
            self.free = at;
        }
    }

    /// Bytes that are taken.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.bytes() + self.behind.bytes()
    }
}

/// What an entry of a bucket of this level keeps of a hash.
fn tag(mixed: u64, level: u32) -> u16 {
    let tag = (mixed >> (level - level % LEVELS)) as u16;
    // A zero would be no entry. The last bit decides no split.
    if tag == 0 { 1 << 15 } else { tag }
}

/// A hash of which every bit is as good as another.
fn mixed(hash: u64) -> u64 {
    let product = u128::from(hash) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}

fn behind(bucket: &Bucket) -> Option<u32> {
    Some(bucket.next).filter(|next| *next != 0)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::BTreeSet};

    use super::*;

    /// Some of them have no bit at all.
    fn hash(number: u32) -> u64 {
        let spread = u64::from(number).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        if number % 100 == 7 {
            0
        } else {
            (spread ^ spread >> 31).wrapping_mul(0x94d0_49bb_1331_11eb)
        }
    }

    fn chain(table: &Table, first: u32) -> impl Iterator<Item = &Bucket> {
        std::iter::successors(table.bucket(first), |bucket| table.bucket(behind(bucket)?))
    }

    /// Each entry is what its hash says, in the bucket that its hash says.
    #[track_caller]
    fn assert_is_in_order(table: &Table, hash: impl Fn(u32) -> u64) {
        let mut len = 0;
        for first in 0..u32::try_from(table.buckets.len()).unwrap() {
            for bucket in chain(table, first) {
                assert!(bucket.next == 0 || bucket.entries().count() == ENTRIES);
                for (tag, number) in bucket.entries() {
                    assert_eq!(table.home(hash(number)), Some(Home { bucket: first, tag }), "{number}");
                    len += 1;
                }
            }
        }
        assert_eq!(len, table.len);
    }

    #[test]
    fn it_holds_what_a_set_holds_while_it_grows_and_shrinks() {
        // Few hashes, so that many numbers share one; and many numbers, so that tags are made anew.
        for (hashes, numbers) in [(7_u32, 2_000_u32), (1_000, 2_000), (u32::MAX, 30_000)] {
            let hash = |number: u32| hash(number % hashes);
            let (mut table, mut set) = (Table::default(), BTreeSet::new());
            for round in 0..numbers * 3 {
                let number = round.wrapping_mul(2_654_435_761) % numbers;
                if set.insert(number) {
                    table.insert(hash(number), number, hash);
                } else {
                    set.remove(&number);
                    assert!(table.remove(hash(number), number));
                }
                assert!(!table.remove(hash(number), numbers));
                assert_eq!(table.len, set.len());
            }
            for number in 0..numbers {
                let found = table.find(hash(number), |other| other == number);
                assert_eq!(found, set.get(&number).copied(), "{hashes} hashes");
            }
            assert_is_in_order(&table, hash);
        }
    }

    #[test]
    fn another_number_takes_a_place() {
        let mut table = Table::default();
        for number in 0..100 {
            table.insert(5, number, |_| 5);
        }
        table.replace(5, 77, 500);
        assert_eq!((table.find(5, |one| one == 77), table.find(5, |one| one == 500)), (None, Some(500)));
    }

    #[test]
    fn one_with_room_is_filled_without_growing() {
        let mut table = Table::with_room(20_000);
        let count = table.buckets.len();
        let numbers = || (0..20_000).filter(|number| number % 100 != 7).map(|number| (hash(number), number));
        let is_same = |one, other| one == other;
        assert!(table.insert_firsts(numbers(), is_same).is_empty());
        let again: Vec<_> = numbers().map(|(_, number)| number).collect();
        assert_eq!(table.insert_firsts(numbers(), is_same), again);
        assert_eq!(table.buckets.len(), count);
        assert_is_in_order(&table, hash);
        for number in 20_000..40_000 {
            table.insert(hash(number), number, hash);
        }
        assert_is_in_order(&table, hash);
    }

    #[test]
    fn however_many_hashes_are_approached_all_of_them_are() {
        let mut table = Table::default();
        table.approach([1, 2].into_iter());
        (0..1_000).for_each(|number| table.insert(hash(number), number, hash));
        for many in [0, 1, SIDE_BY_SIDE - 1, SIDE_BY_SIDE, SIDE_BY_SIDE + 1, 3 * SIDE_BY_SIDE] {
            let mut hashes = (0..).map(hash).take(many);
            table.approach(&mut hashes);
            assert_eq!(hashes.next(), None, "{many}");
        }
    }

    #[test]
    fn a_bucket_is_a_line_and_no_chain_is_long() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
        let (numbers, mut table) = ((0..200_000_u32).filter(|number| number % 100 != 7), Table::default());
        for number in numbers {
            table.insert(hash(number), number, hash);
        }
        let longest = (0..u32::try_from(table.buckets.len()).unwrap())
            .map(|first| chain(&table, first).count())
            .max();
        assert!(longest <= Some(4), "{longest:?}");
        assert!(table.bytes() / table.len <= 11, "{}", table.bytes());
    }

    /// What went wrong: a split asked for the hash of each entry that it looked at, and each was a line of a cache that
    /// nobody else needed.
    #[test]
    fn growth_seldom_asks_for_a_hash() {
        const ITEMS: u32 = 1_000_000;
        let (mut table, asked) = (Table::default(), Cell::new(0_u64));
        let spread = |number: u32| hash(number).max(u64::from(number));
        let hash_of = |number| {
            asked.set(asked.get() + 1);
            spread(number)
        };
        let mut dearest = 0;
        for number in 0..ITEMS {
            let before = asked.get();
            let level = table.level().map_or(0, |(level, _)| level + 1);
            table.insert(spread(number), number, hash_of);
            let asks = asked.get() - before;
            assert!(asks == 0 || level % LEVELS == 0, "{asks} hashes to reach level {level}");
            dearest = asks.max(dearest);
        }
        assert!(asked.get() < u64::from(ITEMS) / 2 && dearest < 50, "{} hashes, {dearest} at once", asked.get());
        assert_is_in_order(&table, spread);
    }
}
