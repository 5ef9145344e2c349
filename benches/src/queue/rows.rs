//! Which loads, which stores under each, and which ratios are aimed at.

use super::{
    load::{Deed, Shape},
    store::Kind,
    stores::{APALIS, FJALL, JOURNAL, OURS, REDB, REDIS, SQLITE, YAQUE},
};

/// One load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// In the order of their turns.
    pub(super) kinds: &'static [Kind],
    /// The least of our rate to that of the bare journal, and to the best of the peers.
    pub(super) vs_journal: Option<f64>,
    pub(super) vs_best: Option<f64>,
    /// The least deeds for each sync and client, where clients should share syncs.
    pub(super) sharing: Option<f64>,
}

/// Queues beside ours.
pub(super) const PEERS: &[Kind] = &[SQLITE, FJALL, REDB, YAQUE, REDIS, APALIS];
const PUSH: &[Kind] = &[OURS, JOURNAL, SQLITE, FJALL, REDB, YAQUE, REDIS, APALIS];
const CYCLE: &[Kind] = &[OURS, SQLITE, FJALL, REDB, YAQUE, REDIS, APALIS];

const fn push(name: &'static str, clients: usize, batch: usize, sharing: Option<f64>) -> Row {
    let shape = Shape { deed: Deed::Push, clients, batch };
    Row { name, shape, kinds: PUSH, vs_journal: Some(0.9), vs_best: None, sharing }
}

const fn cycle(name: &'static str, clients: usize, batch: usize, vs_best: Option<f64>) -> Row {
    let shape = Shape { deed: Deed::Cycle, clients, batch };
    Row { name, shape, kinds: CYCLE, vs_journal: None, vs_best, sharing: None }
}

/// All loads.
pub(super) const ROWS: &[Row] = &[
    push("push.w1", 1, 1, None),
    push("push.w4", 4, 1, Some(0.45)),
    push("push.w64", 64, 1, Some(0.45)),
    push("push.b100", 1, 100, None),
    push("push.b1000", 1, 1_000, None),
    cycle("cycle.w1", 1, 1, None),
    cycle("cycle.w4", 4, 1, None),
    cycle("cycle.w64", 64, 1, Some(3.0)),
    cycle("cycle.b100", 1, 100, None),
    cycle("cycle.b1000", 1, 1_000, Some(1.2)),
];
