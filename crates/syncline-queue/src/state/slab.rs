//! Items by number, and the numbers by what they are looked up by.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use super::slot::Slot;

/// Slots that are used again once they are free.
#[derive(Debug)]
pub(crate) struct Slab<B> {
    slots: Vec<Option<Slot<B>>>,
    free: Vec<u32>,
    /// Tables of numbers, not of keys: the keys stand in the slots.
    by_id: HashTable<u32>,
    by_seq: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<B> Default for Slab<B> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            by_seq: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<B> Slab<B> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Slot<B>> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Slot<B>> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    /// The newest item of `id` that is fit.
    pub(crate) fn by_id(&self, id: &str, is_fit: impl Fn(&Slot<B>) -> bool) -> Option<u32> {
        let same = self.by_id.iter_hash(self.hasher.hash_one(id)).copied();
        let fit = same.filter_map(|at| Some((self.get(at)?, at)));
        let fit = fit.filter(|(slot, _)| *slot.id == *id && is_fit(slot));
        fit.max_by_key(|(slot, _)| slot.seq).map(|(_, at)| at)
    }

    pub(crate) fn by_seq(&self, seq: u64) -> Option<u32> {
        let hash = self.hasher.hash_one(seq);
        self.by_seq.find(hash, |at| self.get(*at).is_some_and(|slot| slot.seq == seq)).copied()
    }

    /// Puts an item in; `None` when there is no number left.
    pub(crate) fn insert(&mut self, slot: Slot<B>) -> Option<u32> {
        let (id_hash, seq_hash) = (self.hasher.hash_one(&*slot.id), self.hasher.hash_one(slot.seq));
        let at = match self.free.pop() {
            Some(at) => {
                *self.slots.get_mut(at as usize)? = Some(slot);
                at
            }
            None => {
                let at = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Some(slot));
                at
            }
        };
        let Self { slots, by_id, by_seq, hasher, .. } = self;
        let key = |at: &u32| slots.get(*at as usize).and_then(Option::as_ref);
        by_id.insert_unique(id_hash, at, |at| key(at).map_or(0, |slot| hasher.hash_one(&*slot.id)));
        by_seq.insert_unique(seq_hash, at, |at| key(at).map_or(0, |slot| hasher.hash_one(slot.seq)));
        Some(at)
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<Slot<B>> {
        self.forget_id(at);
        let seq = self.get(at)?.seq;
        if let Ok(found) = self.by_seq.find_entry(self.hasher.hash_one(seq), |other| *other == at) {
            found.remove();
        }
        let slot = self.slots.get_mut(at as usize)?.take();
        self.free.push(at);
        slot
    }

    fn forget_id(&mut self, at: u32) {
        let Some(slot) = self.get(at) else { return };
        let hash = self.hasher.hash_one(&*slot.id);
        if let Ok(found) = self.by_id.find_entry(hash, |other| *other == at) {
            found.remove();
        }
    }
}
