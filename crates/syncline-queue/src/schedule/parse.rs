//! Reading a cron expression.

use super::cron::Cron;

/// A field of an expression: what it is called, its bounds, and names for its numbers.
struct Field {
    name: &'static str,
    first: u64,
    last: u64,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", first: 0, last: 59, names: &[] };
const HOUR: Field = Field { name: "hour", first: 0, last: 23, names: &[] };
const DAY: Field = Field { name: "day of the month", first: 1, last: 31, names: &[] };
const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = Field { name: "month", first: 1, last: 12, names: MONTHS };
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Sunday is 0 and 7.
const WEEKDAY: Field = Field { name: "day of the week", first: 0, last: 7, names: WEEKDAYS };

/// What an expression says, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Cron, String> {
    let text = expand(text.trim());
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(format!("it has {} fields, not 5", fields.len()));
    };
    let weekdays = WEEKDAY.read(weekday)?;
    let cron = Cron {
        minutes: MINUTE.read(minute)?,
        hours: HOUR.read(hour)?,
        days: DAY.read(day)?,
        months: MONTH.read(month)?,
        weekdays: (weekdays | weekdays >> 7) & 0x7f,
        either_day: !day.starts_with('*') && !weekday.starts_with('*'),
    };
    // Within a cycle of the calendar it happens, or never.
    cron.next_from(0).map(|_| cron).ok_or_else(|| "there is no such day".to_owned())
}

/// The expression that a nickname stands for.
fn expand(text: &str) -> &str {
    match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

impl Field {
    /// The numbers of a list, as bits.
    fn read(&self, list: &str) -> Result<u64, String> {
        list.split(',').try_fold(0, |bits, part| Ok(bits | self.part(part)?))
    }

    /// `*`, a number or a range, each with a step or without.
    fn part(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, if self.last == 7 { 6 } else { self.last }),
            Some((first, last)) => (self.number(part, first)?, self.number(part, last)?),
            // With a step a number is where a range begins that goes on to the end.
            None if step.is_some() => (self.number(part, range)?, self.last),
            None => (self.number(part, range)?, self.number(part, range)?),
        };
        // A week may end with its Sunday.
        let last = if self.last == 7 && last == 0 && first > 0 { 7 } else { last };
        if last < first {
            return Err(format!("the {} {part:?} ends before it begins", self.name));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number))
    }

    fn number(&self, part: &str, text: &str) -> Result<u64, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.map(|position| position as u64 + self.first);
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let given = if is_digits { text.parse().ok() } else { None };
        named
            .or(given)
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or_else(|| format!("the {} {part:?} is not within {} to {}", self.name, self.first, self.last))
    }

    fn step(&self, part: &str, text: &str) -> Result<u64, String> {
        let given = if text.starts_with('+') { None } else { text.parse().ok() };
        given
            .filter(|step| (1..=self.last).contains(step))
            .ok_or_else(|| format!("the {} {part:?} has no step from 1 to {}", self.name, self.last))
    }
}
