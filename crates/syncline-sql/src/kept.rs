//! What queues on SQL databases have in common: numbers of their tables, proofs of content, and who is next.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use syncline_core::{
    Priority, WallTime,
    port::{DeadReason, EndedItem, Ending, Retention, Standing},
};

/// Most bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 1_024;
/// What an item is said to have failed with when its content is not what was pushed.
pub(crate) const DAMAGED: &str = "its content is damaged";
/// The same where its lease ended by itself.
pub(crate) const LEASE_ENDED: &str = "its lease ended without an outcome";
/// The same where it was of no use any more.
pub(crate) const EXPIRED: &str = "it was not taken before it expired";

/// Lines of the tally: what waits, and what is in hand. The dead are the third.
pub(crate) const WAITING: i64 = 0;
pub(crate) const IN_HAND: i64 = 1;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Ready, or scheduled for later.
    Waiting,
    /// Behind another one of its lane.
    Behind,
    /// In the hands of a worker.
    Leased,
    /// It will not be tried again.
    Dead,
}

impl Phase {
    /// The phase of a number in a table; what is none counts as dead, so that nobody is handed it.
    pub(crate) fn of(number: i64) -> Self {
        match number {
            0 => Self::Waiting,
            1 => Self::Behind,
            2 => Self::Leased,
            _ => Self::Dead,
        }
    }

    /// The line of the tally that it is counted in.
    pub(crate) fn standing(self) -> i64 {
        match self {
            Self::Waiting | Self::Behind => WAITING,
            Self::Leased => IN_HAND,
            Self::Dead => 2,
        }
    }
}

/// Where an item of this phase stands at `now`.
pub(crate) fn standing(phase: Phase, eligible_at: WallTime, now: i64) -> Standing {
    match phase {
        Phase::Waiting if eligible_at <= wall(now) => Standing::Ready,
        Phase::Waiting | Phase::Behind => Standing::Scheduled,
        Phase::Leased => Standing::Leased,
        Phase::Dead => Standing::Dead,
    }
}

/// A time as it stands in a table.
pub(crate) fn millis(time: WallTime) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A time as it stood in a table.
pub(crate) fn wall(millis: i64) -> WallTime {
    WallTime::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The latest death of those that have been dead for `age` at `now`.
pub(crate) fn died_by(age: Duration, now: i64) -> i64 {
    now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}

/// How long until who died at `dead_at` has been dead for `age`.
pub(crate) fn until_dead_for(age: Duration, dead_at: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(dead_at.saturating_sub(died_by(age, now))).unwrap_or(0))
}

/// The hash of what an item carries, and whose it is: content that came to stand under another id is damage too.
pub(crate) fn hash(id: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(id.len() as u64).to_le_bytes()).update(id).update(body);
    hasher.finalize().into()
}

/// As much of an error as is kept: its beginning.
pub(crate) fn brief(error: &str) -> &str {
    error.get(..error.floor_char_boundary(ERROR_BYTES_MAX)).unwrap_or_default()
}

/// A reason as it stands in a table.
pub(crate) fn reason_number(reason: DeadReason) -> i64 {
    match reason {
        DeadReason::Exhausted => 0,
        DeadReason::Rejected => 1,
        DeadReason::Expired => 2,
        DeadReason::Corrupt => 3,
    }
}

/// The reason of a number in a table; what is none is damage.
pub(crate) fn reason_of(number: i64) -> DeadReason {
    match number {
        0 => DeadReason::Exhausted,
        1 => DeadReason::Rejected,
        2 => DeadReason::Expired,
        _ => DeadReason::Corrupt,
    }
}

/// An ending as it stands in a table.
pub(crate) fn ending_number(ending: Ending) -> i64 {
    match ending {
        Ending::Completed => 0,
        Ending::Cancelled => 1,
        Ending::Purged => 2,
        Ending::Expired => 3,
    }
}

/// The ending of a number in a table; what is none was thrown away by somebody, in whatever way.
pub(crate) fn ending_of(number: i64) -> Ending {
    match number {
        0 => Ending::Completed,
        1 => Ending::Cancelled,
        3 => Ending::Expired,
        _ => Ending::Purged,
    }
}

/// Bytes that an end takes, by the lengths of its id and its error in a table.
pub(crate) fn ended_bytes(id: i64, error: i64) -> u64 {
    let number = |number: i64| usize::try_from(number).unwrap_or(0);
    EndedItem::bytes_of(number(id), number(error))
}

/// How much one storage remembers of what ended; nothing is said until it is told.
#[derive(Debug, Default)]
pub(crate) struct Keeps(Mutex<Option<Retention>>);

impl Keeps {
    pub(crate) fn set(&self, retention: Retention) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(retention);
    }

    pub(crate) fn get(&self) -> Option<Retention> {
        // One plain value, so a panic elsewhere does not spoil it.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many ends are remembered and their bytes, or by how much that changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) items: i64,
    pub(crate) bytes: i64,
}

impl Remembered {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.items = self.items.saturating_add(1);
        self.bytes = self.bytes.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn remove(&mut self, bytes: u64) {
        self.items = self.items.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Whether the first of them, which ended at `at`, is to be forgotten.
    pub(crate) fn is_too_much(&self, retention: Retention, at: i64, now: i64) -> bool {
        let is_above = |sum: i64, most: u64| u64::try_from(sum).is_ok_and(|sum| sum > most);
        at <= died_by(retention.age, now)
            || is_above(self.items, retention.items)
            || is_above(self.bytes, retention.bytes)
    }
}

/// How those of a lane that may be handed out come to stand: who is to step behind, and who forward.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arranged {
    pub(crate) behind: Vec<i64>,
    pub(crate) forward: Vec<i64>,
}

impl Arranged {
    /// From how they are `standing` to how its `fronts` are to stand.
    pub(crate) fn of(standing: Vec<i64>, fronts: Vec<i64>) -> Self {
        let forward = fronts.iter().copied().filter(|front| !standing.contains(front)).collect();
        let behind = standing.into_iter().filter(|one| !fronts.contains(one)).collect();
        Self { behind, forward }
    }
}

/// The first of a level: from when on it may be handed out, and its seq.
pub(crate) type First = (i64, i64);

/// Who is next of those that are first. With `aging`, one counts as one level more urgent for each such time that it waits; at
/// equal urgency the longer wait goes first.
pub(crate) fn next(firsts: &[Option<First>; 5], now: i64, aging: Option<i64>) -> Option<(Priority, i64)> {
    let urgency = |level: Priority, eligible_at: i64| {
        let risen = aging.map_or(0, |step| now.saturating_sub(eligible_at) / step);
        i64::from(level.number()).saturating_sub(risen).max(0)
    };
    Priority::ALL
        .into_iter()
        .zip(firsts)
        .filter_map(|(level, first)| first.map(|first| (level, first)))
        .min_by_key(|(level, first)| (urgency(*level, first.0), aging.map(|_| *first), *level))
        .map(|(level, (_, seq))| (level, seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(of: &[(usize, First)]) -> [Option<First>; 5] {
        let mut firsts = [None; 5];
        for (level, first) in of {
            firsts[*level] = Some(*first);
        }
        firsts
    }

    #[test]
    fn without_aging_the_more_urgent_level_goes_first_however_long_the_other_waits() {
        let firsts = firsts(&[(1, (900, 8)), (4, (0, 1))]);
        assert_eq!(next(&firsts, 1_000, None), Some((Priority::High, 8)));
    }

    #[test]
    fn each_wait_lifts_by_a_level_and_at_equal_urgency_the_longer_wait_goes_first() {
        let firsts = firsts(&[(1, (900, 8)), (4, (0, 1))]);
        assert_eq!(next(&firsts, 1_000, Some(400)), Some((Priority::High, 8)));
        assert_eq!(next(&firsts, 1_200, Some(400)), Some((Priority::Background, 1)));
        assert_eq!(next(&firsts, 1_200, Some(1)), Some((Priority::Background, 1)), "nobody is above the first level");
    }

    #[test]
    fn content_under_another_id_has_another_hash() {
        assert_ne!(hash(b"ab", b"c"), hash(b"a", b"bc"));
        assert_ne!(hash(b"a", b"x"), hash(b"b", b"x"));
    }

    #[test]
    fn a_death_is_over_once_it_is_as_old_as_was_asked_and_an_age_without_end_is_never_reached() {
        let age = Duration::from_millis(100);
        assert_eq!((died_by(age, 1_000), until_dead_for(age, 950, 1_000)), (900, Duration::from_millis(50)));
        assert_eq!(until_dead_for(age, 900, 1_000), Duration::ZERO);
        assert!(died_by(Duration::MAX, 1_000) < 0 && until_dead_for(Duration::MAX, 1, 1_000) > age);
    }

    #[test]
    fn the_fronts_of_a_lane_come_to_stand_and_nobody_else() {
        let of = |standing: &[i64], fronts: &[i64]| {
            let arranged = Arranged::of(standing.to_vec(), fronts.to_vec());
            (arranged.behind, arranged.forward)
        };
        assert_eq!(of(&[], &[1]), (vec![], vec![1]));
        assert_eq!(of(&[2], &[2]), (vec![], vec![]));
        assert_eq!(of(&[4, 5], &[3, 5]), (vec![4], vec![3]));
        assert_eq!(of(&[6, 7], &[]), (vec![6, 7], vec![]), "it has its share in hand");
    }

    #[test]
    fn each_bound_forgets_the_first_end() {
        let (one, hour) = (Remembered { items: 1, bytes: 70 }, Duration::from_secs(3_600));
        let is_too_much = |age, items, bytes, now| one.is_too_much(Retention { age, items, bytes }, 1_000, now);
        assert!(!is_too_much(hour, 1, 70, 2_000));
        assert!(is_too_much(Duration::from_secs(1), 1, 70, 2_000));
        assert!(is_too_much(hour, 0, 70, 2_000) && is_too_much(hour, 1, 69, 2_000));
    }

    #[test]
    fn every_ending_comes_back() {
        for ending in [Ending::Completed, Ending::Cancelled, Ending::Purged, Ending::Expired] {
            assert_eq!(ending_of(ending_number(ending)), ending);
        }
    }

    #[test]
    fn every_reason_comes_back() {
        for reason in [DeadReason::Exhausted, DeadReason::Rejected, DeadReason::Expired, DeadReason::Corrupt] {
            assert_eq!(reason_of(reason_number(reason)), reason);
        }
    }
}
