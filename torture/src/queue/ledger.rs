//! The judgement: what stands, held against the history.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use syncline_core::port::Standing;

use super::{
    event::Event,
    item::{Fate, ItemId},
};

/// An item that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) standing: Standing,
    pub(super) attempt: u16,
    /// Its content is what was pushed.
    pub(super) is_whole: bool,
}

/// How often each promise was broken, and what there was to promise.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Pushes that were acknowledged.
    pub(super) pushes: u64,
    /// Completions that were acknowledged.
    pub(super) completions: u64,
    /// Times that an item was handed out.
    pub(super) handed: u64,
    /// Items that stand.
    pub(super) present: u64,
    /// Acknowledged pushes that are neither there nor completed.
    pub(super) lost: u64,
    /// Acknowledged completions whose item came back.
    pub(super) came_back: u64,
    /// Attempts beyond the most, and attempts that were not counted.
    pub(super) attempts: u64,
    /// Items that overtook others of their lane or level.
    pub(super) disorder: u64,
    /// Contents that are not as pushed.
    pub(super) corrupt: u64,
    /// Items that nobody can have pushed.
    pub(super) phantom: u64,
    /// Completions that happened without what was to be pushed with them.
    pub(super) torn: u64,
    /// What processes saw that must never be.
    pub(super) witnessed: u64,
}

impl Verdict {
    /// Whether every promise was kept.
    pub(super) fn holds(&self) -> bool {
        let Self { lost, came_back, attempts, disorder, corrupt, phantom, torn, witnessed, .. } = self;
        [lost, came_back, attempts, disorder, corrupt, phantom, torn, witnessed]
            .into_iter()
            .all(|broken| *broken == 0)
    }
}

/// A verdict, and examples of what broke it.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) examples: Vec<String>,
}

/// Sentences kept at most; one bug breaks thousands of promises.
const EXAMPLES_MAX: usize = 8;

/// Counts a broken promise, and keeps a sentence on it.
fn broken(count: &mut u64, examples: &mut Vec<String>, what: String) {
    *count += 1;
    if examples.len() < EXAMPLES_MAX {
        examples.push(what);
    }
}

/// What the events say, by item.
#[derive(Debug, Default)]
struct Past {
    runs: BTreeSet<(u32, u16)>,
    acked: BTreeSet<ItemId>,
    settling: BTreeSet<ItemId>,
    done: BTreeMap<ItemId, u64>,
    /// Leases of each item, by token: which attempt.
    handed: BTreeMap<ItemId, BTreeMap<u64, u16>>,
    /// The greatest number of each lane that was handed out so far.
    lanes: BTreeMap<(u32, u16, u16, u64), ItemId>,
}

/// What is no broken promise in this history.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Forgives {
    /// Power was lost: claims since the last sync may be forgotten, their attempts, and that anything was handed out before
    /// anything else.
    pub(super) power_lost: bool,
    /// Where several take items of a level at once, one may overtake another that somebody had in hand and let go. In a lane
    /// none does.
    pub(super) overtaking: bool,
}

/// Holds what stands against the history.
pub(super) fn judge(seed: u64, events: &[Event], found: &BTreeMap<ItemId, Found>, forgives: Forgives) -> Judgement {
    let mut judgement = Judgement::default();
    let past = read(seed, events, forgives.power_lost, &mut judgement);
    check_promises(&past, found, &mut judgement);
    if !forgives.power_lost {
        check_attempts(seed, &past, found, &mut judgement);
        check_overtaken(seed, &past, found, forgives.overtaking, &mut judgement);
    }
    check_origin(&past, found, &mut judgement);
    check_torn(seed, &past, found, &mut judgement);
    judgement
}

fn read(seed: u64, events: &[Event], power_lost: bool, judgement: &mut Judgement) -> Past {
    let Judgement { verdict, examples } = judgement;
    let mut past = Past::default();
    for event in events {
        match event {
            Event::Run(run, process) => {
                past.runs.insert((*run, *process));
            }
            Event::Acked(id) => {
                verdict.pushes += 1;
                past.acked.insert(*id);
            }
            Event::Settling(id) => {
                past.settling.insert(*id);
            }
            Event::Done(id, token) => {
                verdict.completions += 1;
                if past.done.insert(*id, *token).is_some() {
                    broken(&mut verdict.came_back, examples, format!("{id} was completed twice"));
                }
            }
            Event::Handed(id, attempt, token) => {
                verdict.handed += 1;
                let newest = past.handed.get(id).and_then(|leases| leases.last_key_value()).map(|(token, _)| *token);
                if past.handed.entry(*id).or_default().insert(*token, *attempt).is_some() && !power_lost {
                    broken(&mut verdict.attempts, examples, format!("lease {token} of {id} was given twice"));
                }
                // A worker that was told late of a lease that had ended says nothing of the order.
                if newest.is_none_or(|newest| newest < *token) {
                    check_lane(seed, *id, &mut past, verdict, examples);
                }
            }
            Event::Violation(words) => broken(&mut verdict.witnessed, examples, words.clone()),
        }
    }
    past
}

fn check_lane(seed: u64, id: ItemId, past: &mut Past, verdict: &mut Verdict, examples: &mut Vec<String>) {
    let Some(lane) = id.nature(seed).lane else { return };
    let first = past.lanes.entry((id.run, id.process, id.producer, lane)).or_insert(id);
    if id < *first {
        broken(&mut verdict.disorder, examples, format!("{id} was handed out after {first} of its lane"));
    }
    *first = id.max(*first);
}

fn check_promises(past: &Past, found: &BTreeMap<ItemId, Found>, judgement: &mut Judgement) {
    let Judgement { verdict, examples } = judgement;
    verdict.present = found.len() as u64;
    for id in past.acked.iter().filter(|id| !found.contains_key(id) && !past.settling.contains(id)) {
        broken(&mut verdict.lost, examples, format!("the push of {id} was acknowledged, and it is lost"));
    }
    for (id, token) in &past.done {
        if found.contains_key(id) {
            broken(&mut verdict.came_back, examples, format!("{id} was completed, and it is there"));
        }
        let newest = past.handed.get(id).and_then(|leases| leases.last_key_value());
        if newest.is_some_and(|(newest, _)| newest > token) {
            broken(&mut verdict.came_back, examples, format!("{id} was completed, and handed out again"));
        }
    }
}

fn check_attempts(seed: u64, past: &Past, found: &BTreeMap<ItemId, Found>, judgement: &mut Judgement) {
    let Judgement { verdict, examples } = judgement;
    for (id, leases) in &past.handed {
        let most = id.nature(seed).max_attempts;
        let attempts: Vec<u16> = leases.values().copied().collect();
        // None is released, so that each lease is a new attempt.
        let ascends = attempts.windows(2).all(|pair| pair.first() < pair.last());
        let last = attempts.last().copied().unwrap_or(0);
        let stands = found.get(id).map_or(last, |found| found.attempt);
        if !ascends || last > most || stands < last || stands > most {
            let what = format!("attempts {attempts:?} of {id}, which has {most}, and is left with {stands}");
            broken(&mut verdict.attempts, examples, what);
        }
    }
}

/// Nothing waits that was never handed out, though a later one of the same producer and level was, or of the same lane.
fn check_overtaken(
    seed: u64,
    past: &Past,
    found: &BTreeMap<ItemId, Found>,
    lanes_alone: bool,
    judgement: &mut Judgement,
) {
    let Judgement { verdict, examples } = judgement;
    let mut latest: BTreeMap<_, ItemId> = BTreeMap::new();
    let place = |id: ItemId| {
        let nature = id.nature(seed);
        let level = nature.lane.is_none().then_some(nature.priority);
        (id.run, id.process, id.producer, nature.lane, level)
    };
    for id in past.handed.keys().filter(|id| !id.follows) {
        latest.entry(place(*id)).and_modify(|latest| *latest = (*latest).max(*id)).or_insert(*id);
    }
    for (id, found) in found.iter().filter(|(id, _)| !id.follows) {
        let waits = matches!(found.standing, Standing::Ready | Standing::Scheduled);
        let in_lane = id.nature(seed).lane.is_some();
        if let Some(later) = latest.get(&place(*id))
            && waits
            && *later > *id
            && (in_lane || found.attempt == 0 && !lanes_alone)
        {
            broken(&mut verdict.disorder, examples, format!("{later} was handed out before {id}"));
        }
    }
}

fn check_origin(past: &Past, found: &BTreeMap<ItemId, Found>, judgement: &mut Judgement) {
    let Judgement { verdict, examples } = judgement;
    for (id, found) in found {
        let parent = ItemId { follows: false, ..*id };
        if !past.runs.contains(&(id.run, id.process)) || id.follows && !past.settling.contains(&parent) {
            broken(&mut verdict.phantom, examples, format!("nobody can have pushed {id}"));
        }
        if !found.is_whole {
            broken(&mut verdict.corrupt, examples, format!("{id} is not as it was pushed"));
        }
    }
}

/// What follows a completed item is there, or was: both happened or neither did.
fn check_torn(seed: u64, past: &Past, found: &BTreeMap<ItemId, Found>, judgement: &mut Judgement) {
    let Judgement { verdict, examples } = judgement;
    let fate = |id: &ItemId| id.nature(seed).fate(u16::MAX);
    for id in past.settling.iter().filter(|id| !id.follows && fate(id) == Fate::Follow) {
        let follower = id.follower();
        let followed = found.contains_key(&follower) || past.handed.contains_key(&follower);
        if found.contains_key(id) == followed {
            broken(&mut verdict.torn, examples, format!("{id} was completed without what follows it, or only that"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn id(n: u64) -> ItemId {
        ItemId { run: 0, process: 0, producer: 0, follows: false, n }
    }

    fn waiting(attempt: u16) -> Found {
        Found { standing: Standing::Ready, attempt, is_whole: true }
    }

    /// Items that are completed with nothing after them, without a lane.
    fn plain() -> impl Iterator<Item = ItemId> {
        let is_plain = |id: &ItemId| {
            let nature = id.nature(SEED);
            nature.lane.is_none() && nature.fate(1) == Fate::Complete
        };
        (0..).map(id).filter(is_plain)
    }

    fn verdict(events: &[Event], found: &[(ItemId, Found)]) -> Verdict {
        let events = [&[Event::Run(0, 0)], events].concat();
        judge(SEED, &events, &found.iter().cloned().collect(), Forgives::default()).verdict
    }

    #[test]
    fn an_acknowledged_push_stands_or_was_about_to_be_completed() {
        let one = plain().next().unwrap();
        assert_eq!(verdict(&[Event::Acked(one)], &[]).lost, 1);
        assert!(verdict(&[Event::Acked(one)], &[(one, waiting(0))]).holds());
        assert!(verdict(&[Event::Acked(one), Event::Handed(one, 1, 1), Event::Settling(one)], &[]).holds());
    }

    #[test]
    fn an_acknowledged_completion_does_not_come_back() {
        let one = plain().next().unwrap();
        let past = [Event::Acked(one), Event::Handed(one, 1, 1), Event::Settling(one), Event::Done(one, 1)];
        assert!(verdict(&past, &[]).holds());
        assert_eq!(verdict(&past, &[(one, waiting(1))]).came_back, 1);
        let again = [&past[..], &[Event::Handed(one, 2, 2)]].concat();
        assert_eq!(verdict(&again, &[]).came_back, 1);
    }

    #[test]
    fn an_attempt_that_was_not_counted_is_seen() {
        let one = plain().next().unwrap();
        let past = [Event::Acked(one), Event::Handed(one, 1, 1)];
        assert_eq!(verdict(&past, &[(one, waiting(0))]).attempts, 1);
        let again = [&past[..], &[Event::Handed(one, 1, 2)]].concat();
        assert_eq!(verdict(&again, &[(one, waiting(1))]).attempts, 1);
        let most = one.nature(SEED).max_attempts;
        assert_eq!(verdict(&[Event::Handed(one, most + 1, 9)], &[(one, waiting(most))]).attempts, 1);
    }

    #[test]
    fn an_item_that_was_overtaken_is_seen() {
        let first = plain().next().unwrap();
        let level = first.nature(SEED).priority;
        let later = plain().skip(1).find(|id| id.nature(SEED).priority == level).unwrap();
        let past = [Event::Acked(first), Event::Acked(later), Event::Handed(later, 1, 1)];
        assert_eq!(verdict(&past, &[(first, waiting(0)), (later, waiting(1))]).disorder, 1);
    }

    #[test]
    fn a_lane_that_is_left_out_of_order_is_seen() {
        let lane = id(0).nature(SEED).lane.map_or(0, |lane| lane);
        let of_lane: Vec<_> = (0..200).map(id).filter(|id| id.nature(SEED).lane == Some(lane)).take(2).collect();
        let (first, later) = (of_lane[0], of_lane[1]);
        let past = [Event::Handed(later, 1, 1), Event::Handed(first, 1, 1)];
        assert_eq!(verdict(&past, &[(first, waiting(1)), (later, waiting(1))]).disorder, 2);
    }

    #[test]
    fn what_nobody_can_have_pushed_is_seen() {
        let stranger = ItemId { run: 5, ..id(0) };
        assert_eq!(verdict(&[], &[(stranger, waiting(0))]).phantom, 1);
        let damaged = Found { is_whole: false, ..waiting(0) };
        assert_eq!(verdict(&[], &[(id(0), damaged)]).corrupt, 1);
    }
}
