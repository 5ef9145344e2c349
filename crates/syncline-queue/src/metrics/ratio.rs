//! Parts of a whole.

use std::{fmt, ops::Mul};

use serde::{Deserialize, Serialize};

/// A part of a whole, 0 to 1. It prints as the number of per cent; multiplied and serialized it is the fraction.
///
/// # Examples
///
/// ```
/// use syncline_queue::Ratio;
///
/// let ratio = Ratio::new(0.995);
/// assert_eq!(format!("{:.2}%", ratio * 100.0), "99.50%");
/// assert_eq!(format!("{ratio:.1}%"), "99.5%");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Ratio {
    /// All of it.
    pub const ONE: Self = Self(1.0);

    /// This fraction; below 0, and what is no number, counts as 0, above 1 as 1.
    pub fn new(fraction: f64) -> Self {
        if fraction.is_nan() { Self(0.0) } else { Self(fraction.clamp(0.0, 1.0)) }
    }

    /// `part` of `whole`; all of nothing is [`ONE`](Self::ONE).
    pub fn of(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::ONE } else { Self::new(part as f64 / whole as f64) }
    }

    /// 0 to 1.
    pub fn as_fraction(self) -> f64 {
        self.0
    }

    /// 0 to 100.
    pub fn as_percent(self) -> f64 {
        self.0 * 100.0
    }
}

impl From<f64> for Ratio {
    fn from(fraction: f64) -> Self {
        Self::new(fraction)
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

impl Mul<f64> for Ratio {
    type Output = f64;
    fn mul(self, rhs: f64) -> f64 {
        self.0 * rhs
    }
}

impl fmt::Display for Ratio {
    /// The number of per cent, as precise as is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_percent(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What went wrong: an idle queue printed 10000.00% where the document multiplies by a hundred.
    #[test]
    fn both_documents_print_the_same_per_cent() {
        for (ratio, long, short) in [(Ratio::ONE, "100.00%", "100.0%"), (Ratio::of(199, 200), "99.50%", "99.5%")] {
            assert_eq!((format!("{:.2}%", ratio * 100.0), format!("{ratio:.1}%")), (long.into(), short.into()));
        }
        assert_eq!(Ratio::of(0, 0), Ratio::ONE);
    }

    #[test]
    fn it_stays_within_the_whole_and_is_written_as_a_fraction() {
        assert_eq!((Ratio::new(-1.0), Ratio::new(7.0), Ratio::new(f64::NAN)), (0.0.into(), Ratio::ONE, 0.0.into()));
        assert_eq!(serde_json::to_string(&Ratio::of(1, 4)).unwrap(), "0.25");
        assert_eq!(serde_json::from_str::<Ratio>("0.25").unwrap().as_percent(), 25.0);
    }
}
