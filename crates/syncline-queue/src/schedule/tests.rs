//! Schedules against the plainest search that could be right, and by hand.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use syncline_core::{Priority, WallTime};

use super::{missed, *};
use crate::SyncItem;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// The time of `2026-01-31 08:05`.
fn at(text: &str) -> WallTime {
    let part = |range: std::ops::Range<usize>| text[range].parse::<u64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let mut days = 0;
    for year in 1970..year {
        days += if is_leap(year) { 366 } else { 365 };
    }
    days += (1..month).map(|month| length(year, month)).sum::<u64>() + day - 1;
    WallTime::from_millis(days * DAY_MS + (part(11..13) * 60 + part(14..16)) * MINUTE_MS)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn length(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[track_caller]
fn check(expression: &str, from: &str, times: &[&str]) {
    let schedule = Schedule::cron(expression).unwrap();
    let mut time = at(from);
    for expected in times {
        let before = time;
        time = schedule.next_after(time).unwrap();
        assert_eq!(time, at(expected), "{expression} after {before} is {time}");
        assert_eq!(schedule.last_by(time), Some(time), "{expression}");
        let just_before = WallTime::from_millis(time.as_millis() - 1);
        assert!(
            schedule.last_by(just_before).is_none_or(|last| last <= before),
            "{expression}: nothing lies between"
        );
    }
}

#[test]
fn minutes_hours_days_and_months_are_what_they_say() {
    check("*/15 * * * *", "2026-01-31 08:05", &["2026-01-31 08:15", "2026-01-31 08:30", "2026-01-31 08:45"]);
    check("30 9,17 * * *", "2026-01-31 09:30", &["2026-01-31 17:30", "2026-02-01 09:30"]);
    check("10-50/20 23 * * *", "2026-12-31 23:30", &["2026-12-31 23:50", "2027-01-01 23:10"]);
    check("5/20 0 1 * *", "2026-12-31 23:59", &["2027-01-01 00:05", "2027-01-01 00:25", "2027-01-01 00:45"]);
    check("0 0 31 * *", "2026-01-31 00:00", &["2026-03-31 00:00", "2026-05-31 00:00", "2026-07-31 00:00"]);
    check("0 6 * jan,Jul MON-fri", "2026-01-30 06:00", &["2026-07-01 06:00", "2026-07-02 06:00"]);
    check("0 0 * * 7", "2026-01-30 06:00", &["2026-02-01 00:00", "2026-02-08 00:00"]);
    check(
        "0 0 * * fri-sun",
        "2026-01-29 06:00",
        &["2026-01-30 00:00", "2026-01-31 00:00", "2026-02-01 00:00", "2026-02-06 00:00"],
    );
}

#[test]
fn a_day_is_either_of_both_where_both_are_restricted() {
    check(
        "0 0 13 * fri",
        "2026-02-07 00:00",
        &["2026-02-13 00:00", "2026-02-20 00:00", "2026-02-27 00:00", "2026-03-06 00:00", "2026-03-13 00:00"],
    );
    check(
        "0 0 15 3 mon",
        "2026-03-14 00:00",
        &["2026-03-15 00:00", "2026-03-16 00:00", "2026-03-23 00:00", "2026-03-30 00:00", "2027-03-01 00:00"],
    );
    check("0 0 */2 * mon", "2026-06-01 00:00", &["2026-06-15 00:00", "2026-06-29 00:00"]);
}

#[test]
fn leap_days_come_when_there_are_some() {
    check("0 12 29 2 *", "2026-01-01 00:00", &["2028-02-29 12:00", "2032-02-29 12:00"]);
    check("0 12 29 2 *", "2096-02-29 12:00", &["2104-02-29 12:00"]);
    // On a Sunday, which takes forty years around a century that has none.
    let rare = Schedule::cron("0 0 29 2 */7").unwrap();
    let next = rare.next_after(at("2088-03-01 00:00")).unwrap();
    assert_eq!((next, rare.last_by(next)), (at("2128-02-29 00:00"), Some(next)));
    assert_eq!(rare.last_by(WallTime::from_millis(next.as_millis() - 1)), Some(at("2088-02-29 00:00")));
}

#[test]
fn nicknames_stand_for_what_they_say() {
    check("@yearly", "2026-01-01 00:00", &["2027-01-01 00:00"]);
    check("@annually", "2026-01-01 00:00", &["2027-01-01 00:00"]);
    check("@monthly", "2026-12-02 00:00", &["2027-01-01 00:00", "2027-02-01 00:00"]);
    check("@weekly", "2026-01-30 00:00", &["2026-02-01 00:00"]);
    check("@daily", "2028-02-28 00:00", &["2028-02-29 00:00", "2028-03-01 00:00"]);
    check("@midnight", "2026-12-31 00:01", &["2027-01-01 00:00"]);
    check(" @hourly ", "2026-12-31 23:00", &["2027-01-01 00:00", "2027-01-01 01:00"]);
}

#[test]
fn what_cannot_be_is_refused_by_its_field() {
    let said = |text: &str| Schedule::cron(text).unwrap_err().to_string();
    for (text, why) in [
        ("", "it has 0 fields, not 5"),
        ("* * * *", "it has 4 fields, not 5"),
        ("* * * * * *", "it has 6 fields, not 5"),
        ("60 * * * *", "the minute \"60\" is not within 0 to 59"),
        ("* 24 * * *", "the hour \"24\" is not within 0 to 23"),
        ("* * 0 * *", "the day of the month \"0\" is not within 1 to 31"),
        ("* * * 13 *", "the month \"13\" is not within 1 to 12"),
        ("* * * * 8", "the day of the week \"8\" is not within 0 to 7"),
        ("* * * * mo", "the day of the week \"mo\" is not within 0 to 7"),
        ("-1 * * * *", "the minute \"-1\" is not within 0 to 59"),
        ("+1 * * * *", "the minute \"+1\" is not within 0 to 59"),
        ("1, * * * *", "the minute \"\" is not within 0 to 59"),
        ("30-10 * * * *", "the minute \"30-10\" ends before it begins"),
        ("*/0 * * * *", "the minute \"*/0\" has no step from 1 to 59"),
        ("*/x * * * *", "the minute \"*/x\" has no step from 1 to 59"),
        ("0 0 30 2 *", "there is no such day"),
        ("0 0 31 2,4,6,9,11 *", "there is no such day"),
        ("@reboot", "it has 1 fields, not 5"),
    ] {
        assert_eq!(said(text), format!("invalid configuration: the schedule {text:?}: {why}"));
    }
    assert!(Schedule::every(Duration::from_micros(999)).is_err());
}

#[test]
fn an_interval_counts_from_its_anchor() {
    let ms = WallTime::from_millis;
    let every = Schedule::every(Duration::from_millis(100)).unwrap().anchored_at(ms(1_030));
    assert_eq!((every.next_after(ms(0)), every.last_by(ms(1_029))), (Some(ms(1_030)), None));
    assert_eq!((every.next_after(ms(1_030)), every.last_by(ms(1_030))), (Some(ms(1_130)), Some(ms(1_030))));
    assert_eq!((every.next_after(ms(1_129)), every.last_by(ms(1_129))), (Some(ms(1_130)), Some(ms(1_030))));
    assert_eq!(every.next_after(ms(u64::MAX)), None, "the calendar ends");
    let cron = Schedule::cron("@daily").unwrap();
    assert_eq!(cron.clone().anchored_at(ms(7)), cron);
    assert_eq!(cron.next_after(ms(u64::MAX)), None);
}

#[test]
fn it_comes_back_from_what_is_kept_and_says_what_it_is() {
    let every = Schedule::every(Duration::from_secs(90)).unwrap();
    let anchored = every.clone().anchored_at(at("2026-01-01 00:00"));
    let said = ["*/5 * * * mon", "every 90s", "every 90s from 2026-01-01T00:00:00.000Z"];
    for (schedule, said) in [Schedule::cron("*/5 * * * mon").unwrap(), every, anchored].into_iter().zip(said) {
        let kept = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&kept).unwrap(), schedule);
        assert_eq!(schedule.to_string(), said);
    }
    assert!(serde_json::from_str::<Schedule>("{\"cron\": \"0 0 30 2 *\"}").is_err());
}

/// A field by hand: the numbers that it names, and its text.
fn field(first: u64, last: u64) -> impl Strategy<Value = (String, Vec<u64>)> {
    let any = Just(("*".to_owned(), (first..=last).collect()));
    let step = (1..=last).prop_map(move |step| (format!("*/{step}"), (first..=last).step_by(step as usize).collect()));
    let one = (first..=last).prop_map(|number| (number.to_string(), vec![number]));
    let range = (first..=last, first..=last, 1..5_u64).prop_map(|(a, b, step)| {
        let (a, b) = (a.min(b), a.max(b));
        (format!("{a}-{b}/{step}"), (a..=b).step_by(step as usize).collect())
    });
    let part = prop_oneof![one, range];
    let list = prop::collection::vec(part, 1..4).prop_map(|parts: Vec<(String, Vec<u64>)>| {
        let (texts, numbers): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (texts.join(","), numbers.concat())
    });
    prop_oneof![2 => any, 1 => step, 2 => list]
}

/// How far the plain search looks.
const DAYS_MAX: u64 = 60;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_finds_what_looking_at_every_minute_finds(
        (minute, hour) in (field(0, 59), field(0, 23)),
        (day, month, weekday) in (field(1, 31), field(1, 12), field(0, 6)),
        (year, skip) in (1970..2_200_u64, 0..366 * 24 * 60_u64),
    ) {
        let text = [&minute.0, &hour.0, &day.0, &month.0, &weekday.0].map(String::as_str).join(" ");
        let Ok(schedule) = Schedule::cron(&text) else { return Ok(()) };
        let start = at(&format!("{year}-01-01 00:00")).as_millis() / MINUTE_MS + skip;
        // By hand, from the first of January on.
        let (mut y, mut m, mut d) = (year, 1, 1 + start / 1_440 - at(&format!("{year}-01-01 00:00")).as_millis() / DAY_MS);
        while d > length(y, m) {
            d -= length(y, m);
            (y, m) = if m == 12 { (y + 1, 1) } else { (y, m + 1) };
        }
        let is_loose = day.0.starts_with('*') || weekday.0.starts_with('*');
        let mut found = Vec::new();
        for days in start / 1_440..start / 1_440 + DAYS_MAX {
            let (by_day, by_week) = (day.1.contains(&d), weekday.1.contains(&((days + 4) % 7)));
            let is_day = if is_loose { by_day && by_week } else { by_day || by_week };
            if is_day && month.1.contains(&m) {
                let times = (0..1_440).filter(|of| hour.1.contains(&(of / 60)) && minute.1.contains(&(of % 60)));
                found.extend(times.map(|of| days * 1_440 + of).filter(|time| *time > start));
            }
            d += 1;
            if d > length(y, m) {
                (y, m, d) = if m == 12 { (y + 1, 1, 1) } else { (y, m + 1, 1) };
            }
        }
        let end = (start / 1_440 + DAYS_MAX) * 1_440;
        let mut time = WallTime::from_millis(start * MINUTE_MS);
        for expected in found.iter().take(50) {
            let next = schedule.next_after(time).unwrap();
            prop_assert_eq!(next.as_millis(), expected * MINUTE_MS, "{} after {}", text, time);
            let last = schedule.last_by(WallTime::from_millis(next.as_millis() - 1));
            prop_assert!(last.is_none_or(|last| last <= time), "{} before {}", text, next);
            prop_assert_eq!(schedule.last_by(next), Some(next));
            time = next;
        }
        if found.is_empty() {
            let beyond = schedule.next_after(time);
            prop_assert!(beyond.is_some_and(|next| next.as_millis() / MINUTE_MS >= end), "{} after {}", text, time);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-0-9*/,a-z@ ]{0,24}") {
        if let Ok(schedule) = Schedule::cron(&text) {
            prop_assert!(schedule.next_after(WallTime::from_millis(0)).is_some());
        }
    }
}

fn ms_of(times: &[WallTime]) -> Vec<u64> {
    times.iter().map(|time| time.as_millis()).collect()
}

#[test]
fn each_policy_runs_what_it_says_of_what_was_missed() {
    let ms = WallTime::from_millis;
    let every = Schedule::every(Duration::from_millis(100)).unwrap();
    let due = |missed, from, now| {
        let (times, is_short) = missed::due(&every, missed, ms(from), ms(now));
        (ms_of(&times), is_short)
    };
    assert_eq!(due(MissedRuns::RunOnce, 300, 310), (vec![300], false));
    assert_eq!(due(MissedRuns::RunOnce, 300, 1_050), (vec![1_000], true));
    let skip = MissedRuns::Skip { after: Duration::from_millis(20) };
    assert_eq!(due(skip, 300, 320), (vec![300], false));
    assert_eq!(due(skip, 300, 321), (vec![], true));
    assert_eq!(due(skip, 300, 610), (vec![600], true));
    assert_eq!(due(MissedRuns::RunAll { most: 4 }, 300, 550), (vec![300, 400, 500], false));
    assert_eq!(
        due(MissedRuns::RunAll { most: 4 }, 300, 9_999_999_999),
        (vec![9_999_999_600, 9_999_999_700, 9_999_999_800, 9_999_999_900], true)
    );
}

#[test]
fn a_tick_carries_all_that_it_needs() {
    let item = SyncItem::new(json!({"task": "report"}), Priority::Low)
        .with_max_retries(2)
        .with_metadata("k", "v");
    let recurring = Recurring::new("report", Schedule::cron("@hourly").unwrap(), item);
    let tick = Tick::first(&recurring, at("2026-01-31 08:05")).unwrap();
    assert_eq!(tick.at(), at("2026-01-31 09:00"));
    let new = tick.to_new().unwrap();
    assert_eq!((new.id.as_str(), new.due), ("schedule:report", Some(tick.at())));
    let read = Tick::read(&new.body).unwrap();
    assert_eq!(read, tick);
    let fired = read.fire(at("2026-01-31 09:00"), false).unwrap();
    assert_eq!((fired.items.len(), fired.is_short), (1, false));
    assert_eq!((fired.items[0].id.as_str(), fired.items[0].priority), ("report@1769850000000", Priority::Low));
    assert_eq!(Tick::read(&fired.next.unwrap().body).unwrap().at(), at("2026-01-31 10:00"));
    // A definition is the same whenever it was made, and another one where anything differs.
    let again = Recurring {
        item: SyncItem { id: "other".into(), ..recurring.item.clone() },
        ..recurring.clone()
    };
    assert!(Tick::first(&again, at("2027-01-31 08:05")).unwrap().is_same(&tick));
    let other = recurring.clone().with_missed(MissedRuns::RunAll { most: 2 });
    assert!(!Tick::first(&other, at("2026-01-31 08:05")).unwrap().is_same(&tick));
    for cut in 0..new.body.len() - 1 {
        let cut = new.body.slice(..cut);
        assert!(Tick::read(&cut).is_err() || Tick::read(&cut).is_ok_and(|tick| tick.fire(tick.at(), false).is_err()));
    }
}
