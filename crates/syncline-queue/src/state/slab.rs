//! Items by number, and the numbers by what they are looked up by.

use std::{cell::Cell, hash::BuildHasher};

use hashbrown::DefaultHashBuilder;

use super::{
    chunks::Chunks,
    id::Id,
    pages::Pages,
    slot::{Phase, Slot},
    table::Table,
    twins::Twins,
};

/// Slots that are used again once they are free.
#[derive(Debug)]
pub(crate) struct Slab<B> {
    places: Chunks<Place<B>>,
    /// The first of the free places.
    free: Option<u32>,
    taken: usize,
    /// The newest of each id.
    by_id: Table,
    /// Whether nobody asks for an id before [`index_ids`](Self::index_ids).
    defers_ids: bool,
    by_seq: Pages,
    twins: Twins,
    hasher: DefaultHashBuilder,
    /// The slot that was looked up last. A call is about one item after another, and asks for each several times.
    last: Cell<u32>,
}

/// An id as it was looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    hash: u64,
    /// The newest item that has it.
    newest: Option<u32>,
}

#[derive(Debug)]
enum Place<B> {
    Taken(Slot<B>),
    /// With the next free place.
    Free(Option<u32>),
}

impl<B> Place<B> {
    fn slot(&self) -> Option<&Slot<B>> {
        match self {
            Self::Taken(slot) => Some(slot),
            Self::Free(_) => None,
        }
    }

    fn slot_mut(&mut self) -> Option<&mut Slot<B>> {
        match self {
            Self::Taken(slot) => Some(slot),
            Self::Free(_) => None,
        }
    }
}

impl<B> Default for Slab<B> {
    fn default() -> Self {
        Self {
            places: Chunks::default(),
            free: None,
            taken: 0,
            by_id: Table::default(),
            defers_ids: false,
            by_seq: Pages::default(),
            twins: Twins::default(),
            hasher: DefaultHashBuilder::default(),
            last: Cell::new(0),
        }
    }
}

impl<B> Slab<B> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    /// How many slots there are, free ones too.
    pub(crate) fn places(&self) -> u64 {
        self.places.len() as u64
    }

    /// The slots from this number on, free ones too.
    pub(crate) fn slots_from(&self, at: u32) -> impl Iterator<Item = (u32, Option<&Slot<B>>)> {
        (at..).zip(self.places.iter_from(at).map(Place::slot))
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Slot<B>> {
        #[cfg(test)]
        super::cost_tests::visit();
        self.places.get(at)?.slot()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Slot<B>> {
        #[cfg(test)]
        super::cost_tests::visit();
        self.places.get_mut(at)?.slot_mut()
    }

    /// The newest item of `id` in a phase that is fit, beside those of the seqs `but`.
    pub(crate) fn by_id(&self, id: &Id, is_fit: impl Fn(Phase) -> bool, but: &[u64]) -> Option<u32> {
        self.by_name(id, self.name(id), is_fit, but)
    }

    /// The same where the id was looked up before.
    pub(crate) fn by_name(&self, id: &Id, name: Name, is_fit: impl Fn(Phase) -> bool, but: &[u64]) -> Option<u32> {
        let newest = name.newest?;
        self.last.set(newest);
        let slot = self.get(newest)?;
        if is_fit(slot.phase) && !but.contains(&slot.seq) {
            return Some(newest);
        }
        if slot.has_twins { self.twins.newest(id, is_fit, but) } else { None }
    }

    /// The item of `id` that is in hand under this lease.
    pub(crate) fn under(&self, id: &Id, token: u64) -> Option<u32> {
        let newest = self.name(id).newest?;
        self.last.set(newest);
        let slot = self.get(newest)?;
        if slot.phase == Phase::Leased && slot.token == token {
            return Some(newest);
        }
        if slot.has_twins { self.twins.under(id, token) } else { None }
    }

    /// Fetches side by side what look-ups of these ids begin with.
    pub(crate) fn approach(&self, ids: impl Iterator<Item = Id>) {
        self.by_id.approach(ids.map(|id| self.hasher.hash_one(&id)));
    }

    /// Looks an id up.
    pub(crate) fn name(&self, id: &Id) -> Name {
        let hash = self.hasher.hash_one(id);
        let newest = self.by_id.find(hash, |at| self.get(at).is_some_and(|slot| slot.id == *id));
        Name { hash, newest }
    }

    /// An item stands in `phase` from now on.
    pub(crate) fn enter(&mut self, at: u32, phase: Phase) {
        let Self { places, twins, .. } = self;
        let Some(slot) = places.get_mut(at).and_then(Place::slot_mut) else { return };
        if slot.has_twins {
            twins.leave(slot);
        }
        slot.phase = phase;
        if slot.has_twins {
            twins.enter(at, slot);
        }
    }

    pub(crate) fn by_seq(&self, seq: u64) -> Option<u32> {
        let is_it = |at: &u32| self.get(*at).is_some_and(|slot| slot.seq == seq);
        let last = self.last.get();
        // Those of a batch stand side by side, as a rule.
        let near = [last, last.wrapping_add(1)].into_iter().find(is_it);
        let at = near.or_else(|| self.by_seq.get(seq))?;
        self.last.set(at);
        Some(at)
    }

    /// The slot that somebody asks for next.
    pub(crate) fn look_at(&self, at: u32) {
        self.last.set(at);
    }

    /// Puts an item in; `None` when there is no number left.
    pub(crate) fn insert(&mut self, slot: Slot<B>) -> Option<u32> {
        if !self.defers_ids {
            let name = self.name(&slot.id);
            return self.insert_as(name, slot);
        }
        let seq = slot.seq;
        let at = self.place(slot)?;
        self.by_seq.insert(seq, at);
        Some(at)
    }

    /// The same where its id was looked up before.
    pub(crate) fn insert_as(&mut self, name: Name, slot: Slot<B>) -> Option<u32> {
        let seq = slot.seq;
        let at = self.place(slot)?;
        self.by_seq.insert(seq, at);
        if let Some(other) = name.newest {
            self.join_twins(other, at);
            return Some(at);
        }
        let Self { places, by_id, hasher, .. } = self;
        let hash_of = |at: u32| {
            #[cfg(test)]
            super::cost_tests::visit();
            places.get(at).and_then(Place::slot).map_or(0, |slot| hasher.hash_one(&slot.id))
        };
        by_id.insert(name.hash, at, hash_of);
        Some(at)
    }

    /// Nobody asks for an id before [`index_ids`](Self::index_ids): most items of a replay are gone at its end.
    pub(crate) fn defer_ids(&mut self) {
        self.defers_ids = true;
    }

    /// Ends what [`defer_ids`](Self::defer_ids) began, in a table that has room for all from the first on.
    pub(crate) fn index_ids(&mut self) {
        if std::mem::take(&mut self.defers_ids) {
            for twin in self.index_firsts() {
                let other = self.get(twin).and_then(|slot| self.name(&slot.id).newest);
                if let Some(other) = other {
                    self.join_twins(other, twin);
                }
            }
        }
    }

    /// Indexes the first item of each id; returns the others.
    fn index_firsts(&mut self) -> Vec<u32> {
        self.by_id = Table::with_room(self.taken);
        let Self { places, by_id, hasher, .. } = self;
        let id = |at: u32| places.get(at).and_then(Place::slot).map(|slot| &slot.id);
        let slots = (0..)
            .zip(places.iter_from(0))
            .filter_map(|(at, place)| place.slot().map(|slot| (hasher.hash_one(&slot.id), at)));
        by_id.insert_firsts(slots, |one, other| id(one) == id(other))
    }

    fn place(&mut self, slot: Slot<B>) -> Option<u32> {
        let at = match self.free {
            None => self.places.push(Place::Taken(slot))?,
            Some(at) => {
                let free = self.places.get_mut(at)?;
                if let Place::Free(next) = std::mem::replace(free, Place::Taken(slot)) {
                    self.free = next;
                }
                at
            }
        };
        self.taken += 1;
        Some(at)
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<Slot<B>> {
        let place = self.places.get_mut(at).filter(|place| place.slot().is_some())?;
        let slot = match std::mem::replace(place, Place::Free(self.free)) {
            Place::Taken(slot) => slot,
            Place::Free(_) => return None,
        };
        self.free = Some(at);
        self.taken -= 1;
        if !self.defers_ids {
            self.leave_id(at, &slot);
        }
        self.by_seq.remove(slot.seq);
        Some(slot)
    }

    /// A new item joins the others of its id, of which `other` is the newest.
    fn join_twins(&mut self, other: u32, at: u32) {
        let Self { places, twins, .. } = self;
        for twin in [other, at] {
            if let Some(slot) = places.get_mut(twin).and_then(Place::slot_mut) {
                slot.has_twins = true;
                twins.enter(twin, slot);
            }
        }
        let seq = |at: u32| self.get(at).map(|slot| slot.seq);
        if seq(at) > seq(other) {
            self.rename(other, at);
        }
    }

    /// An item leaves its id to the others that have it.
    fn leave_id(&mut self, at: u32, slot: &Slot<B>) {
        let hash = self.hasher.hash_one(&slot.id);
        if !slot.has_twins {
            self.by_id.remove(hash, at);
            return;
        }
        self.twins.leave(slot);
        match self.twins.newest(&slot.id, |_| true, &[]) {
            Some(heir) => self.by_id.replace(hash, at, heir),
            None => drop(self.by_id.remove(hash, at)),
        }
        if let Some(last) = self.twins.forget_last(&slot.id)
            && let Some(slot) = self.get_mut(last)
        {
            slot.has_twins = false;
        }
    }

    /// The newest item of an id is another one.
    fn rename(&mut self, before: u32, now: u32) {
        if let Some(hash) = self.get(now).map(|slot| self.hasher.hash_one(&slot.id)) {
            self.by_id.replace(hash, before, now);
        }
    }

    /// Bytes that are taken, but for what few items have.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.places.bytes() + self.by_id.bytes() + self.by_seq.bytes()
    }
}
