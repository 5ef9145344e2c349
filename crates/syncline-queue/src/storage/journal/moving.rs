//! Which items a sweep moves next. A sweep looks at each slot once, a bounded number in one step.
//!
//! What is being settled or withdrawn is left: its end stands in the journal already, or will before the copy, and a copy
//! behind it would bring the item back. The next sweep finds it gone.

use hashbrown::HashMap;
use syncline_core::{Error, ErrorKind, Result, port::DeadReason};

use super::{
    bodies::{Fetched, Wanted},
    claims::damaged,
    inner::{Inner, KEY_BYTES},
    policy::Goal,
};
use crate::{
    state::{Dedup, Ended, Entry, Millis, Phase, Slot},
    storage::body::{Body, Spot},
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

/// What a step moves: looked for under the lock, and looked at again once what it carries was read.
#[derive(Debug)]
pub(super) struct Load {
    goal: Goal,
    items: Vec<Pick>,
    keys: Vec<(Millis, u64)>,
    ends: Vec<Ended>,
    bytes: u64,
    /// Whether the sweep goes on after it.
    pub(super) more: bool,
}

/// An item, the record that holds it, and where its content is if that is not in memory.
#[derive(Debug)]
struct Pick {
    seq: u64,
    home: u64,
    absent: Option<Spot>,
}

/// Items about which a record is on its way.
type Busy = HashMap<u64, u32>;

impl Load {
    fn towards(goal: Goal) -> Self {
        Self {
            goal,
            items: Vec::new(),
            keys: Vec::new(),
            ends: Vec::new(),
            bytes: 0,
            more: false,
        }
    }

    /// Whether it frees the oldest segment of a full disk.
    pub(super) fn is_essential(&self) -> bool {
        self.goal.at_once.is_some()
    }

    /// What is to be read before it can be handed over.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        self.items.iter().filter_map(|pick| Some((pick.seq, pick.absent?))).collect()
    }
}

impl Inner {
    /// What the next step towards `goal` moves.
    pub(super) fn pick(&mut self, goal: Goal, underway: &Busy) -> Load {
        let mut load = Load::towards(goal);
        if let Some(most) = goal.at_once {
            self.sweep = None;
            self.forget_ends_below(goal.below);
            return if self.pick_at_once(&mut load, most, underway) {
                load
            } else {
                Load::towards(goal)
            };
        }
        let begun = self.sweep.take().filter(|sweep| sweep.below == goal.below);
        let mut sweep = begun.unwrap_or(Sweep::below(goal.below));
        load.more = self.sweep_slots(&mut sweep, &mut load, underway)
            || self.sweep_keys(&mut sweep, &mut load, underway)
            || self.sweep_ends(&mut sweep, &mut load);
        self.sweep = Some(sweep).filter(|_| load.more);
        load
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
                load.take(slot);
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
                load.keys.push((*until, *seq));
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
                load.ends.push(ended.clone());
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

    /// Picks all that stands before a place; `false` where that is more than a little.
    fn pick_at_once(&self, load: &mut Load, most: u64, underway: &Busy) -> bool {
        let below = load.goal.below;
        let mut count = 0;
        for items in self.homes.range(..below).map(|(_, items)| u64::from(*items)) {
            count += items;
            if count > AT_ONCE_MAX {
                return false;
            }
        }
        let slots = self.state.slots_from(0).filter_map(|(_, slot)| slot);
        slots
            .filter(|slot| self.is_movable(slot, below, underway))
            .for_each(|slot| load.take(slot));
        if load.bytes > most {
            return false;
        }
        let mut sweep = Sweep::below(below);
        let more = self.sweep_keys(&mut sweep, load, underway);
        !more && load.bytes <= most
    }

    /// The steps that move what still stands where it was picked. `fetched` is what became of what was [wanted](Load::wanted).
    ///
    /// # Errors
    ///
    /// Why something could not be read that may be read later.
    pub(super) fn moves(&self, load: &Load, fetched: Vec<Fetched>, underway: &Busy) -> Result<Vec<Entry<Body>>> {
        let (mut entries, mut fetched) = (Vec::with_capacity(load.items.len() + load.keys.len()), fetched.into_iter());
        for pick in &load.items {
            let fetched = pick.absent.and_then(|_| fetched.next());
            let slot = self.state.of_seq(pick.seq).filter(|slot| slot.body.home() == pick.home);
            let Some(slot) = slot.filter(|slot| self.is_movable(slot, load.goal.below, underway)) else {
                continue;
            };
            match fetched {
                None => entries.extend(self.move_of(slot, slot.body.clone())),
                Some(Fetched::Here(content)) => entries.extend(self.move_of(slot, Body::new(&content))),
                Some(Fetched::Gone) => {}
                Some(Fetched::Failed(error)) => entries.extend(self.ends_of(slot, error)?),
            }
        }
        for (until, seq) in &load.keys {
            let home = self.pinned.get(&(*until, *seq)).filter(|home| **home < load.goal.below);
            let key = home.and_then(|_| self.state.key_left(*until, *seq));
            if let Some(key) = key.filter(|_| !underway.contains_key(seq)) {
                entries.push(Entry::Key { seq: *seq, dedup: Dedup { key: key.into(), until: *until } });
            }
        }
        entries.extend(load.ends.iter().map(|ended| Entry::Ended(Box::new(ended.clone()))));
        Ok(entries)
    }

    /// The steps that let go of content that is damaged: its item dies of it, whatever it had died of before, and is moved
    /// without it once it has. Who has it in hand read it before it was damaged.
    fn ends_of(&self, slot: &Slot<Body>, error: Error) -> Result<Vec<Entry<Body>>> {
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        let (seq, at) = (slot.seq, self.clock.latest());
        let reason = slot.died().map(|(reason, _)| reason);
        if slot.phase == Phase::Leased {
            return Ok(Vec::new());
        }
        if reason == Some(DeadReason::Corrupt) {
            return Ok(self.move_of(slot, Body::default()).into_iter().collect());
        }
        tracing::error!(target: crate::TRACING_TARGET, id = %slot.id, ?error, "an item cannot be read and is dead");
        let again = reason.map(|_| Entry::Redrive { seq, at });
        Ok(again.into_iter().chain([damaged(seq, at, &error)]).collect())
    }

    fn is_movable(&self, slot: &Slot<Body>, below: u64, underway: &Busy) -> bool {
        let is_busy = || self.settling.contains_key(&slot.seq) || underway.contains_key(&slot.seq);
        slot.phase != Phase::Reserved && slot.body.home() < below && !is_busy()
    }

    fn move_of(&self, slot: &Slot<Body>, body: Body) -> Option<Entry<Body>> {
        let whole = self.state.whole(slot.seq, body)?;
        Some(Entry::Move(Box::new(whole)))
    }
}

impl Load {
    fn take(&mut self, slot: &Slot<Body>) {
        self.bytes += slot.weight() + slot.body.len();
        self.items.push(Pick { seq: slot.seq, home: slot.body.home(), absent: slot.body.spot() });
    }
}
