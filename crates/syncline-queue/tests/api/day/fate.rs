//! What is to become of each item, drawn before the first one is pushed: so what is dead at the end is known exactly.

use std::{ops::Range, time::Duration};

use syncline_queue::{DeadReason, Priority};
use syncline_testkit::SeededRandom;

use super::time::ms;

/// Longest that a hand works on an item.
pub(super) const WORK_MAX: Duration = Duration::from_secs(8);

const LANES: u64 = 60;
const MAX_ATTEMPTS: u64 = 5;
/// One item in so many is the first of two: the second is pushed with its completion.
const FOLLOWED: u64 = 40;
/// Half of all items are pushed in so many rushes.
const RUSHES: u32 = 4;
const RUSH: Duration = Duration::from_mins(30);

/// How a hand that has an item ends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// And pushes the item of this number in the same step.
    CompleteAndPush(usize),
    Fail,
    FailAfter(Duration),
    Reject,
    GiveBack,
    /// It says nothing any more.
    Vanish,
    /// It says that it is done, long after its lease has ended.
    ComeTooLate,
}

/// An item in somebody's hands, once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) ending: Ending,
    pub(super) works: Duration,
}

#[derive(Debug)]
pub(super) struct Fate {
    pub(super) priority: Priority,
    pub(super) lane: Option<u64>,
    pub(super) delay: Option<Duration>,
    /// It is of no use any more before it may be handed out.
    pub(super) is_too_late: bool,
    pub(super) max_attempts: u32,
    pub(super) turns: Vec<Turn>,
}

/// A push of several items at once, by number.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) at: Duration,
    pub(super) items: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) fates: Vec<Fate>,
    pub(super) batches: Vec<Batch>,
}

impl Plan {
    /// So many items, pushed in this time: half of them in rush hours.
    pub(super) fn draw(items: usize, length: Duration, random: &SeededRandom) -> Self {
        let mut plan = Self { fates: Vec::with_capacity(items), batches: Vec::new() };
        while plan.fates.len() < items {
            let from = plan.fates.len();
            let batch = (1 + random.index(12)).min(items - from);
            plan.batches.push(Batch { at: moment(length, random), items: from..from + batch });
            plan.fates.extend((0..batch).map(|_| Fate::draw(random)));
        }
        for n in 0..items {
            let follow = plan.fates.len();
            let fate = &mut plan.fates[n];
            if let Some(last) = fate.turns.last_mut().filter(|last| last.ending == Ending::Complete)
                && random.once_in(FOLLOWED)
            {
                last.ending = Ending::CompleteAndPush(follow);
                plan.fates
                    .push(Fate { lane: None, delay: None, is_too_late: false, ..Fate::living(random) });
            }
        }
        plan.batches.sort_by_key(|batch| batch.at);
        plan
    }
}

/// A moment of a day, in whole milliseconds.
fn moment(length: Duration, random: &SeededRandom) -> Duration {
    let within = |length: Duration| Duration::from_millis(random.below(ms(length)));
    if random.once_in(2) {
        return within(length);
    }
    let begins = length * (2 * random.below(RUSHES.into()) as u32 + 1) / (2 * RUSHES);
    Duration::from_millis(ms(begins)) + within(RUSH.min(length / (2 * RUSHES)))
}

impl Fate {
    fn draw(random: &SeededRandom) -> Self {
        let mut fate = Self::living(random);
        if random.once_in(5) {
            fate.delay = Some(Duration::from_millis(random.below(7_200_000)));
        }
        if random.once_in(8) {
            fate.lane = Some(random.below(LANES));
        }
        if random.once_in(50) {
            fate.delay = Some(Duration::from_millis(1_000 + random.below(3_600_000)));
            (fate.lane, fate.is_too_late) = (None, true);
            fate.turns.clear();
        }
        fate
    }

    /// One that comes into somebody's hands.
    fn living(random: &SeededRandom) -> Self {
        let max_attempts = 1 + random.below(MAX_ATTEMPTS) as u32;
        let (mut turns, mut attempts) = (Vec::new(), 0);
        let (mut was_given_back, mut was_left) = (false, false);
        while attempts < max_attempts {
            let works = Duration::from_millis(2_000 + random.below(ms(WORK_MAX) - 1_999));
            let ending = match random.below(100) {
                0..12 => Ending::Fail,
                12..17 => Ending::FailAfter(Duration::from_millis(random.below(900_000))),
                17..19 => Ending::Reject,
                19..22 if !was_given_back => Ending::GiveBack,
                22..24 if !was_left => Ending::Vanish,
                24 if !was_left => Ending::ComeTooLate,
                _ => Ending::Complete,
            };
            turns.push(Turn { ending, works });
            was_given_back |= ending == Ending::GiveBack;
            was_left |= ending.is_left();
            attempts += u32::from(ending != Ending::GiveBack);
            if matches!(ending, Ending::Complete | Ending::Reject) {
                break;
            }
        }
        let level = [0, 1, 1, 2, 2, 2, 2, 3, 3, 4][random.index(10)];
        Self {
            priority: Priority::from_number(level).unwrap(),
            lane: None,
            delay: None,
            is_too_late: false,
            max_attempts,
            turns,
        }
    }

    /// For how long hands work on it, this turn and the next ones, until it goes from its place.
    pub(super) fn work_from(&self, turn: usize) -> u64 {
        let mut work = 0;
        for turn in &self.turns[turn..] {
            if !turn.ending.is_left() {
                work += ms(turn.works);
            }
            if !turn.ending.keeps_its_place() {
                break;
            }
        }
        work
    }

    /// Why it is dead at the end, after how many attempts, and what they failed with; `None` where it is completed.
    pub(super) fn death(&self) -> Option<(DeadReason, u32, Vec<String>)> {
        if self.is_too_late {
            return Some((DeadReason::Expired, 0, vec!["it was not taken before it expired".to_owned()]));
        }
        let (mut attempts, mut errors) = (0, Vec::new());
        for turn in &self.turns {
            attempts += u32::from(turn.ending != Ending::GiveBack);
            let is_last = attempts == self.max_attempts && turn.ending != Ending::GiveBack;
            match turn.ending {
                Ending::Complete | Ending::CompleteAndPush(_) => return None,
                Ending::GiveBack => continue,
                Ending::Reject => {
                    errors.push(error(attempts));
                    return Some((DeadReason::Rejected, attempts, errors));
                }
                Ending::Fail | Ending::FailAfter(_) => errors.push(error(attempts)),
                Ending::Vanish | Ending::ComeTooLate if is_last => {
                    errors.push("its lease ended without an outcome".to_owned());
                }
                Ending::Vanish | Ending::ComeTooLate => {}
            }
            if is_last {
                return Some((DeadReason::Exhausted, attempts, errors));
            }
        }
        None
    }
}

impl Ending {
    /// It comes back to where it was.
    fn keeps_its_place(self) -> bool {
        self == Self::GiveBack || self.is_left()
    }

    /// Nobody says how it went, and its hand is free at once.
    pub(super) fn is_left(self) -> bool {
        matches!(self, Self::Vanish | Self::ComeTooLate)
    }
}

/// What an attempt fails with.
pub(super) fn error(attempt: u32) -> String {
    format!("attempt {attempt} failed")
}
