//! When something happens again and again.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use syncline_core::WallTime;

use super::{cron::Cron, parse};
use crate::{QueueError, QueueResult};

const MINUTE_MS: u64 = 60_000;

/// Times that come again and again, in UTC.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_queue::{Schedule, WallTime};
///
/// // At 9:30 from Monday to Friday.
/// let mornings = Schedule::cron("30 9 * * mon-fri")?;
/// let friday_noon = WallTime::from_millis(1_772_798_400_000);
/// assert_eq!(mornings.next_after(friday_noon), Some(WallTime::from_millis(1_773_048_600_000)));
///
/// let often = Schedule::every(Duration::from_secs(90))?;
/// assert_eq!(often.next_after(WallTime::from_millis(0)), Some(WallTime::from_millis(90_000)));
///
/// // The 30th of February.
/// assert!(Schedule::cron("0 0 30 2 *").is_err());
/// # Ok::<(), syncline_queue::QueueError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Schedule(When);

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    Cron { text: String, cron: Cron },
    Every { every_ms: u64, from_ms: u64 },
}

impl Schedule {
    /// The minutes of a cron expression of five fields: minute, hour, day of the month, month, day of the week.
    ///
    /// A field is `*`, or a list of numbers and ranges, each with a step or without: `5`, `1-5`, `*/15`, `10-50/20`, `7/2`, and
    /// lists of them with commas. Months and weekdays have names of three letters, `jan` and `mon`; Sunday is 0 and 7. Where
    /// both fields of days are restricted, a day that either names will do, as cron has it; a field that begins with `*` does
    /// not restrict in that sense. `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight` and `@hourly` stand for
    /// what they say.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) naming the field, also for a day that never comes.
    pub fn cron(text: &str) -> QueueResult<Self> {
        let refused = |why: String| QueueError::InvalidConfig(format!("the schedule {text:?}: {why}"));
        let cron = parse::parse(text).map_err(refused)?;
        Ok(Self(When::Cron { text: text.trim().to_owned(), cron }))
    }

    /// Every `interval`, in whole milliseconds, counted from 1970: who says the same says the same times.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) for less than a millisecond.
    pub fn every(interval: Duration) -> QueueResult<Self> {
        let every_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        if every_ms == 0 {
            return Err(QueueError::InvalidConfig(format!("the interval {interval:?}: it must be 1ms at least")));
        }
        Ok(Self(When::Every { every_ms, from_ms: 0 }))
    }

    /// The same interval, counted from `at`, which is the first time. Cron expressions count from nothing and stay as they are.
    #[must_use]
    pub fn anchored_at(self, at: WallTime) -> Self {
        match self.0 {
            When::Every { every_ms, .. } => Self(When::Every { every_ms, from_ms: at.as_millis() }),
            When::Cron { .. } => self,
        }
    }

    /// The first time after `time`; `None` beyond the end of the calendar.
    pub fn next_after(&self, time: WallTime) -> Option<WallTime> {
        let time = time.as_millis();
        let next = match &self.0 {
            When::Cron { cron, .. } => cron.next_from(time / MINUTE_MS + 1)?.checked_mul(MINUTE_MS)?,
            When::Every { from_ms, .. } if time < *from_ms => *from_ms,
            When::Every { every_ms, from_ms } => {
                from_ms.checked_add(((time - from_ms) / every_ms + 1).checked_mul(*every_ms)?)?
            }
        };
        Some(WallTime::from_millis(next))
    }

    /// The last time up to `time`, itself included; `None` where there was none since 1970.
    pub fn last_by(&self, time: WallTime) -> Option<WallTime> {
        let time = time.as_millis();
        let last = match &self.0 {
            When::Cron { cron, .. } => cron.last_to(time / MINUTE_MS)? * MINUTE_MS,
            When::Every { every_ms, from_ms } => time.checked_sub(*from_ms)? / every_ms * every_ms + from_ms,
        };
        Some(WallTime::from_millis(last))
    }
}

impl FromStr for Schedule {
    type Err = QueueError;

    /// A [cron expression](Self::cron).
    fn from_str(text: &str) -> QueueResult<Self> {
        Self::cron(text)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            When::Cron { text, .. } => f.write_str(text),
            When::Every { every_ms, from_ms } => {
                write!(f, "every {:?}", Duration::from_millis(*every_ms))?;
                if *from_ms > 0 {
                    write!(f, " from {}", WallTime::from_millis(*from_ms))
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// A schedule as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Cron(String),
    Every { every_ms: u64, from_ms: u64 },
}

impl From<Schedule> for Written {
    fn from(schedule: Schedule) -> Self {
        match schedule.0 {
            When::Cron { text, .. } => Self::Cron(text),
            When::Every { every_ms, from_ms } => Self::Every { every_ms, from_ms },
        }
    }
}

impl TryFrom<Written> for Schedule {
    type Error = QueueError;

    fn try_from(written: Written) -> QueueResult<Self> {
        match written {
            Written::Cron(text) => Self::cron(&text),
            Written::Every { every_ms, from_ms } => {
                let every = Self::every(Duration::from_millis(every_ms))?;
                Ok(every.anchored_at(WallTime::from_millis(from_ms)))
            }
        }
    }
}
