//! Which items a sweep moves next. A sweep looks at each slot once, a bounded number in one step.
//!
//! What is being settled or withdrawn is left: its end stands in the journal already, or will before the copy, and a copy
//! behind it would bring the item back. The next sweep finds it gone.

use std::collections::HashMap;

use super::{
    inner::{Inner, KEY_BYTES},
    policy::Goal,
};
use crate::{
    state::{Dedup, Entry, Millis, Phase, Slot},
    storage::body::Body,
};

/// Bytes after which a step ends; one item may have more.
const STEP_BYTES: u64 = 1_024 * 1_024;
/// Most slots and keys that a step looks at.
const STEP_SLOTS: u32 = 16_384;
/// Most items that are moved at once on a full disk.
const AT_ONCE_MAX: u64 = 1_024;

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sweep {
    below: u64,
    /// The next slot.
    at: u32,
    /// After the slots, the key from which it goes on.
    key: (Millis, u64),
    /// After the keys, the end from which it goes on.
    end: (Millis, u64),
}

impl Sweep {
    const fn below(below: u64) -> Self {
        Self { below, at: 0, key: (0, 0), end: (0, 0) }
    }
}

/// What a step writes.
#[derive(Debug, Default)]
struct Load {
    entries: Vec<Entry<Body>>,
    bytes: u64,
}

/// Items about which a record is on its way.
type Busy = HashMap<u64, u32>;

/// Steps to write, and whether the sweep goes on after them.
pub(super) type Moves = (Vec<Entry<Body>>, bool);

impl Inner {
    /// The next step towards `goal`.
    pub(super) fn moves(&mut self, goal: Goal, underway: &Busy) -> Moves {
        if let Some(most) = goal.at_once {
            self.sweep = None;
            self.forget_ends_below(goal.below);
            return (self.moves_at_once(goal.below, most, underway), false);
        }
        let begun = self.sweep.take().filter(|sweep| sweep.below == goal.below);
        let mut sweep = begun.unwrap_or(Sweep::below(goal.below));
        let mut load = Load::default();
        let more = self.sweep_slots(&mut sweep, &mut load, underway)
            || self.sweep_keys(&mut sweep, &mut load, underway)
            || self.sweep_ends(&mut sweep, &mut load);
        let entries = load.entries;
        self.sweep = Some(sweep).filter(|_| more);
        (entries, more)
    }

    /// Returns whether there are more.
    fn sweep_slots(&self, sweep: &mut Sweep, load: &mut Load, underway: &Busy) -> bool {
        let end = sweep.at.saturating_add(STEP_SLOTS);
        for (at, slot) in self.state.slots_from(sweep.at) {
            if at >= end || load.bytes >= STEP_BYTES {
                return true;
            }
            sweep.at = at + 1;
            if let Some(slot) = slot.filter(|slot| self.is_movable(slot, sweep.below, underway)) {
                load.bytes += bytes_of(slot);
                load.entries.extend(self.move_of(slot));
            }
        }
        false
    }

    fn sweep_keys(&self, sweep: &mut Sweep, load: &mut Load, underway: &Busy) -> bool {
        // Those whose time is over are given up by upkeep.
        let from = sweep.key.max((self.clock.latest() + 1, 0));
        for (seen, ((until, seq), home)) in (0..).zip(self.pinned.range(from..)) {
            if seen >= STEP_SLOTS || load.bytes >= STEP_BYTES {
                return true;
            }
            sweep.key = (*until, seq + 1);
            if *home >= sweep.below || underway.contains_key(seq) {
                continue;
            }
            if let Some(key) = self.state.key_left(*until, *seq) {
                load.bytes += KEY_BYTES + key.len() as u64;
                load.entries
                    .push(Entry::Key { seq: *seq, dedup: Dedup { key: key.into(), until: *until } });
            }
        }
        false
    }

    fn sweep_ends(&self, sweep: &mut Sweep, load: &mut Load) -> bool {
        for (seen, (ended, home)) in (0..).zip(self.history.from(sweep.end)) {
            if seen >= STEP_SLOTS || load.bytes >= STEP_BYTES {
                return true;
            }
            sweep.end = (ended.at, ended.seq + 1);
            if home < sweep.below {
                load.bytes += ended.bytes();
                load.entries.push(Entry::Ended(Box::new(ended.clone())));
            }
        }
        false
    }

    /// On a full disk what ended gives way first: it is in the way of what is to come, and nobody waits for it.
    pub(super) fn forget_ends_below(&mut self, below: u64) {
        let homes = self.history.forget_below(below);
        if !homes.is_empty() {
            let ends = homes.len();
            tracing::warn!(target: crate::TRACING_TARGET, ends, "ends of items are forgotten, for the disk is full");
        }
        for home in homes {
            self.leave(home);
        }
    }

    /// All that stands before a place, where that is little; otherwise nothing.
    fn moves_at_once(&self, below: u64, most: u64, underway: &Busy) -> Vec<Entry<Body>> {
        let mut count = 0;
        for items in self.homes.range(..below).map(|(_, items)| u64::from(*items)) {
            count += items;
            if count > AT_ONCE_MAX {
                return Vec::new();
            }
        }
        let slots = self.state.slots_from(0).filter_map(|(_, slot)| slot);
        let slots: Vec<_> = slots.filter(|slot| self.is_movable(slot, below, underway)).collect();
        let bytes: u64 = slots.iter().map(|slot| bytes_of(slot)).sum();
        if bytes > most {
            return Vec::new();
        }
        let entries = slots.iter().filter_map(|slot| self.move_of(slot)).collect();
        let (mut sweep, mut load) = (Sweep::below(below), Load { entries, bytes });
        let more = self.sweep_keys(&mut sweep, &mut load, underway);
        if more || load.bytes > most { Vec::new() } else { load.entries }
    }

    fn is_movable(&self, slot: &Slot<Body>, below: u64, underway: &Busy) -> bool {
        let is_busy = || self.settling.contains_key(&slot.seq) || underway.contains_key(&slot.seq);
        slot.phase != Phase::Reserved && slot.body.home < below && !is_busy()
    }

    fn move_of(&self, slot: &Slot<Body>) -> Option<Entry<Body>> {
        let whole = self.state.whole(slot.seq, slot.body.clone())?;
        Some(Entry::Move(Box::new(whole)))
    }
}

fn bytes_of(slot: &Slot<Body>) -> u64 {
    slot.weight() + slot.body.bytes.len() as u64
}
