//! Lanes: of the items of one partition key only so many are in somebody's hands at once.
//!
//! One at a time keeps them in order: a lane holds its items by place, and one that is to be retried keeps its place and
//! everybody behind it, because what comes later may build on it. More at a time gives that up: they leave by level and time
//! as all others do.
//!
//! In either case only the fronts of a lane, the first of each of its ranks, stand in the order of their levels, and none does
//! while as many are in hand as may be. So nobody who looks for the next item passes those of a lane that has its share.

use std::{collections::BTreeMap, num::NonZeroU32};

use hashbrown::HashMap;
use syncline_core::Priority;

use super::{Slot, slot::Millis};

/// A place in a lane: rank, time, seq.
pub(crate) type Place = (u8, Millis, u64);

/// The number of a lane. Slots say whether they have one in no more than its four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneNumber(NonZeroU32);

impl LaneNumber {
    fn of(index: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(index).ok()?.checked_add(1)?).map(Self)
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// All lanes that hold something.
#[derive(Debug)]
pub(crate) struct Lanes {
    numbers: HashMap<Box<str>, LaneNumber>,
    lanes: Vec<Lane>,
    free: Vec<LaneNumber>,
    /// Most of each that may be in hand.
    at_once: u16,
}

#[derive(Debug, Default)]
struct Lane {
    key: Box<str>,
    /// All of it, in order.
    items: BTreeMap<(Millis, u64), u32>,
    /// Those that wait.
    waiting: BTreeMap<Place, u32>,
    in_hand: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { numbers: HashMap::new(), lanes: Vec::new(), free: Vec::new(), at_once: 1 }
    }
}

impl Lanes {
    /// The number of the lane of `key`, which is made when it is not there; `None` when there is no number left.
    pub(crate) fn open(&mut self, key: &str) -> Option<LaneNumber> {
        if let Some(number) = self.numbers.get(key) {
            return Some(*number);
        }
        let lane = Lane { key: key.into(), ..Lane::default() };
        let number = match self.free.pop() {
            Some(number) => {
                *self.lanes.get_mut(number.index())? = lane;
                number
            }
            None => {
                let number = LaneNumber::of(self.lanes.len())?;
                self.lanes.push(lane);
                number
            }
        };
        self.numbers.insert(key.into(), number);
        Some(number)
    }

    /// An item is of a lane no more, which is forgotten with its last one.
    pub(crate) fn leave(&mut self, number: LaneNumber, place: (Millis, u64)) {
        let Some(lane) = self.lanes.get_mut(number.index()) else { return };
        if lane.items.remove(&place).is_some() && lane.items.is_empty() {
            self.numbers.remove(&std::mem::take(&mut lane.key));
            self.free.push(number);
        }
    }

    /// The place of an item among those of its lane that wait.
    pub(crate) fn place_of<B>(&self, slot: &Slot<B>) -> Place {
        if self.at_once > 1 {
            (slot.priority.number(), slot.eligible_at, slot.seq)
        } else {
            let (time, seq) = slot.lane_place();
            (0, time, seq)
        }
    }

    /// Lets an item wait. Returns who was the front of its rank before, if another one is now.
    pub(crate) fn insert<B>(&mut self, lane: LaneNumber, slot: &Slot<B>, at: u32) -> Option<u32> {
        let place = self.place_of(slot);
        let lane = self.lanes.get_mut(lane.index())?;
        lane.items.insert(slot.lane_place(), at);
        let before = lane.front(place.0);
        lane.waiting.insert(place, at);
        before.filter(|before| lane.front(place.0).is_some_and(|now| now != *before))
    }

    /// An item waits no more.
    pub(crate) fn remove(&mut self, lane: LaneNumber, place: Place) {
        if let Some(lane) = self.lanes.get_mut(lane.index()) {
            lane.waiting.remove(&place);
        }
    }

    /// The fronts of a lane, and whether they may leave.
    pub(crate) fn fronts(&self, lane: LaneNumber) -> (Vec<u32>, bool) {
        let Some(lane) = self.lanes.get(lane.index()) else { return (Vec::new(), false) };
        let ranks = 0..=Priority::Background.number();
        let fronts = ranks.filter_map(|rank| lane.front(rank)).collect();
        (fronts, lane.in_hand < u32::from(self.at_once))
    }

    /// One of it is in hand.
    pub(crate) fn hand_out(&mut self, lane: LaneNumber) {
        if let Some(lane) = self.lanes.get_mut(lane.index()) {
            lane.in_hand += 1;
        }
    }

    /// The items of the lane of `key`, in order, those in hand too.
    pub(crate) fn items(&self, key: &str) -> Option<&BTreeMap<(Millis, u64), u32>> {
        self.lanes.get(self.numbers.get(key)?.index()).map(|lane| &lane.items)
    }

    /// One of it is in hand no more.
    pub(crate) fn take_back(&mut self, lane: LaneNumber) {
        if let Some(lane) = self.lanes.get_mut(lane.index()) {
            lane.in_hand = lane.in_hand.saturating_sub(1);
        }
    }

    /// From now on so many of each may be in hand. Returns all that wait in lanes, which stand nowhere any more; empty when
    /// nothing changes.
    pub(crate) fn allow(&mut self, at_once: u16) -> Vec<u32> {
        if self.at_once == at_once.max(1) {
            return Vec::new();
        }
        self.at_once = at_once.max(1);
        self.lanes
            .iter_mut()
            .flat_map(|lane| std::mem::take(&mut lane.waiting).into_values())
            .collect()
    }

    /// The key of a lane.
    pub(crate) fn key(&self, lane: LaneNumber) -> Option<&str> {
        self.lanes.get(lane.index()).map(|lane| &*lane.key)
    }
}

impl Lane {
    fn front(&self, rank: u8) -> Option<u32> {
        let mut of_rank = self.waiting.range((rank, 0, 0)..=(rank, Millis::MAX, u64::MAX));
        of_rank.next().map(|(_, at)| *at)
    }
}
