//! Which loads, which stores under each, and which ratios are aimed at.

use crate::{
    load::Shape,
    store::Kind,
    stores::{BARE, FJALL, JOURNAL, REDB, SQLITE, SQLITE_CONNECTIONS},
};

/// One load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// In the order of their turns.
    pub(super) kinds: &'static [Kind],
    /// Ratios of the journal's rate to the best of others.
    pub(super) goals: &'static [Goal],
    /// The least commits for each sync and writer, where writers should share syncs.
    pub(super) sharing: Option<f64>,
}

impl Row {
    /// The stores to measure. Many connections of SQLite need seconds to come to rest, which only the patient wait for.
    pub(super) fn kinds(&self, patient: bool) -> impl Iterator<Item = &'static Kind> {
        let restless = self.shape.writers > 4 && !patient;
        self.kinds.iter().filter(move |kind| !restless || kind.name != SQLITE_CONNECTIONS.name)
    }
}

/// The journal's rate against the best rate of `others`: at least `goal`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    pub(super) name: &'static str,
    pub(super) others: &'static [Kind],
    pub(super) goal: Option<f64>,
}

const ALONE: &[Kind] = &[JOURNAL, BARE, SQLITE, REDB, FJALL];
const TOGETHER: &[Kind] = &[JOURNAL, SQLITE, SQLITE_CONNECTIONS, REDB, FJALL];
const SQLITES: &[Kind] = &[SQLITE, SQLITE_CONNECTIONS];

const fn goal(name: &'static str, others: &'static [Kind], goal: f64) -> Goal {
    Goal { name, others, goal: Some(goal) }
}

const fn seen(name: &'static str, others: &'static [Kind]) -> Goal {
    Goal { name, others, goal: None }
}

const CROWD: &[Goal] =
    &[goal("vs_fjall", &[FJALL], 3.0), goal("vs_redb", &[REDB], 5.0), goal("vs_sqlite", SQLITES, 5.0)];

/// All loads.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "w1",
        shape: Shape { writers: 1, batch: 1 },
        kinds: ALONE,
        goals: &[seen("vs_bare", &[BARE])],
        sharing: None,
    },
    Row {
        name: "w4",
        shape: Shape { writers: 4, batch: 1 },
        kinds: TOGETHER,
        goals: &[seen("vs_fjall", &[FJALL]), seen("vs_redb", &[REDB]), seen("vs_sqlite", SQLITES)],
        sharing: Some(0.45),
    },
    Row {
        name: "w16",
        shape: Shape { writers: 16, batch: 1 },
        kinds: TOGETHER,
        goals: CROWD,
        sharing: Some(0.45),
    },
    Row {
        name: "w64",
        shape: Shape { writers: 64, batch: 1 },
        kinds: TOGETHER,
        goals: CROWD,
        sharing: Some(0.45),
    },
    Row {
        name: "b100",
        shape: Shape { writers: 1, batch: 100 },
        kinds: ALONE,
        goals: &[goal("vs_bare", &[BARE], 0.9), seen("vs_best_peer", &[SQLITE, REDB, FJALL])],
        sharing: None,
    },
    Row {
        name: "b1000",
        shape: Shape { writers: 1, batch: 1_000 },
        kinds: ALONE,
        goals: &[goal("vs_bare", &[BARE], 0.9), goal("vs_best_peer", &[SQLITE, REDB, FJALL], 1.2)],
        sharing: None,
    },
];
