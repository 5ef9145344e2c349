//! Tokens that each failure takes and each success earns a part of: the retry throttle of gRPC in one word.
//!
//! The word is what is missing from the full count, in thousandths of a token. A failure takes its token whether or not a
//! retry follows, and one follows only while more than half of the tokens are left (gRPC proposal A6, "Throttling retry
//! attempts and hedged RPCs").

use super::{ratio::TOKEN, word::Step};

/// The numbers of a throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Throttle {
    /// Tokens when it is full.
    pub(super) max_tokens: u32,
}

impl Throttle {
    /// Retries in a row that a full throttle allows.
    pub(super) fn capacity(&self) -> u32 {
        self.available(0)
    }

    /// A failure that takes `tokens`, and whether a retry may follow.
    pub(super) fn fail(&self, missing: u64, tokens: u32) -> Step {
        let after = (missing + u64::from(tokens) * TOKEN).min(self.full());
        Step { write: (after != missing).then_some(after), is_granted: self.is_open(after) }
    }

    /// Takes `tokens` if more than half are left then, or leaves everything as it is.
    pub(super) fn take(&self, missing: u64, tokens: u32) -> Step {
        let after = missing + u64::from(tokens) * TOKEN;
        if self.is_open(after) { Step::granted(after) } else { Step::REFUSED }
    }

    /// Gives back `thousandths`, as many as are missing.
    pub(super) fn credit(missing: u64, thousandths: u64) -> Option<u64> {
        (missing > 0).then(|| missing.saturating_sub(thousandths))
    }

    /// Retries in a row that it allows now.
    pub(super) fn available(&self, missing: u64) -> u32 {
        // The largest n with 2 * (missing + n * TOKEN) < full.
        let retries = self.full().saturating_sub(2 * missing).saturating_sub(1) / (2 * TOKEN);
        u32::try_from(retries).unwrap_or(u32::MAX)
    }

    /// Whether more than half of the tokens are left.
    fn is_open(&self, missing: u64) -> bool {
        2 * missing < self.full()
    }

    fn full(&self) -> u64 {
        u64::from(self.max_tokens) * TOKEN
    }
}
