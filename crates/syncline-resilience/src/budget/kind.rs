//! The kinds of budgets: what each makes of the word that they all are.

use std::time::Duration;

use super::{bucket::Bucket, ratio::TOKEN, savings::Savings, throttle::Throttle, word::Step};

/// How a budget gains and loses tokens. Every kind begins full, with the word 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Bucket(Bucket),
    Savings(Savings),
    Throttle(Throttle),
    Unlimited,
}

impl Kind {
    /// Now, as this kind counts time; always 0 for one that does not, which then reads no clock.
    #[inline]
    pub(super) fn time(&self, since_made: impl FnOnce() -> Duration) -> u64 {
        match self {
            Self::Bucket(bucket) => bucket.time(since_made),
            Self::Savings(_) => Savings::time(since_made()),
            Self::Throttle(_) | Self::Unlimited => 0,
        }
    }

    /// `thousandths` of a token in the units of [`credit`](Self::credit).
    pub(super) fn units(&self, thousandths: u64) -> u64 {
        match self {
            Self::Bucket(bucket) => bucket.units(thousandths),
            Self::Savings(_) | Self::Throttle(_) | Self::Unlimited => thousandths,
        }
    }

    /// Takes all of `tokens` or none. They are more than 0.
    #[inline]
    pub(super) fn take(&self, word: u64, tokens: u32, now: u64) -> Step {
        match self {
            Self::Bucket(bucket) => bucket.take(word, tokens, now),
            Self::Savings(savings) => savings.take(word, tokens, now),
            Self::Throttle(throttle) => throttle.take(word, tokens),
            Self::Unlimited => Step { write: None, is_granted: true },
        }
    }

    /// A failure that asks for a retry, which costs `tokens`.
    #[inline]
    pub(super) fn charge(&self, word: u64, tokens: u32, now: u64) -> Step {
        match self {
            Self::Throttle(throttle) => throttle.fail(word, tokens),
            Self::Bucket(_) | Self::Savings(_) | Self::Unlimited => self.take(word, tokens, now),
        }
    }

    /// A failure that no retry follows, whatever this budget says. `None` where that changes nothing.
    pub(super) fn note_failure(&self, word: u64, tokens: u32, now: u64) -> Option<u64> {
        match self {
            Self::Throttle(throttle) => throttle.fail(word, tokens).write,
            Self::Savings(savings) => savings.note_failure(word, now),
            Self::Bucket(_) | Self::Unlimited => None,
        }
    }

    /// Gives back `units`, never beyond what is full. `None` where nothing is owed.
    #[inline]
    pub(super) fn credit(&self, word: u64, units: u64, now: u64) -> Option<u64> {
        match self {
            Self::Bucket(bucket) => bucket.credit(word, units, now),
            Self::Savings(_) => Savings::credit(word, units),
            Self::Throttle(_) => Throttle::credit(word, units),
            Self::Unlimited => None,
        }
    }

    /// Whether anything may be owed, seen without a clock. `false` is sure.
    #[inline]
    pub(super) fn may_owe(&self, word: u64) -> bool {
        match self {
            Self::Savings(_) => Savings::owes(word),
            Self::Bucket(_) | Self::Throttle(_) => word > 0,
            Self::Unlimited => false,
        }
    }

    /// Whole tokens that could be taken now.
    pub(super) fn available(&self, word: u64, now: u64) -> u32 {
        match self {
            Self::Bucket(bucket) => bucket.available(word, now),
            Self::Savings(savings) => savings.available(word, now),
            Self::Throttle(throttle) => throttle.available(word),
            Self::Unlimited => u32::MAX,
        }
    }

    /// Whole tokens when it is full.
    pub(super) fn capacity(&self) -> u32 {
        match self {
            Self::Bucket(bucket) => bucket.capacity,
            Self::Savings(savings) => savings.capacity,
            Self::Throttle(throttle) => throttle.capacity(),
            Self::Unlimited => u32::MAX,
        }
    }

    /// The units of `tokens`.
    pub(super) fn tokens(&self, tokens: u32) -> u64 {
        self.units(u64::from(tokens) * TOKEN)
    }
}
