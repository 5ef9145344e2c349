//! The civil calendar in UTC: days since 1970 and what people call them.

/// The days after which the calendar repeats, weekdays too.
pub(super) const CYCLE_DAYS: u64 = 146_097;
/// From the first of March of the year 0 to 1970. Years begin in March here, so that the day that comes and goes is their last.
const EPOCH_DAYS: u64 = 719_468;

/// A day: year, month from 1, day from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) year: u64,
    pub(super) month: u64,
    pub(super) day: u64,
}

impl Date {
    /// The date of a day since 1970.
    pub(super) fn of(days: u64) -> Self {
        let shifted = days + EPOCH_DAYS;
        let (cycle, of_cycle) = (shifted / CYCLE_DAYS, shifted % CYCLE_DAYS);
        let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        Self { year: year + cycle * 400 + u64::from(month <= 2), month, day }
    }

    /// The day since 1970, from which on it is.
    pub(super) fn days(self) -> u64 {
        let year = self.year - u64::from(self.month <= 2);
        let (cycle, of_cycle) = (year / 400, year % 400);
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let days = of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year;
        (cycle * CYCLE_DAYS + days).saturating_sub(EPOCH_DAYS)
    }

    /// How many days its month has.
    pub(super) fn days_in_month(self) -> u64 {
        match self.month {
            2 if self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The first day of the next month.
    pub(super) fn next_month(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1, day: 1 },
            month => Self { month: month + 1, day: 1, ..self },
        }
    }

    /// The last day of the month before; `None` before 1970.
    pub(super) fn last_month(self) -> Option<Self> {
        let before = match self.month {
            1 => Self { year: self.year - 1, month: 12, day: 1 },
            month => Self { month: month - 1, day: 1, ..self },
        };
        (before.year >= 1970).then(|| Self { day: before.days_in_month(), ..before })
    }
}

/// The day of the week of a day since 1970; 0 is Sunday.
pub(super) fn weekday(days: u64) -> u64 {
    (days + 4) % 7
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day of two cycles, counted by hand.
    #[test]
    fn it_counts_as_people_do() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (mut date, mut of_week) = (Date { year: 1970, month: 1, day: 1 }, 4);
        for days in 0..2 * CYCLE_DAYS {
            assert_eq!((Date::of(days), date.days(), weekday(days)), (date, days, of_week));
            let is_leap =
                date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
            let length = lengths[date.month as usize - 1] + u64::from(is_leap && date.month == 2);
            assert_eq!(date.days_in_month(), length);
            of_week = (of_week + 1) % 7;
            if date.day < length {
                date.day += 1;
            } else {
                let (next, ended) = (date.next_month(), date);
                assert_eq!(next.last_month(), Some(ended));
                date = next;
            }
        }
        assert_eq!(date, Date { year: 2770, month: 1, day: 1 });
        assert_eq!(Date::of(0).last_month(), None);
    }
}
