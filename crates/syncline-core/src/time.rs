//! Two kinds of time that never mix.

use std::{fmt, ops::Add, time::Duration};

/// A moment of a steady clock, counted from an arbitrary origin: for deadlines, leases and durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The moment `since_origin` after the clock's origin.
    #[inline]
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// Time since the clock's origin.
    #[inline]
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Time since `earlier`; zero when `earlier` is later.
    #[must_use]
    #[inline]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    /// Saturates at the end of time.
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

/// A moment of the calendar, in milliseconds since 1970-01-01 UTC: for versions, expiry and people.
///
/// It may step in either direction; never measure a duration with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(u64);

impl WallTime {
    /// The moment `millis` milliseconds after 1970-01-01 UTC.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for WallTime {
    type Output = Self;
    /// Whole milliseconds; saturates at the end of time.
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for WallTime {
    /// `2026-01-31T08:05:09.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil(days);
        let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", ms % 1_000)
    }
}

/// Year, month and day of a day count since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_prints_as_a_calendar_date() {
        assert_eq!(WallTime::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(WallTime::from_millis(1_709_164_800_000).to_string(), "2024-02-29T00:00:00.000Z");
        assert_eq!(WallTime::from_millis(1_798_761_599_999).to_string(), "2026-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_step_back_measures_zero() {
        let (early, late) = (Instant::default(), Instant::from_origin(Duration::from_secs(1)));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
        assert_eq!(late.saturating_since(early), Duration::from_secs(1));
    }
}
