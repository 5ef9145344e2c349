//! Nothing is counted.

use std::time::Duration;

use super::Outcome;

/// Counts nothing.
#[derive(Debug)]
pub(super) struct Operation;

impl Operation {
    #[inline]
    pub(super) fn begin(_name: Option<&str>) -> Self {
        Self
    }

    #[inline]
    pub(super) fn attempt(&mut self) {}

    #[inline]
    pub(super) fn waits(&mut self, _delay: Duration) {}

    #[inline]
    pub(super) fn ended(&mut self, _outcome: Outcome) {}
}
