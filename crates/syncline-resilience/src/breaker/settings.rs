//! The numbers of a breaker, and what follows from them.

use std::time::Duration;

use super::word::{ADMITTED_MASK, FINITE_MS_MAX, GROWTH_MAX, LEASE_UNITS_MAX};
use crate::{
    retry::{
        DEFAULT_CIRCUIT_TIMEOUT, DEFAULT_FAILURE_THRESHOLD, DEFAULT_HALF_OPEN_REQUESTS, DEFAULT_SUCCESS_THRESHOLD,
    },
    rng::between,
};

const MILLION: u64 = 1_000_000;
/// The largest factor by which an open time grows: more is the longest time at once.
const FACTOR_MAX: f64 = 1_000.0;

/// The numbers of a breaker. Any combination makes sense.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Failures in a row that open it; `None` when only a window does.
    pub(super) failure_threshold: Option<u32>,
    pub(super) success_threshold: u8,
    pub(super) half_open_requests: u8,
    pub(super) timeout_ms: u64,
    /// Thousandths.
    factor_milli: u64,
    longest_ms: u64,
    /// Millionths of an open time that are left to chance.
    jitter_ppm: u64,
    /// `None` for that of the open time.
    probe_timeout_ms: Option<u64>,
    lease: Lease,
}

/// How long a probe may be without an answer, in units that fit into the word.
#[derive(Debug, Clone, Copy)]
struct Lease {
    /// A unit is `1 << shift` milliseconds: one, up to a lease of 17 minutes.
    shift: u32,
    units: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            failure_threshold: Some(DEFAULT_FAILURE_THRESHOLD),
            success_threshold: 1,
            half_open_requests: 1,
            timeout_ms: 0,
            factor_milli: 1_000,
            longest_ms: u64::MAX,
            jitter_ppm: 0,
            probe_timeout_ms: None,
            lease: Lease::of(1),
        };
        settings.success_threshold = fitting(DEFAULT_SUCCESS_THRESHOLD);
        settings.half_open_requests = fitting(DEFAULT_HALF_OPEN_REQUESTS);
        settings.set_timeout(DEFAULT_CIRCUIT_TIMEOUT);
        settings
    }
}

impl Settings {
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout_ms = millis(timeout);
        self.set_lease();
    }

    pub(super) fn set_probe_timeout(&mut self, timeout: Duration) {
        self.probe_timeout_ms = Some(millis(timeout));
        self.set_lease();
    }

    fn set_lease(&mut self) {
        self.lease = Lease::of(self.probe_timeout_ms.unwrap_or(self.timeout_ms));
    }

    /// A factor below 1.0, or none, is 1.0.
    pub(super) fn set_growth(&mut self, factor: f64, longest: Duration) {
        self.factor_milli = thousandths(factor.min(FACTOR_MAX)).max(1_000);
        self.longest_ms = millis(longest);
    }

    pub(super) fn set_jitter(&mut self, factor: f64) {
        self.jitter_ppm = u64::from(millionths(factor));
    }

    /// The open time after it grew `growth` times, before chance shortens it: the longest it can be.
    pub(super) fn longest_open_ms(&self, growth: u8) -> u64 {
        let longest = self.longest_ms.max(self.timeout_ms);
        (0..growth.min(GROWTH_MAX)).fold(self.timeout_ms, |open_ms, _| {
            let grown = u128::from(open_ms) * u128::from(self.factor_milli) / 1_000;
            u64::try_from(grown).unwrap_or(u64::MAX).min(longest)
        })
    }

    /// The open time after it grew `growth` times; chance only shortens it.
    pub(super) fn open_ms(&self, growth: u8, random: impl FnOnce() -> u64) -> u64 {
        let longest = self.longest_open_ms(growth);
        if self.jitter_ppm == 0 || longest > FINITE_MS_MAX {
            return longest;
        }
        // Below 2^37 · 10^6, which fits.
        let chance = longest * self.jitter_ppm / MILLION;
        between(longest - chance, longest, random())
    }

    /// The moment `now_ms` as the word keeps it for a probe.
    pub(super) fn admitted(&self, now_ms: u64) -> u32 {
        u32::try_from(now_ms >> self.lease.shift & ADMITTED_MASK).unwrap_or(0)
    }

    /// Milliseconds for which the last probe, admitted at `admitted`, still counts; `None` when it is given up.
    pub(super) fn lease_left_ms(&self, admitted: u32, now_ms: u64) -> Option<u64> {
        let elapsed = (now_ms >> self.lease.shift).wrapping_sub(u64::from(admitted)) & ADMITTED_MASK;
        let left = self.lease.units.checked_sub(elapsed).filter(|left| *left > 0)?;
        Some(if left.leading_zeros() > self.lease.shift {
            left << self.lease.shift
        } else {
            u64::MAX
        })
    }
}

impl Lease {
    /// One millisecond at least: without a lease there would be no limit.
    fn of(lease_ms: u64) -> Self {
        let lease_ms = lease_ms.max(1);
        let bits = u64::BITS - lease_ms.leading_zeros();
        let shift = bits.saturating_sub(LEASE_UNITS_MAX.trailing_zeros());
        Self { shift, units: lease_ms >> shift }
    }
}

/// What fits into the word; 0 would never be reached.
pub(super) fn fitting(count: u32) -> u8 {
    u8::try_from(count.max(1)).unwrap_or(u8::MAX)
}

/// Whole milliseconds; the rest of one counts as one, so that only zero is zero.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A part from 0.0 to 1.0 in millionths. No number is 0.
pub(super) fn millionths(part: f64) -> u32 {
    u32::try_from(thousandths(part.clamp(0.0, 1.0) * 1_000.0)).unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and no number is 0"
)]
fn thousandths(factor: f64) -> u64 {
    (factor * 1_000.0).round() as u64
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use super::*;

    fn settings(timeout_ms: u64) -> Settings {
        let mut settings = Settings::default();
        settings.set_timeout(Duration::from_millis(timeout_ms));
        settings
    }

    #[test]
    fn an_open_time_grows_to_its_longest_and_stays() {
        let mut settings = settings(100);
        settings.set_growth(2.0, Duration::from_millis(500));
        assert_eq!([0, 1, 2, 3, 255].map(|growth| settings.longest_open_ms(growth)), [100, 200, 400, 500, 500]);
        settings.set_growth(f64::NAN, Duration::ZERO);
        assert_eq!(settings.longest_open_ms(9), 100);
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let mut settings = settings(0);
        settings.set_timeout(Duration::MAX);
        settings.set_growth(f64::INFINITY, Duration::MAX);
        settings.set_jitter(1.0);
        assert_eq!(settings.open_ms(15, || 0), u64::MAX);
        assert_eq!(settings.lease_left_ms(settings.admitted(5), u64::MAX / 2), Some(u64::MAX));
    }

    #[test]
    fn a_lease_of_minutes_is_exact_and_one_of_years_nearly() {
        let exact = settings(60_000);
        assert_eq!(exact.lease_left_ms(exact.admitted(5), 60_004), Some(1));
        assert_eq!(exact.lease_left_ms(exact.admitted(5), 60_005), None);
        let year = 31_536_000_000;
        let coarse = settings(year);
        assert!(coarse.lease_left_ms(coarse.admitted(7), 7 + year / 100 * 99).is_some());
        assert!(coarse.lease_left_ms(coarse.admitted(7), 7 + year).is_none());
    }

    #[test]
    fn parts_of_a_millisecond_count_as_one() {
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!((millis(Duration::ZERO), millis(Duration::MAX)), (0, u64::MAX));
    }

    #[test]
    fn parts_that_make_no_sense_are_the_nearest_that_do() {
        let parts = [0.5, -1.0, 2.0, f64::NAN, f64::INFINITY];
        assert_eq!(parts.map(millionths), [500_000, 0, 1_000_000, 0, 1_000_000]);
    }
}
