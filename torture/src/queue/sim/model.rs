//! The queue as a plain list of items: the truth that every recovery is held against.
//!
//! Steps stand in the journal in the order in which they were decided, so a recovery finds the queue as it was after one of
//! them: not before the last that was acknowledged.

use std::collections::BTreeMap;

use bytes::Bytes;
use syncline_core::{Priority, port::DeadReason};

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Waiting,
    /// In hand until a moment.
    Held(u64),
    Dead(DeadReason),
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its place among all pushes.
    pub(super) number: u64,
    pub(super) priority: Priority,
    pub(super) eligible: u64,
    /// Its place in its lane, which a retry does not change.
    pub(super) place: u64,
    pub(super) max: u16,
    pub(super) lane: Option<String>,
    pub(super) body: Bytes,
    pub(super) attempts: u16,
    pub(super) token: u64,
    pub(super) stands: Stands,
}

impl Item {
    pub(super) fn lives(&self) -> bool {
        !matches!(self.stands, Stands::Dead(_))
    }
}

/// Items by id.
pub(super) type Items = BTreeMap<String, Item>;

/// What a call does to one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Push(String, Box<Item>),
    Claim {
        id: String,
        until: u64,
    },
    /// It is done, or withdrawn, or thrown away.
    Gone(String),
    Retry {
        id: String,
        at: u64,
    },
    /// The lease ended without an outcome.
    Return {
        id: String,
        counts: bool,
    },
    Bury(String, DeadReason),
    Redrive {
        id: String,
        at: u64,
    },
}

/// Takes one step.
pub(super) fn apply(items: &mut Items, step: &Step) {
    match step {
        Step::Push(id, item) => {
            items.insert(id.clone(), (**item).clone());
        }
        Step::Gone(id) => {
            items.remove(id);
        }
        Step::Claim { id, .. }
        | Step::Retry { id, .. }
        | Step::Return { id, .. }
        | Step::Bury(id, _)
        | Step::Redrive { id, .. } => {
            if let Some(item) = items.get_mut(id) {
                change(item, step);
            }
        }
    }
}

fn change(item: &mut Item, step: &Step) {
    item.stands = Stands::Waiting;
    match step {
        Step::Claim { until, .. } => {
            item.attempts += 1;
            item.stands = Stands::Held(*until);
        }
        Step::Retry { at, .. } => item.eligible = *at,
        Step::Return { counts: false, .. } => item.attempts = item.attempts.saturating_sub(1),
        Step::Bury(_, reason) => item.stands = Stands::Dead(*reason),
        Step::Redrive { at, .. } => (item.attempts, item.eligible, item.place) = (0, *at, *at),
        Step::Return { .. } | Step::Push(..) | Step::Gone(_) => {}
    }
}

/// Who is handed out next at `now`: by level, then time, then push; of a lane its first, while none of it is in hand.
pub(super) fn next(items: &Items, now: u64) -> Option<(&String, &Item)> {
    let ready = items.iter().filter(|(_, item)| item.stands == Stands::Waiting && item.eligible <= now);
    let free = ready.filter(|(_, item)| item.lane.is_none() || leads(items, item));
    free.min_by_key(|(_, item)| (item.priority, item.eligible, item.number))
}

fn leads(items: &Items, item: &Item) -> bool {
    let place = (item.place, item.number);
    let others = items.values().filter(|other| other.lane == item.lane && other.lives());
    others
        .into_iter()
        .all(|other| other.stands == Stands::Waiting && place <= (other.place, other.number))
}

/// What a step makes of an item whose lease is over, by time or with its process.
pub(super) fn returned(id: &str, item: &Item) -> Step {
    if item.attempts >= item.max {
        Step::Bury(id.to_owned(), DeadReason::Exhausted)
    } else {
        Step::Return { id: id.to_owned(), counts: true }
    }
}

/// The items as a recovery gives them back: nobody holds any.
pub(super) fn recovered(items: &Items) -> Items {
    let mut after = items.clone();
    let held = items.iter().filter(|(_, item)| matches!(item.stands, Stands::Held(_)));
    for (id, item) in held {
        apply(&mut after, &returned(id, item));
    }
    after
}

/// One queue's past.
#[derive(Debug, Clone)]
pub(super) struct Model {
    /// What stands in memory.
    pub(super) live: Items,
    /// What a loss of power may leave, oldest first: the first is what was synced, each next one has a record more.
    pub(super) states: Vec<Items>,
    /// Which of them the end of the process leaves at least.
    pub(super) written: usize,
    /// What failed, after which nothing may be acknowledged until the queue is opened again.
    pub(super) broken: Option<String>,
    /// Pushes so far.
    pub(super) pushes: u64,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            live: Items::new(),
            states: vec![Items::new()],
            written: 0,
            broken: None,
            pushes: 0,
        }
    }

    /// A record is about to be written.
    pub(super) fn submit(&mut self, steps: &[Step]) {
        let mut state = self.states.last().cloned().unwrap_or_default();
        steps.iter().for_each(|step| apply(&mut state, step));
        self.states.push(state);
    }

    /// Nothing of the last record stands, nor ever will.
    pub(super) fn refused(&mut self) {
        self.states.pop();
    }

    /// All records were acknowledged: as written, or as synced.
    pub(super) fn acknowledged(&mut self, synced: bool) {
        if synced {
            self.states.drain(..self.states.len().saturating_sub(1));
        }
        self.written = self.states.len().saturating_sub(1);
    }

    /// A recovery found `items`: from now on they stand, and what else could have will not.
    pub(super) fn found(&mut self, items: Items) {
        self.states = vec![items.clone()];
        (self.live, self.written, self.broken) = (items, 0, None);
    }
}
