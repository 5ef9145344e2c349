//! Tokens that are earned, and given back by a quiet time: savings in one word.
//!
//! ```text
//! 63..24 the last failure, in milliseconds since the budget was made
//! 23..0  what is owed, in thousandths of a token
//! ```
//!
//! 40 bits of milliseconds last for 34 years, so that they are compared as they are. A shorter count that wraps would have to
//! guess whether a failure lies far back or the clock stepped back: one guess freezes an idle process, the other credits it
//! twice.

use std::time::Duration;

use super::{ratio::TOKEN, word::Step};

const OWED_BITS: u32 = 24;
const OWED_MAX: u64 = (1 << OWED_BITS) - 1;
const TIME_MAX: u64 = (1 << (u64::BITS - OWED_BITS)) - 1;
/// Most tokens that can be saved: what can be owed in 24 bits of thousandths.
pub(super) const CAPACITY_MAX: u32 = (OWED_MAX / TOKEN) as u32;
/// A refused retry is a failure too and moves the last one on, but only by steps of this part of the quiet time: a fleet of
/// threads that is refused must not fight for the word.
const STEPS_PER_QUIET: u64 = 64;

/// The numbers of savings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Savings {
    /// At most [`CAPACITY_MAX`].
    pub(super) capacity: u32,
    /// Milliseconds without a failure after which nothing is owed any more. Never 0.
    quiet: u64,
}

impl Savings {
    pub(super) fn new(capacity: u32, quiet: Duration) -> Self {
        Self { capacity: capacity.min(CAPACITY_MAX), quiet: millis(quiet).max(1) }
    }

    /// The time of these savings: milliseconds since they were made.
    pub(super) fn time(since_made: Duration) -> u64 {
        millis(since_made).min(TIME_MAX)
    }

    /// Takes `tokens`, or remembers that there was a failure.
    pub(super) fn take(&self, word: u64, tokens: u32, now: u64) -> Step {
        if tokens > self.capacity {
            return Step::REFUSED;
        }
        let failed_at = failed_at(word);
        let owed = self.owed(word, now) + u64::from(tokens) * TOKEN;
        if owed <= u64::from(self.capacity) * TOKEN {
            // Never moved back by a clock that steps back: stepping on again would be taken for a quiet time.
            return Step::granted(pack(failed_at.max(now), owed));
        }
        // Refused savings are never the forgiven ones, which are full: what is owed stays as it stands.
        let is_stale = now.saturating_sub(failed_at) >= (self.quiet / STEPS_PER_QUIET).max(1);
        Step { write: is_stale.then(|| pack(now, owed_in(word))), is_granted: false }
    }

    /// A failure that asks for no token: no quiet time has begun. `None` where nothing is owed, or little time has passed.
    pub(super) fn note_failure(&self, word: u64, now: u64) -> Option<u64> {
        let owed = self.owed(word, now);
        let is_stale = now.saturating_sub(failed_at(word)) >= (self.quiet / STEPS_PER_QUIET).max(1);
        (owed > 0 && is_stale).then(|| pack(now, owed))
    }

    /// Gives back `thousandths`, as many as are owed.
    pub(super) fn credit(word: u64, thousandths: u64) -> Option<u64> {
        let owed = owed_in(word);
        (owed > 0).then(|| pack(failed_at(word), owed.saturating_sub(thousandths)))
    }

    /// Whether something is owed, unless time has forgiven it.
    pub(super) fn owes(word: u64) -> bool {
        owed_in(word) > 0
    }

    /// Whole tokens that are saved.
    pub(super) fn available(&self, word: u64, now: u64) -> u32 {
        let saved = (u64::from(self.capacity) * TOKEN).saturating_sub(self.owed(word, now)) / TOKEN;
        u32::try_from(saved).unwrap_or(self.capacity)
    }

    /// What is owed now, in thousandths: nothing after a quiet time.
    fn owed(&self, word: u64, now: u64) -> u64 {
        let is_quiet = now.saturating_sub(failed_at(word)) >= self.quiet;
        if is_quiet { 0 } else { owed_in(word) }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn failed_at(word: u64) -> u64 {
    word >> OWED_BITS
}

fn owed_in(word: u64) -> u64 {
    word & OWED_MAX
}

fn pack(failed_at: u64, owed: u64) -> u64 {
    failed_at << OWED_BITS | owed
}
