//! Numbers of slots by a hash of what stands in them: the keys are not copied, and no growth looks at all of them.
//!
//! It is linear hashing (Litwin, "Linear hashing: a new tool for file and table addressing"). There is a bucket more for each
//! few entries that are more; it takes its entries from one other bucket. So a table of millions grows by looking at a dozen.
//! A bucket is a line of a cache; what it has no room for is in buckets behind it.

use std::hint::black_box;

use super::chunks::Chunks;

/// Entries of a bucket.
const ENTRIES: usize = 12;
/// Entries for each bucket, in the mean.
const LOAD: usize = 9;
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
struct Bucket {
    numbers: [u32; ENTRIES],
    /// Some bits of each hash, never zero; zero where there is no entry.
    tags: [u8; ENTRIES],
    /// The bucket behind it; 0 where there is none.
    next: u32,
}

impl Bucket {
    fn entries(&self) -> impl Iterator<Item = (u8, u32)> + '_ {
        self.tags
            .iter()
            .copied()
            .zip(self.numbers.iter().copied())
            .take_while(|(tag, _)| *tag != 0)
    }

    fn put(&mut self, tag: u8, number: u32) -> bool {
        let free = self.under(0).next();
        free.is_some_and(|entry| self.set(entry, tag, number))
    }

    /// The entries that have this tag, first to last; of 0 those that are free.
    fn under(&self, tag: u8) -> impl Iterator<Item = usize> + use<> {
        const EACH: u128 = u128::from_le_bytes([1; 16]);
        const LOW: u128 = 0x7f * EACH;
        let mut bytes = [!tag; 16];
        bytes.iter_mut().zip(self.tags).for_each(|(byte, tag)| *byte = tag);
        let differ = u128::from_le_bytes(bytes) ^ (u128::from(tag) * EACH);
        // The high bit of each byte that is zero.
        let mut same = !(((differ & LOW) + LOW) | differ | LOW);
        std::iter::from_fn(move || {
            let entry = same.trailing_zeros() / 8;
            same &= same.checked_sub(1)?;
            Some(entry as usize)
        })
    }

    /// Something else stands in this entry.
    fn set(&mut self, entry: usize, tag: u8, number: u32) -> bool {
        let place = self.tags.get_mut(entry).zip(self.numbers.get_mut(entry));
        place.map(|place| (*place.0, *place.1) = (tag, number)).is_some()
    }

    /// Takes out its last entry; `None` where it has none.
    fn take(&mut self) -> Option<(u8, u32)> {
        let mut entries = self.tags.iter_mut().zip(&self.numbers);
        let (tag, number) = entries.rfind(|(tag, _)| **tag != 0)?;
        Some((std::mem::take(tag), *number))
    }

    fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }
}

fn tag(hash: u64) -> u8 {
    u8::try_from(hash >> 56).unwrap_or(1).max(1)
}

impl Table {
    /// The number under `hash` that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_from(self.home(hash)?, tag(hash), is_it)
    }

    fn find_from(&self, home: u32, tag: u8, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut next = home;
        loop {
            let bucket = self.bucket(next)?;
            let mut same = bucket.under(tag).filter_map(|entry| bucket.numbers.get(entry).copied());
            if let Some(number) = same.find(|number| is_it(*number)) {
                return Some(number);
            }
            next = behind(bucket)?;
        }
    }

    /// An empty one that does not grow before it holds more than `len` numbers.
    pub(crate) fn with_room(len: usize) -> Self {
        let mut table = Self::default();
        for _ in 0..len.div_ceil(LOAD).min(BEHIND as usize) {
            table.buckets.push(Bucket::default());
        }
        table
    }

    /// Fetches the buckets of these hashes side by side, for who is about to look at one after the other.
    pub(crate) fn approach(&self, hashes: impl Iterator<Item = u64>) {
        let homes = hashes.filter_map(|hash| self.bucket(self.home(hash)?));
        black_box(homes.fold(0, |sum, bucket| sum | bucket.next));
    }

    /// Adds a number where there is none that `is_it`, and says whether it did. For a table that has [room](Self::with_room).
    pub(crate) fn insert_first(&mut self, hash: u64, number: u32, is_it: impl Fn(u32) -> bool) -> bool {
        let Some(home) = self.home(hash) else { return false };
        let is_first = self.find_from(home, tag(hash), is_it).is_none();
        if is_first {
            self.put(home, tag(hash), number);
            self.len += 1;
        }
        is_first
    }

    /// Adds a number, which must be new. `hash_of` is asked for the hashes of others.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        if self.len >= self.buckets.len().max(1) * LOAD {
            self.grow(hash_of);
        }
        if self.buckets.len() == 0 {
            self.buckets.push(Bucket::default());
        }
        if let Some(home) = self.home(hash) {
            self.put(home, tag(hash), number);
            self.len += 1;
        }
    }

    /// Another number stands under `hash` instead of `before`.
    pub(crate) fn replace(&mut self, hash: u64, before: u32, now: u32) {
        if let Some((at, entry)) = self.place(hash, before)
            && let Some(bucket) = self.bucket_mut(at)
        {
            bucket.set(entry, tag(hash), now);
        }
    }

    /// Removes a number; `false` where it is not there.
    pub(crate) fn remove(&mut self, hash: u64, number: u32) -> bool {
        let Some((at, entry)) = self.place(hash, number) else { return false };
        let Some((tag, last)) = self.take_last(hash) else { return false };
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
    fn take_last(&mut self, hash: u64) -> Option<(u8, u32)> {
        let (mut before, mut last) = (None, self.home(hash)?);
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

    /// The bucket of `hash`: of as many low bits as there are buckets for, or one less where that bucket is not there yet.
    fn home(&self, hash: u64) -> Option<u32> {
        let count = self.buckets.len() as u64;
        let mask = count.next_power_of_two() - 1;
        // Hashes of a table that takes powers of two may be uneven in their low bits.
        let low = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 & mask;
        let at = if low < count { low } else { low & (mask >> 1) };
        u32::try_from(at).ok().filter(|_| count > 0)
    }

    /// Where a number stands: its bucket, and which of its entries it is.
    fn place(&self, hash: u64, number: u32) -> Option<(u32, usize)> {
        let (tag, mut next) = (tag(hash), self.home(hash)?);
        loop {
            let bucket = self.bucket(next)?;
            if let Some(entry) = bucket.entries().position(|entry| entry == (tag, number)) {
                return Some((next, entry));
            }
            next = behind(bucket)?;
        }
    }

    fn put(&mut self, home: u32, tag: u8, number: u32) {
        let mut at = home;
        while let Some(bucket) = self.bucket_mut(at) {
            if bucket.put(tag, number) {
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
        let count = self.buckets.len();
        let Ok(from) = u32::try_from(count - count.checked_ilog2().map_or(0, |bits| 1 << bits)) else {
            return;
        };
        if count >= BEHIND as usize || self.buckets.push(Bucket::default()).is_none() {
            return;
        }
        let mut entries = Vec::with_capacity(2 * ENTRIES);
        let mut next = Some(from);
        while let Some(at) = next {
            let bucket = self.bucket_mut(at).map(std::mem::take).unwrap_or_default();
            entries.extend(bucket.entries());
            if at >= BEHIND {
                self.set_free(at);
            }
            next = behind(&bucket);
        }
        for (tag, number) in entries {
            if let Some(home) = self.home(hash_of(number)) {
                self.put(home, tag, number);
            }
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

fn behind(bucket: &Bucket) -> Option<u32> {
    Some(bucket.next).filter(|next| *next != 0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, hash::BuildHasher};

    use hashbrown::DefaultHashBuilder;

    use super::*;

    fn longest_chain(table: &Table) -> usize {
        let len = |first: u32| std::iter::successors(Some(first), |at| behind(table.bucket(*at).unwrap())).count();
        (0..u32::try_from(table.buckets.len()).unwrap()).map(len).max().unwrap_or(0)
    }

    #[test]
    fn it_holds_what_a_set_holds_while_it_grows_and_shrinks() {
        let hasher = DefaultHashBuilder::default();
        // Few hashes, so that many numbers share one.
        for hashes in [7_u32, 1_000, u32::MAX] {
            let hash = |number: u32| hasher.hash_one(number % hashes);
            let (mut table, mut set) = (Table::default(), BTreeSet::new());
            for round in 0..6_000_u32 {
                let number = round.wrapping_mul(2_654_435_761) % 2_000;
                if set.insert(number) {
                    table.insert(hash(number), number, hash);
                } else {
                    set.remove(&number);
                    assert!(table.remove(hash(number), number));
                }
                assert!(!table.remove(hash(number), 2_000));
                assert_eq!(table.len, set.len());
            }
            for number in 0..2_000 {
                let found = table.find(hash(number), |other| other == number);
                assert_eq!(found, set.get(&number).copied(), "{hashes} hashes");
            }
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
    fn a_bucket_is_a_line_and_no_chain_is_long() {
        assert_eq!(size_of::<Bucket>(), 64);
        let (hasher, mut table) = (DefaultHashBuilder::default(), Table::default());
        for number in 0..200_000_u32 {
            table.insert(hasher.hash_one(number), number, |number| hasher.hash_one(number));
        }
        assert!(longest_chain(&table) <= 3, "{}", longest_chain(&table));
        assert!(table.bytes() / 200_000 <= 10, "{}", table.bytes());
    }
}
