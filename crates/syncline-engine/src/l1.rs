//! L1: items in this process's memory, and the flights that fetch what is not there.
//!
//! A miss opens a flight: one caller fetches, the others of that key wait for it. A write or delete of the key spoils the
//! flight: what it brings back is not kept, and nobody who came after the write is given it.

use std::sync::Arc;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle, PlaceholderGuard},
};
use syncline_core::{Error, Key};

use crate::SyncItem;

/// Memory that an item takes beside its bytes, as measured with 400-byte items: its fields, names, tables and fragments.
const BOOKKEEPING_BYTES: u64 = 420;
/// What an item of unknown size is taken for when the cache sizes its tables.
const TYPICAL_BYTES: usize = 1_024;

/// Items in memory, bounded by bytes.
#[derive(Debug)]
pub(crate) struct L1 {
    cache: Cache<Key, Slot, Weight>,
    /// Heavier items are not kept: the cache would not admit them.
    weight_max: u64,
}

/// What a flight brings back. Only items stay.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Item(SyncItem),
    Absent,
    Failed(Arc<Error>),
}

/// What there is of a key.
#[derive(Debug)]
pub(crate) enum Lookup<'a> {
    /// Another caller's flight, or memory, answers.
    Found(Slot),
    /// The caller has to fetch.
    Fetch(Flight<'a>),
}

/// The right and the duty to fetch one key. Dropping it passes both to the next who waits.
pub(crate) struct Flight<'a> {
    l1: &'a L1,
    key: Key,
    guard: PlaceholderGuard<'a, Key, Slot, Weight, DefaultHashBuilder, DefaultLifecycle<Key, Slot>>,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Slot> for Weight {
    fn weight(&self, key: &Key, slot: &Slot) -> u64 {
        weight(key, slot)
    }
}

fn weight(key: &Key, slot: &Slot) -> u64 {
    let content = match slot {
        Slot::Item(item) => item.content_bytes().len(),
        Slot::Absent | Slot::Failed(_) => 0,
    };
    (content + key.len()) as u64 + BOOKKEEPING_BYTES
}

impl L1 {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let items = bytes_max / TYPICAL_BYTES;
        let options = OptionsBuilder::new()
            .weight_capacity(bytes_max as u64)
            .estimated_items_capacity(items)
            .build();
        let cache = match options {
            Ok(options) => {
                Cache::with_options(options, Weight, DefaultHashBuilder::default(), DefaultLifecycle::default())
            }
            // Both numbers are given, which is all that the builder asks for.
            Err(_) => Cache::with_weighter(items, bytes_max as u64, Weight),
        };
        // A shard admits nothing above its share for items in use, 97 of 100 parts.
        let weight_max = cache.shard_capacity() / 10 * 9;
        Self { cache, weight_max }
    }

    /// The item in memory.
    pub(crate) fn get(&self, id: &str) -> Option<SyncItem> {
        match self.cache.get(id) {
            Some(Slot::Item(item)) => Some(item),
            _ => None,
        }
    }

    /// Answers from memory, waits for the flight of another, or opens one.
    ///
    /// # Cancel safety
    ///
    /// Dropping it has no effect; a right to fetch that was already passed on goes to the next who waits.
    pub(crate) async fn lookup(&self, key: &Key) -> Lookup<'_> {
        match self.cache.get_value_or_guard_async(key).await {
            Ok(slot) => Lookup::Found(slot),
            Err(guard) => Lookup::Fetch(Flight { l1: self, key: key.clone(), guard }),
        }
    }

    /// Keeps the newest item of a key, and spoils its flight.
    pub(crate) fn put(&self, key: &Key, item: &SyncItem) {
        let slot = Slot::Item(item.without_view());
        if weight(key, &slot) > self.weight_max {
            // An item that the cache refuses would leave the flight as it is.
            self.remove(key);
        } else {
            self.cache.insert(key.clone(), slot);
        }
    }

    /// Forgets a key, and spoils its flight.
    pub(crate) fn remove(&self, key: &Key) {
        self.cache.remove(&**key);
    }

    /// How many items are kept.
    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }
}

impl Flight<'_> {
    /// Gives what was fetched to all who wait. An item is kept, unless a write spoiled the flight.
    pub(crate) fn land(self, slot: &Slot) {
        // An error says that the flight was spoiled: those who waited had come before the write.
        let kept = self.guard.insert(slot.clone());
        if kept.is_ok() && !matches!(slot, Slot::Item(_)) {
            self.l1.cache.remove_if(&*self.key, |slot| !matches!(slot, Slot::Item(_)));
        }
    }
}

impl std::fmt::Debug for Flight<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use syncline_core::{ErrorKind, NodeId, Version, WallTime};

    use super::*;

    fn key() -> Key {
        Key::new("k").unwrap()
    }

    fn item(ms: u64) -> SyncItem {
        let version = Version::new(WallTime::from_millis(ms), 0, NodeId::new(1));
        SyncItem::binary("k", vec![0; 100]).stamped(version)
    }

    async fn flight(l1: &L1) -> Flight<'_> {
        match l1.lookup(&key()).await {
            Lookup::Fetch(flight) => flight,
            Lookup::Found(slot) => panic!("found {slot:?}"),
        }
    }

    #[tokio::test]
    async fn what_a_flight_brings_is_kept() {
        let l1 = L1::new(1 << 20);
        flight(&l1).await.land(&Slot::Item(item(1)));
        assert_eq!(l1.get("k").unwrap().version(), item(1).version());
    }

    /// The defect: a read that began before a write put the old value back over it, for ever.
    #[tokio::test]
    async fn a_write_spoils_the_flight_whatever_its_size() {
        for bytes_max in [0, 1 << 10, 1 << 20] {
            let l1 = L1::new(bytes_max);
            let old = flight(&l1).await;
            l1.put(&key(), &item(2));
            let newer = l1.get("k").map(|item| item.version());
            old.land(&Slot::Item(item(1)));
            assert_eq!(l1.get("k").map(|item| item.version()), newer, "{bytes_max} bytes");
            let old = flight_after_remove(&l1).await;
            l1.remove(&key());
            old.land(&Slot::Item(item(1)));
            assert!(l1.get("k").is_none());
        }
    }

    async fn flight_after_remove(l1: &L1) -> Flight<'_> {
        l1.remove(&key());
        flight(l1).await
    }

    #[tokio::test]
    async fn absence_and_failure_reach_those_who_wait_and_are_not_kept() {
        let l1 = L1::new(1 << 20);
        for slot in [Slot::Absent, Slot::Failed(Arc::new(Error::new(ErrorKind::Unavailable, "down")))] {
            let first = flight(&l1).await;
            let key = key();
            let mut second = pin!(l1.lookup(&key));
            assert!(futures_poll(second.as_mut()).is_pending());
            first.land(&slot);
            assert!(matches!(second.await, Lookup::Found(Slot::Absent | Slot::Failed(_))));
            drop(flight(&l1).await);
        }
    }

    #[tokio::test]
    async fn a_flight_that_is_dropped_passes_to_the_next() {
        let l1 = L1::new(1 << 20);
        let first = flight(&l1).await;
        let key = key();
        let mut second = pin!(l1.lookup(&key));
        assert!(futures_poll(second.as_mut()).is_pending());
        drop(first);
        assert!(matches!(second.await, Lookup::Fetch(_)));
    }

    fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn bytes_stay_below_the_bound_and_above_what_is_held() {
        let l1 = L1::new(64 * 1_024);
        for n in 0..1_000 {
            let key = Key::new(format!("key{n}")).unwrap();
            l1.put(&key, &SyncItem::binary(&key, vec![0; 500]));
        }
        assert!(l1.bytes() <= 64 * 1_024, "{}", l1.bytes());
        assert!(l1.bytes() >= (l1.len() * 500) as u64 && l1.len() > 20);
    }
}
