//! The scheduler: what stands where, and who is next. Pure: no clock, no disk, no lock.
//!
//! [`State::apply`] is the only thing that moves an item, live and in recovery, so that a queue that was opened again is the
//! queue that was closed; [`State::accept`] is the part of it that a push needs whose place is known. Everything else asks, or
//! reserves what a step that is on its way to disk will take.
//!
//! ```text
//! push ─▶ Reserved ─▶ Waiting ⇄ Leased ─▶ done        Waiting: ready from its time on; Behind: behind its lane's head
//!                        ▲  │      └────▶ Dead ─▶ dropped
//!                        └──┴── redrive ◀──┘
//! ```
//!
//! No operation looks at more than a few items, however many there are: each structure is ordered by what is asked of it.

mod apply;
mod armed;
mod ask;
mod chunks;
#[cfg(test)]
mod cost_tests;
mod counts;
mod dedup;
mod ended;
mod entry;
mod id;
mod lanes;
mod leases;
mod list;
mod moved;
mod order;
mod pages;
mod place;
mod reserve;
mod runs;
mod slab;
mod slot;
mod table;
#[cfg(test)]
mod tests;
mod twins;

use std::collections::BTreeMap;

pub(crate) use self::{
    chunks::Chunks,
    counts::Counts,
    ended::Ended,
    entry::{Dedup, Entry, Push},
    id::{Id, ROOM},
    moved::{Moved, Stand},
    slot::{Extra, Millis, Phase, Slot},
    table::Table,
};
use self::{
    dedup::Dedups,
    lanes::{LaneNumber, Lanes},
    leases::Leases,
    order::Order,
    slab::Slab,
};

/// Most items that one call of upkeep touches.
const UPKEEP_MAX: usize = 64;
/// Bits of a token below the time of its lease: a thousand leases a millisecond, and a number that JSON keeps exactly.
const TOKEN_BITS: u32 = 10;

/// All items of a queue.
#[derive(Debug)]
pub(crate) struct State<B> {
    slab: Slab<B>,
    order: Order,
    lanes: Lanes,
    leases: Leases,
    dedups: Dedups,
    /// Waiting items that are of no use from a time on.
    expiries: BTreeMap<(Millis, u64), u32>,
    /// Items behind others of their lanes, by acceptance.
    behind: BTreeMap<u64, u32>,
    /// Dead items by their death.
    dead: BTreeMap<(Millis, u64), u32>,
    counts: Counts,
    /// Bytes that the items take in records, without what they carry.
    bytes: u64,
    next_seq: u64,
    /// The token of the newest lease. Of all items, and ahead of those that the queue gave before its journal began: no lease
    /// is taken for one that ended.
    token: u64,
}

/// Why a push is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its id or its key is taken by this item.
    Duplicate { id: Id },
    /// There is no number left for it.
    Full,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied<B> {
    Done,
    /// The item is gone; this is what it carried.
    Gone(B),
    /// The item carries something else; this is what it carried.
    Replaced(B),
    /// There is no such item, or it does not stand where the step expects it. Nothing changed.
    Moot,
}

/// Who may settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is in hand under this lease.
    Held { seq: u64 },
    /// It is not in hand, or under another lease.
    Lost,
    /// There is no such item.
    Unknown,
}

impl<B> Default for State<B> {
    fn default() -> Self {
        Self {
            slab: Slab::default(),
            order: Order::default(),
            lanes: Lanes::default(),
            leases: Leases::default(),
            dedups: Dedups::default(),
            expiries: BTreeMap::new(),
            behind: BTreeMap::new(),
            dead: BTreeMap::new(),
            counts: Counts::default(),
            bytes: 0,
            next_seq: 0,
            token: 0,
        }
    }
}
