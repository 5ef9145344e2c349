//! Tokens that come back with time: a bucket in one word.
//!
//! The word is the moment at which the bucket is full again, in nanoseconds since it was made. What lies ahead of it is owed;
//! a moment in the past is a full bucket. Tokens therefore come back without anybody writing them, however often or seldom
//! somebody looks, and no fraction is ever lost. This is the generic cell rate algorithm in its form of virtual scheduling
//! (ITU-T I.371; ATM Forum, Traffic Management 4.1, 1999), with the way back added: what is returned moves the moment nearer.

use std::{convert::Infallible, time::Duration};

use super::word::Step;
use crate::{RetryError, error::invalid};

/// The longest time to fill from empty, and the latest time that is told apart: 146 years in nanoseconds. Three times that is
/// the largest sum here, and fits.
const LONGEST: u64 = 1 << 62;
/// Units of a token where time brings none: fine enough for exact thousandths.
const STILL_TOKEN: u64 = 1_000_000;
const NANOS_PER_SEC: f64 = 1e9;
const NANOS: u64 = 1_000_000_000;

/// The numbers of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) capacity: u32,
    /// Tokens per refill interval, as they were asked for.
    rate: f64,
    /// Nanoseconds that bring one token; in a still bucket the units of one. Never 0, and all tokens are at most `LONGEST`.
    token: u64,
    /// All of them, in the same units.
    full: u64,
    /// Time brings nothing: the word only counts, and now is always 0.
    is_still: bool,
}

impl Bucket {
    /// A bucket of `capacity` that gains `rate` tokens per `interval`: at most one per nanosecond, and none where filling it
    /// would take longer than [`LONGEST`], or where the rate is negative or no number.
    pub(super) fn new(capacity: u32, rate: f64, interval: Duration) -> Self {
        // The casts saturate. What is no number becomes 0, but is still in the first place.
        let token = ((interval.as_nanos() as f64 / rate).round() as u64).max(1);
        let is_still = rate.is_nan()
            || rate <= 0.0
            || token.checked_mul(u64::from(capacity).max(1)).is_none_or(|all| all > LONGEST);
        let token = if is_still { STILL_TOKEN } else { token };
        Self { capacity, rate, token, full: u64::from(capacity) * token, is_still }
    }

    /// Whether `capacity` and `per_second` say what a bucket can be, without any mending.
    pub(super) fn check(capacity: u32, per_second: f64) -> Result<(), RetryError<Infallible>> {
        if capacity == 0 {
            return Err(invalid("the capacity is 0: no retry would ever be paid; `none` says so on purpose"));
        }
        if !per_second.is_finite() || per_second < 0.0 {
            return Err(invalid(format!("the rate is {per_second} tokens per second")));
        }
        if per_second > NANOS_PER_SEC {
            return Err(invalid(format!("the rate is {per_second} tokens per second, the most is one per nanosecond")));
        }
        if per_second > 0.0 && Self::new(capacity, per_second, Duration::from_secs(1)).is_still {
            return Err(invalid(format!(
                "at {per_second} tokens per second it would take more than 146 years to gain {capacity}"
            )));
        }
        Ok(())
    }

    /// The same with the rate per `interval`.
    pub(super) fn with_interval(self, interval: Duration) -> Self {
        Self::new(self.capacity, self.rate, interval)
    }

    /// Tokens per second, after rounding to whole nanoseconds per token.
    pub(super) fn tokens_per_sec(&self) -> f64 {
        if self.is_still { 0.0 } else { NANOS_PER_SEC / self.token as f64 }
    }

    /// The time of this bucket: nanoseconds since it was made.
    #[inline]
    pub(super) fn time(&self, since_made: impl FnOnce() -> Duration) -> u64 {
        if self.is_still {
            return 0;
        }
        let since_made = since_made();
        let whole = since_made.as_secs().saturating_mul(NANOS);
        whole.saturating_add(u64::from(since_made.subsec_nanos())).min(LONGEST)
    }

    /// `thousandths` of a token in units of the word, to the nearest.
    pub(super) fn units(&self, thousandths: u64) -> u64 {
        let units = (u128::from(self.token) * u128::from(thousandths) + 500) / 1_000;
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    /// Takes `tokens`, or leaves everything as it is.
    #[inline]
    pub(super) fn take(&self, word: u64, tokens: u32, now: u64) -> Step {
        if tokens > self.capacity {
            return Step::REFUSED;
        }
        // A clock that stepped back makes the bucket look emptier for a while; time is never credited twice.
        let full_at = word.max(now) + self.all(tokens);
        if full_at - now > self.full { Step::REFUSED } else { Step::granted(full_at) }
    }

    /// Gives back `units`, as many as fit.
    pub(super) fn credit(&self, word: u64, units: u64, now: u64) -> Option<u64> {
        (word > now).then(|| word.saturating_sub(units).max(now))
    }

    /// Whole tokens in it.
    pub(super) fn available(&self, word: u64, now: u64) -> u32 {
        let owed = word.saturating_sub(now);
        let left = self.full.saturating_sub(owed) / self.token;
        u32::try_from(left).unwrap_or(self.capacity)
    }

    #[inline]
    fn all(&self, tokens: u32) -> u64 {
        u64::from(tokens) * self.token
    }
}
