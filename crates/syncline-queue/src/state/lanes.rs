//! Lanes: items of one partition key leave one at a time, in order.
//!
//! A lane holds its items by place. The first is its head; only the head stands in the order of its level, and only while
//! none of the lane is in somebody's hands. A head that is to be retried keeps its place and everybody behind it, because
//! what comes later may build on it.

use std::collections::{BTreeMap, HashMap};

use super::slot::Millis;

/// All lanes that hold something.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    numbers: HashMap<Box<str>, u32>,
    lanes: Vec<Lane>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Lane {
    key: Box<str>,
    items: BTreeMap<(Millis, u64), u32>,
    /// The item that is in somebody's hands. None other leaves meanwhile, even one that came to stand before it.
    in_hand: Option<u32>,
}

impl Lanes {
    /// The number of the lane of `key`, which is made when it is not there; `None` when there is no number left.
    pub(crate) fn open(&mut self, key: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(key) {
            return Some(*number);
        }
        let lane = Lane { key: key.into(), items: BTreeMap::new(), in_hand: None };
        let number = match self.free.pop() {
            Some(number) => {
                *self.lanes.get_mut(number as usize)? = lane;
                number
            }
            None => {
                let number = u32::try_from(self.lanes.len()).ok()?;
                self.lanes.push(lane);
                number
            }
        };
        self.numbers.insert(key.into(), number);
        Some(number)
    }

    /// Puts an item into its place. Returns who was the head before, if another one is now.
    pub(crate) fn insert(&mut self, lane: u32, place: (Millis, u64), at: u32) -> Option<u32> {
        let lane = self.lanes.get_mut(lane as usize)?;
        let before = lane.items.first_key_value().map(|(_, at)| *at);
        lane.items.insert(place, at);
        before.filter(|head| lane.items.first_key_value().is_some_and(|(_, now)| now != head))
    }

    /// Takes an item out. The lane goes with its last one.
    pub(crate) fn remove(&mut self, number: u32, place: (Millis, u64)) {
        let Some(lane) = self.lanes.get_mut(number as usize) else { return };
        lane.items.remove(&place);
        if lane.items.is_empty() {
            let key = std::mem::take(&mut lane.key);
            self.numbers.remove(&key);
            self.free.push(number);
        }
    }

    /// Who may leave a lane next: its head, while none of it is in hand.
    pub(crate) fn head(&self, lane: u32) -> Option<u32> {
        let lane = self.lanes.get(lane as usize).filter(|lane| lane.in_hand.is_none())?;
        lane.items.first_key_value().map(|(_, at)| *at)
    }

    /// The head is in hand.
    pub(crate) fn hand_out(&mut self, lane: u32, at: u32) {
        if let Some(lane) = self.lanes.get_mut(lane as usize) {
            lane.in_hand = Some(at);
        }
    }

    /// The item is in hand no more.
    pub(crate) fn take_back(&mut self, lane: u32, at: u32) {
        if let Some(lane) = self.lanes.get_mut(lane as usize).filter(|lane| lane.in_hand == Some(at)) {
            lane.in_hand = None;
        }
    }

    /// The items of the lane of `key`, in order.
    pub(crate) fn items(&self, key: &str) -> Option<&BTreeMap<(Millis, u64), u32>> {
        self.lanes.get(*self.numbers.get(key)? as usize).map(|lane| &lane.items)
    }

    /// The key of a lane.
    pub(crate) fn key(&self, lane: u32) -> Option<&str> {
        self.lanes.get(lane as usize).map(|lane| &*lane.key)
    }
}
