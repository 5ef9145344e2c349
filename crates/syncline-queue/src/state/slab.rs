//! Items by number, and the numbers by what they are looked up by.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use super::{
    slot::{Phase, Slot},
    twins::Twins,
};

/// Slots that are used again once they are free.
#[derive(Debug)]
pub(crate) struct Slab<B> {
    slots: Vec<Option<Slot<B>>>,
    free: Vec<u32>,
    /// Tables of numbers, not of keys: the keys stand in the slots.
    /// The newest of each id.
    by_id: HashTable<u32>,
    by_seq: HashTable<u32>,
    twins: Twins,
    hasher: DefaultHashBuilder,
}

impl<B> Default for Slab<B> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            by_seq: HashTable::new(),
            twins: Twins::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<B> Slab<B> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The slots from this number on, free ones too.
    pub(crate) fn slots_from(&self, at: u32) -> impl Iterator<Item = (u32, Option<&Slot<B>>)> {
        let rest = self.slots.get(at as usize..).unwrap_or_default();
        (at..).zip(rest).map(|(at, slot)| (at, slot.as_ref()))
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Slot<B>> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Slot<B>> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    /// The newest item of `id` in a phase that is fit, beside those of the seqs `but`.
    pub(crate) fn by_id(&self, id: &str, is_fit: impl Fn(Phase) -> bool, but: &[u64]) -> Option<u32> {
        let newest = self.newest(id)?;
        let slot = self.get(newest)?;
        if is_fit(slot.phase) && !but.contains(&slot.seq) {
            return Some(newest);
        }
        if slot.has_twins { self.twins.newest(id, is_fit, but) } else { None }
    }

    /// The item of `id` that is in hand under this lease.
    pub(crate) fn under(&self, id: &str, token: u64) -> Option<u32> {
        let newest = self.newest(id)?;
        let slot = self.get(newest)?;
        if slot.phase == Phase::Leased && slot.token == token {
            return Some(newest);
        }
        if slot.has_twins { self.twins.under(id, token) } else { None }
    }

    fn newest(&self, id: &str) -> Option<u32> {
        let is_of = |at: &u32| self.get(*at).is_some_and(|slot| *slot.id == *id);
        self.by_id.find(self.hasher.hash_one(id), is_of).copied()
    }

    /// An item stands in `phase` from now on.
    pub(crate) fn enter(&mut self, at: u32, phase: Phase) {
        let Some(slot) = self.slots.get_mut(at as usize).and_then(Option::as_mut) else { return };
        if slot.has_twins {
            self.twins.leave(slot);
        }
        slot.phase = phase;
        if slot.has_twins {
            self.twins.enter(at, slot);
        }
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
        let is_first = self.join_twins(at);
        let Self { slots, by_id, by_seq, hasher, .. } = self;
        let key = |at: &u32| slots.get(*at as usize).and_then(Option::as_ref);
        if is_first {
            by_id.insert_unique(id_hash, at, |at| key(at).map_or(0, |slot| hasher.hash_one(&*slot.id)));
        }
        by_seq.insert_unique(seq_hash, at, |at| key(at).map_or(0, |slot| hasher.hash_one(slot.seq)));
        Some(at)
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<Slot<B>> {
        let slot = self.slots.get_mut(at as usize)?.take()?;
        self.leave_id(at, &slot);
        if let Ok(found) = self.by_seq.find_entry(self.hasher.hash_one(slot.seq), |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        Some(slot)
    }

    /// A new item joins the others of its id; `true` where there is none.
    fn join_twins(&mut self, at: u32) -> bool {
        let Some(other) = self.get(at).and_then(|slot| self.newest(&slot.id)) else { return true };
        for twin in [other, at] {
            if let Some(slot) = self.slots.get_mut(twin as usize).and_then(Option::as_mut) {
                slot.has_twins = true;
                self.twins.enter(twin, slot);
            }
        }
        let seq = |at: u32| self.get(at).map(|slot| slot.seq);
        if seq(at) > seq(other) {
            self.rename(other, at);
        }
        false
    }

    /// An item leaves its id to the others that have it.
    fn leave_id(&mut self, at: u32, slot: &Slot<B>) {
        let heir = slot.has_twins.then(|| {
            self.twins.leave(slot);
            self.twins.newest(&slot.id, |_| true, &[])
        });
        if let Ok(found) = self.by_id.find_entry(self.hasher.hash_one(&*slot.id), |other| *other == at) {
            match heir.flatten() {
                Some(heir) => *found.into_mut() = heir,
                None => drop(found.remove()),
            }
        }
        if slot.has_twins
            && let Some(last) = self.twins.forget_last(&slot.id)
            && let Some(slot) = self.slots.get_mut(last as usize).and_then(Option::as_mut)
        {
            slot.has_twins = false;
        }
    }

    /// The newest item of an id is another one.
    fn rename(&mut self, before: u32, now: u32) {
        let Some(hash) = self.get(now).map(|slot| self.hasher.hash_one(&*slot.id)) else { return };
        if let Some(found) = self.by_id.find_mut(hash, |other| *other == before) {
            *found = now;
        }
    }
}
