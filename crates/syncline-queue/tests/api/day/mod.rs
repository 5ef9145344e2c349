//! A day of a busy queue: hundreds of thousands of items, hands that fail, vanish and come too late, and a calendar that is
//! set. Nothing waits for real: the clock goes from one moment that somebody sleeps for to the next.
//!
//! What is to become of each item is [drawn](fate) before. What must hold:
//!
//! - nothing is stuck: when nobody sleeps any more, nothing is there
//! - each item had the attempts that it was to have, and those are dead that are to be, of what they are to be
//! - nobody has an item, or another one of its lane, beside somebody else, or before its time
//! - with aging, nobody waits for longer than a [bound](ledger::Ledger::bound)

mod fate;
mod ledger;
mod people;
mod places;
mod stepped;
mod time;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use syncline_queue::QueueConfig;
use syncline_testkit::{SeededRandom, seed};

use self::{
    fate::Plan,
    ledger::{HANDS, LEASE, Ledger, Seen},
    people::Day,
    stepped::Tasks,
    time::{Time, ms},
};
use super::*;

const DAY: Duration = Duration::from_hours(24);
/// The wait that lifts an item by one level.
const STEP: Duration = Duration::from_mins(10);
const PRODUCERS: usize = 8;
const PAGE: usize = 1_000;

fn config(aging: Option<Duration>) -> QueueConfig {
    QueueConfig {
        max_capacity: 1_000_000,
        enable_partitioning: true,
        lease_duration: LEASE,
        base_retry_delay: SECOND * 30,
        aging,
        ..Default::default()
    }
}

/// Plays a day of this length with so many items, and says what it came to.
fn play(items: usize, length: Duration, aging: Option<Duration>, random: &SeededRandom) -> Seen {
    let plan = Rc::new(Plan::draw(items, length, &random.split(0)));
    let (queue, clock) = queue_with(config(aging));
    let day = Rc::new(Day {
        queue,
        time: Time::of(clock.clone()),
        tasks: Tasks::default(),
        ledger: RefCell::new(Ledger::new(Rc::clone(&plan), STEP)),
        plan: Rc::clone(&plan),
    });
    for n in 0..PRODUCERS {
        day.tasks.begin(people::produce(Rc::clone(&day), n));
    }
    for _ in 0..HANDS {
        day.tasks.begin(people::work(Rc::clone(&day)));
    }
    day.tasks.begin(people::set_calendar(Rc::clone(&day), length, random.split(1)));
    day.tasks.run(&clock);
    // Nobody sleeps: whatever is still there will be there for ever.
    assert_eq!((day.queue.size(), day.queue.in_flight()), (0, 0), "these are stuck: {:?}", day.queue);
    day.ledger.borrow().check_end();
    check_dead(&day);
    assert!(day.time.steady() >= ms(length) - ms(Duration::from_mins(1)));
    let bound = day.ledger.borrow().bound();
    let seen = std::mem::take(&mut day.ledger.borrow_mut().seen);
    tell(&seen, day.time.steady(), bound);
    if aging.is_some() {
        assert_eq!(seen.unfair, None);
        assert!(seen.waited_beyond <= bound, "somebody waited for {} ms", seen.waited_beyond);
    }
    seen
}

#[expect(clippy::print_stdout, reason = "how near to its bound a day came is worth knowing when it fails")]
fn tell(seen: &Seen, length: time::Millis, bound: time::Millis) {
    println!("{seen:?} in {} s, the bound beyond the level is {bound} ms", length / 1_000);
}

/// Dead are those that are to be, of what they are to be of.
fn check_dead(day: &Day) {
    let numbered = |(n, fate): (usize, &fate::Fate)| fate.death().map(|death| (n, death));
    let expected: BTreeMap<_, _> = day.plan.fates.iter().enumerate().filter_map(numbered).collect();
    let (mut dead, mut after) = (BTreeMap::new(), None);
    loop {
        let page = futures_util::FutureExt::now_or_never(day.queue.dead_letters(after.as_deref(), PAGE));
        let page = page.expect("a queue in memory answers at once").unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.item.id.clone());
        dead.extend(
            page.into_iter().map(|letter| {
                (ledger::number_of(&letter.item), (letter.reason, letter.item.retry_count, letter.errors))
            }),
        );
    }
    for (n, death) in &expected {
        assert_eq!(dead.get(n), Some(death), "{n}: {:?}", day.plan.fates[*n]);
    }
    assert_eq!(dead.len(), expected.len(), "others are dead, too");
    let metrics = day.queue.metrics();
    let (dead, all) = (dead.len() as u64, day.plan.fates.len() as u64);
    assert_eq!((metrics.dead, metrics.total_completed), (dead, all - dead));
}

#[test]
fn in_a_day_of_two_hundred_thousand_items_nothing_is_stuck_and_nobody_starves() {
    let random = SeededRandom::new(seed());
    let seen = play(200_000, DAY, Some(STEP), &random);
    assert!(seen.hand_outs > 200_000);
}

/// What the one above would say if aging did nothing. There is more to do than can be done, so that somebody has to wait.
#[test]
fn without_aging_who_came_later_goes_before_those_who_wait() {
    let random = SeededRandom::new(seed());
    let seen = play(20_000, SECOND * 1_800, None, &random);
    assert!(seen.unfair.is_some());
}
