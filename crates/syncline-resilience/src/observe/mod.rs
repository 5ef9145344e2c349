//! What people and machines can see of an operation: nothing, spans or metrics, by feature.
//!
//! [`Watch`] is told what happens and tells both parts, `spans` and `counts`. Where a feature is off, its part is of no size
//! and does nothing.

#[cfg(feature = "prometheus")]
pub(crate) mod counts;
#[cfg(not(feature = "prometheus"))]
#[path = "no_counts.rs"]
mod counts;
mod outcome;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(not(feature = "tracing"))]
#[path = "no_spans.rs"]
mod spans;

use std::time::Duration;

pub(crate) use self::{
    outcome::Outcome,
    spans::{Attempt as AttemptWatch, Entered},
};
use crate::time::Clock;

/// Watches one operation. One that is dropped before it ended was cancelled.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    spans: spans::Operation<'a>,
    counts: counts::Operation,
}

#[cfg(not(any(feature = "tracing", feature = "prometheus")))]
const _: () = assert!(size_of::<(Watch<'_>, AttemptWatch<'_>, Entered<'_>)>() == 0, "unseen operations cost something");

impl<'a> Watch<'a> {
    /// An operation begins. `clock` measures its attempts.
    #[inline]
    pub(crate) fn begin(name: Option<&'a str>, clock: &'a dyn Clock) -> Self {
        Self {
            spans: spans::Operation::begin(name, clock),
            counts: counts::Operation::begin(name),
        }
    }

    /// An attempt begins; `number` is 1 for the first.
    #[inline]
    pub(crate) fn attempt(&mut self, number: u32) -> AttemptWatch<'a> {
        self.counts.attempt();
        self.spans.attempt(number)
    }

    /// A retry is to come after `delay`.
    #[inline]
    pub(crate) fn waits(&mut self, delay: Duration) {
        self.counts.waits(delay);
        self.spans.waits(delay);
    }

    /// The operation ended.
    #[inline]
    pub(crate) fn ended(&mut self, outcome: Outcome) {
        self.counts.ended(outcome);
        self.spans.ended(outcome);
    }
}
