//! Random histories of a [`QueueStorage`], each played beside a model that is too plain to be wrong: a list of items and
//! nothing that is ordered.
//!
//! After each call its answer is compared with the model's, and what stands where. A history also steps the clocks and ends
//! the process, now and then in the middle of a call. What must hold:
//!
//! - O1, O2: what was answered is there exactly once until its end was answered, and then never again
//! - O3: an item has one live lease, and no two leases of an id have the same token
//! - O4: items leave by level, time and push, of each lane one at a time in its order, or so many at a time without
//! - O5: no item is handed out more often than its attempts
//! - O6: what is opened twice is what is opened once
//! - O7: what a crash leaves is the state after one of the calls that no sync covers, or after the last that one does
//! - O8: what is counted is what is there
//! - O9: what ended is remembered, as long as its storage remembers anything
//! - whoever sleeps as long as `next_due` says oversleeps nothing, and a history ends with an empty queue

mod call;
mod check;
mod draw;
mod judge;
mod oracle;
mod past;
mod play;

use std::fmt::{self, Debug};

use syncline_core::port::{BoxFuture, QueueStorage};

use crate::{SeededRandom, seed};

/// How a storage is opened and how its process ends.
pub trait Subject: Debug + Send {
    /// The storage as it is open now.
    fn storage(&self) -> &dyn QueueStorage;

    /// A call begins: what a crash in it would leave is to be remembered.
    fn begin_call(&mut self) {}

    /// Ends the process in this way and opens the storage again. `in_call` is in the middle of the call that began last, and
    /// `random` says where. It remembers all that ended.
    fn reopen(&mut self, end: End, in_call: bool, random: &SeededRandom) -> BoxFuture<'_, ()>;
}

/// How the process of a storage ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It closes the storage.
    Closed,
    /// It is killed: what it wrote is there.
    Killed,
    /// The machine loses power: what was synced is there.
    PowerLost,
}

/// In what storages differ, all of them within the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether the calendar is set forward and back.
    pub steps_clocks: bool,
    /// How a process may end. None where items end with it.
    pub ends: &'static [End],
    /// Whether a lease ends with the process. Otherwise it ends at its time alone.
    pub leases_end_at_reopen: bool,
    /// Whether a claim is as durable as a push when it is answered.
    pub claims_are_synced: bool,
    /// Whether the next process goes on with how many of a lane the last claim allowed. Otherwise it begins with one.
    pub keeps_lane_bound: bool,
    /// Whether a claim buries all that has expired. Otherwise it buries what it comes across, and `reap` the others.
    pub claims_bury_all: bool,
    /// Whether a settlement that changes nothing is told that there is no such item by what the whole call leaves. Otherwise by
    /// what those before it in the call left.
    pub unknown_by_the_end: bool,
    /// Whether what is counted is compared after each step. Otherwise all is compared after one in a few, for a storage that is
    /// far away.
    pub compares_each_step: bool,
}

/// Steps of a history.
pub const STEPS: usize = 200;

/// Plays `histories`, each on a storage that `make` makes, empty. The seed of the first is that of the [test](seed), and each
/// next one is one more.
///
/// # Panics
///
/// When a history and the model part: with the seed that begins with this history, and its last steps.
pub async fn histories<S: Subject>(histories: u64, rules: Rules, mut make: impl AsyncFnMut(u64) -> S) {
    let first = seed();
    for n in 0..histories {
        let seed = first.wrapping_add(n);
        let mut subject = make(seed).await;
        let played = play::history(&mut subject, rules, seed).await;
        assert!(played.is_ok(), "SYNCLINE_SEED={seed:#x} begins with this history\n{}", Shown(played.err()));
    }
}

struct Shown(Option<play::Parted>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |parted| fmt::Display::fmt(parted, f))
    }
}
