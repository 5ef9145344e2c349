//! A cron expression: which minutes it names, and the next and the last of them.

use super::civil::{CYCLE_DAYS, Date, weekday};

const MINUTES_A_DAY: u64 = 24 * 60;
/// Months of a cycle of the calendar, and one, because it may begin within one.
const MONTHS_MAX: usize = 400 * 12 + 1;

/// Numbers are bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cron {
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) days: u64,
    pub(super) months: u64,
    /// 0 is Sunday.
    pub(super) weekdays: u64,
    /// Whether a day that either of the two fields of days names will do; otherwise both have to.
    pub(super) either_day: bool,
}

impl Cron {
    /// The first minute since 1970 from `minute` on that it names. It looks at the months of one cycle of the calendar at most:
    /// what does not happen in one never does.
    pub(super) fn next_from(&self, minute: u64) -> Option<u64> {
        let (day, of_day) = (minute / MINUTES_A_DAY, minute % MINUTES_A_DAY);
        if self.is_day(day)
            && let Some(time) = self.time_from(of_day)
        {
            return Some(day * MINUTES_A_DAY + time);
        }
        Some(self.day_from(day + 1)? * MINUTES_A_DAY + self.time_from(0)?)
    }

    /// The last minute since 1970 up to `minute` that it names.
    pub(super) fn last_to(&self, minute: u64) -> Option<u64> {
        let (day, of_day) = (minute / MINUTES_A_DAY, minute % MINUTES_A_DAY);
        if self.is_day(day)
            && let Some(time) = self.time_to(of_day)
        {
            return Some(day * MINUTES_A_DAY + time);
        }
        Some(self.day_to(day.checked_sub(1)?)? * MINUTES_A_DAY + self.time_to(MINUTES_A_DAY - 1)?)
    }

    fn is_day(&self, day: u64) -> bool {
        let date = Date::of(day);
        has(self.months, date.month) && has(self.days_of(date), date.day)
    }

    fn day_from(&self, day: u64) -> Option<u64> {
        let mut date = Date::of(day);
        for _ in 0..MONTHS_MAX {
            let named = if has(self.months, date.month) { self.days_of(date) } else { 0 };
            if let Some(day) = first_from(named, date.day) {
                return Some(Date { day, ..date }.days());
            }
            date = date.next_month();
        }
        None
    }

    fn day_to(&self, day: u64) -> Option<u64> {
        // Before a cycle ago it named what it names now.
        let mut date = Date::of(day);
        for _ in 0..MONTHS_MAX {
            let named = if has(self.months, date.month) { self.days_of(date) } else { 0 };
            if let Some(day) = last_to(named, date.day) {
                return Some(Date { day, ..date }.days());
            }
            date = date.last_month()?;
        }
        None
    }

    /// The days that it names of the month of `date`.
    fn days_of(&self, date: Date) -> u64 {
        let length = date.days_in_month();
        let first = weekday(Date { day: 1, ..date }.days());
        let of_week = (1..=length).filter(|day| has(self.weekdays, (first + day - 1) % 7));
        let of_week = of_week.fold(0, |bits, day| bits | 1 << day);
        let of_month = self.days & ((1 << (length + 1)) - 1);
        if self.either_day { of_month | of_week } else { of_month & of_week }
    }

    fn time_from(&self, of_day: u64) -> Option<u64> {
        let (hour, minute) = (of_day / 60, of_day % 60);
        let in_hour = first_from(self.minutes, minute).filter(|_| has(self.hours, hour));
        in_hour
            .map(|minute| hour * 60 + minute)
            .or_else(|| Some(first_from(self.hours, hour + 1)? * 60 + first_from(self.minutes, 0)?))
    }

    fn time_to(&self, of_day: u64) -> Option<u64> {
        let (hour, minute) = (of_day / 60, of_day % 60);
        let in_hour = last_to(self.minutes, minute).filter(|_| has(self.hours, hour));
        in_hour
            .map(|minute| hour * 60 + minute)
            .or_else(|| Some(last_to(self.hours, hour.checked_sub(1)?)? * 60 + last_to(self.minutes, 59)?))
    }
}

const _: () = assert!(CYCLE_DAYS.is_multiple_of(7), "weekdays repeat with the calendar");

fn has(bits: u64, number: u64) -> bool {
    bits >> number & 1 == 1
}

/// The first number of `bits` that is not below `from`.
fn first_from(bits: u64, from: u64) -> Option<u64> {
    let left = bits >> from << from;
    (left != 0).then(|| u64::from(left.trailing_zeros()))
}

/// The last number of `bits` that is not above `to`.
fn last_to(bits: u64, to: u64) -> Option<u64> {
    let left = bits & (u64::MAX >> (63 - to));
    (left != 0).then(|| 63 - u64::from(left.leading_zeros()))
}
