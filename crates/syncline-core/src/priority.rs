//! How urgent work is.

use std::fmt;

/// One of five levels. A lower number goes first, strictly: nothing of a level is handed out while a more urgent level has
/// something ready, unless aging was chosen.
///
/// # Examples
///
/// ```
/// use syncline_core::Priority;
///
/// assert!(Priority::Critical < Priority::Background);
/// assert_eq!(Priority::from_number(1), Some(Priority::High));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Priority {
    /// What the system cannot do without.
    Critical = 0,
    /// With a tight deadline.
    High = 1,
    /// Everything else.
    #[default]
    Normal = 2,
    /// Can be put off.
    Low = 3,
    /// Cleaning and other chores.
    Background = 4,
}

impl Priority {
    /// All levels, most urgent first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Normal, Self::Low, Self::Background];

    /// 0 for [`Critical`](Self::Critical) to 4 for [`Background`](Self::Background).
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level of a number; `None` above 4.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
            Self::Background => "background",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_levels_are_the_same_order() {
        for (number, level) in (0_u8..).zip(Priority::ALL) {
            assert_eq!((level.number(), Priority::from_number(number)), (number, Some(level)));
        }
        assert_eq!(Priority::from_number(5), None);
        assert!(Priority::ALL.is_sorted());
    }
}
