//! Times on the command line.

use std::time::{Duration, UNIX_EPOCH};

use syncline::WallTime;

/// Longest time that an option takes.
const DURATION_MAX: Duration = Duration::from_hours(10 * 366 * 24);
/// Shortest lease: it has to be extended in time.
const LEASE_MIN: Duration = Duration::from_secs(1);
/// Longest lease.
const LEASE_MAX: Duration = Duration::from_hours(7 * 24);

/// `30`, which is seconds, `1.5`, `250ms`, `5m`, `1h 30m`, `2days`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<f64>() {
        Ok(_) => super::super::seconds(text)?,
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if duration > DURATION_MAX {
        return Err("longer than ten years".to_owned());
    }
    Ok(duration)
}

/// How long a lease lasts.
pub(super) fn lease(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        lease if lease < LEASE_MIN => Err("shorter than a second".to_owned()),
        lease if lease > LEASE_MAX => Err("longer than a week".to_owned()),
        lease => Ok(lease),
    }
}

/// `2030-01-31T08:30:00Z`; without the letters it is meant so too.
pub(super) fn moment(text: &str) -> Result<WallTime, String> {
    let moment = humantime::parse_rfc3339_weak(text).map_err(|error| format!("{error}: write 2030-01-31T08:30:00Z"))?;
    let since = moment.duration_since(UNIX_EPOCH).map_err(|_| "before 1970".to_owned())?;
    Ok(WallTime::from_millis(millis(since)))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_number_is_seconds_and_units_are_understood() {
        let read = ["30", "1.5", "250ms", "5m", "1h 30m"].map(|text| millis(duration(text).unwrap()));
        assert_eq!(read, [30_000, 1_500, 250, 300_000, 5_400_000]);
        for text in ["", "-1", "x", "5 parsecs", "nan", "20years"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(lease("0.5").is_err() && lease("8days").is_err() && lease("5m").is_ok());
    }

    #[test]
    fn a_moment_is_of_the_calendar() {
        assert_eq!(moment("1970-01-01T00:00:01Z").unwrap().as_millis(), 1_000);
        assert_eq!(moment("2030-01-31 08:30:00").unwrap().as_millis(), 1_896_078_600_000);
        assert!(moment("tomorrow").is_err());
    }
}
