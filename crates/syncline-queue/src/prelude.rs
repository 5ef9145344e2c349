//! Extension traits, to be imported as a whole.

use std::time::Duration;

/// Durations in the units that people plan in.
///
/// The standard library is growing functions of such names, and an inherent function goes before one of a trait: where it has
/// them, this trait changes nothing.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_queue::prelude::*;
///
/// assert_eq!(<Duration as DurationExt>::from_minutes(5), Duration::from_secs(300));
/// assert_eq!(<Duration as DurationExt>::from_days(7), <Duration as DurationExt>::from_hours(168));
/// ```
pub trait DurationExt: Sized {
    /// Days of 24 hours; saturates.
    fn from_days(days: u64) -> Self;
    /// Hours; saturates.
    fn from_hours(hours: u64) -> Self;
    /// Minutes; saturates.
    fn from_minutes(minutes: u64) -> Self;
}

impl DurationExt for Duration {
    fn from_days(days: u64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }

    fn from_hours(hours: u64) -> Self {
        Self::from_secs(hours.saturating_mul(3_600))
    }

    fn from_minutes(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }
}
