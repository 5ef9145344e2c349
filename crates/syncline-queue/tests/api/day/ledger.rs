//! What is known of each item from outside, and what must hold whenever one is handed out.

use std::{collections::HashMap, rc::Rc, time::Duration};

use syncline_queue::{Priority, SyncItem};

use super::{
    fate::{Fate, Plan, Turn, WORK_MAX},
    places::Places,
    time::{Millis, Time, ms},
};

pub(super) const HANDS: u64 = 30;
pub(super) const LEASE: Duration = Duration::from_mins(5);
/// How long a lease that is over may go unseen while there is always something to pop: upkeep is due every sixteenth of a
/// lease, and is done by the next one who pops.
const UNSEEN_MAX: Duration = LEASE.checked_div(16).unwrap().saturating_add(WORK_MAX);

/// An item that was pushed.
#[derive(Debug, Default)]
struct Track {
    turns_taken: usize,
    attempts: u32,
    /// From when on it may be handed out, in the queue's time.
    eligible_at: Millis,
    /// Since when nothing but its time keeps it, by the steady clock.
    free_since: Millis,
    /// Until when somebody has it, by the steady clock.
    held_until: Millis,
    /// For how long hands work on it until it goes from its place for good.
    work: Millis,
}

/// The items of a lane.
#[derive(Debug, Default)]
struct Lane {
    held_by: Option<usize>,
    /// Since when the next one may go, by the steady clock.
    free_since: Millis,
}

/// What a day came to.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) hand_outs: u64,
    /// The first that went before one that had waited for its level, though its time came later.
    pub(super) unfair: Option<String>,
    /// The most work that was there at once in what was ready or in hand.
    pub(super) work_most: Millis,
    /// The longest that an item waited, beyond what its level may wait until it counts as the most urgent.
    pub(super) waited_beyond: Millis,
    pub(super) waited_most: Millis,
}

pub(super) struct Ledger {
    plan: Rc<Plan>,
    /// The wait that lifts an item by one level.
    step: Duration,
    tracks: HashMap<usize, Track>,
    lanes: HashMap<u64, Lane>,
    places: Places,
    /// The work that is in all that waits or is in hand.
    work: Millis,
    pub(super) seen: Seen,
}

impl Ledger {
    pub(super) fn new(plan: Rc<Plan>, step: Duration) -> Self {
        let (tracks, lanes, places) = (HashMap::new(), HashMap::new(), Places::default());
        Self { plan, step, tracks, lanes, places, work: 0, seen: Seen::default() }
    }

    fn fate(&self, n: usize) -> &Fate {
        &self.plan.fates[n]
    }

    /// It was pushed, and may be handed out from `eligible_at` on.
    pub(super) fn pushed(&mut self, n: usize, eligible_at: Millis, time: &Time) {
        let track = Track { eligible_at, free_since: time.steady(), ..Track::default() };
        assert!(self.tracks.insert(n, track).is_none(), "{n} is pushed twice");
        if !self.fate(n).is_too_late {
            self.stand(n, true);
            self.note_work(time);
        }
    }

    fn note_work(&mut self, time: &Time) {
        self.places.reach(time.now());
        self.seen.work_most = self.seen.work_most.max(self.work - self.places.scheduled_work());
    }

    /// It was handed out. Returns what is to be done with it.
    pub(super) fn took(&mut self, item: &SyncItem, time: &Time) -> Turn {
        let n = number_of(item);
        self.check_turn(n, item, time);
        self.check_order(n, time);
        self.check_wait(n, time);
        let plan = Rc::clone(&self.plan);
        let (turn, now) = (plan.fates[n].turns[self.tracks[&n].turns_taken], time.steady());
        let track = self.tracks.get_mut(&n).unwrap();
        track.turns_taken += 1;
        track.attempts += 1;
        track.held_until = now + ms(LEASE);
        if let Some(lane) = plan.fates[n].lane {
            self.lanes.entry(lane).or_default().held_by = Some(n);
        }
        self.seen.hand_outs += 1;
        turn
    }

    fn check_turn(&self, n: usize, item: &SyncItem, time: &Time) {
        let (fate, track) = (self.fate(n), &self.tracks[&n]);
        assert!(track.turns_taken < fate.turns.len(), "{n} is handed out after its end");
        assert_eq!(item.retry_count, track.attempts, "{n} was tried another number of times");
        assert!(track.held_until <= time.steady(), "{n} is in two hands");
        assert!(track.eligible_at <= time.now(), "{n} is handed out too early");
        let lane = fate.lane.and_then(|lane| self.lanes.get(&lane));
        let other = lane.and_then(|lane| lane.held_by).filter(|other| *other != n);
        assert_eq!(other, None, "{n} is handed out beside another one of its lane");
        let is_free = lane.is_none_or(|lane| lane.free_since <= time.steady());
        assert!(is_free, "{n} is handed out while another one of its lane is under a lease");
    }

    /// Whoever has waited for its level counts as the most urgent: from then on only those go before it whose time came before.
    fn check_order(&mut self, n: usize, time: &Time) {
        self.note_work(time);
        let eligible_at = self.tracks[&n].eligible_at;
        self.places.leave(self.fate(n).priority, (eligible_at, n));
        for level in Priority::ALL {
            let Some((first_at, first)) = self.places.first(level) else { continue };
            let has_waited = time.now() - first_at >= ms(self.step) * u64::from(level.number());
            if has_waited && eligible_at > first_at && self.seen.unfair.is_none() {
                self.seen.unfair = Some(format!(
                    "at {}: {n} of {eligible_at} goes before {first} of {first_at}, {level:?}",
                    time.now()
                ));
            }
        }
    }

    fn check_wait(&mut self, n: usize, time: &Time) {
        let (fate, track) = (self.fate(n), &self.tracks[&n]);
        let lane = fate.lane.and_then(|lane| self.lanes.get(&lane)).map_or(0, |lane| lane.free_since);
        let since = track.free_since.max(lane).max(time.reached(track.eligible_at));
        let waited = time.steady().saturating_sub(since);
        let of_level = ms(self.step) * u64::from(fate.priority.number());
        self.seen.waited_most = self.seen.waited_most.max(waited);
        self.seen.waited_beyond = self.seen.waited_beyond.max(waited.saturating_sub(of_level));
    }

    /// It was completed or rejected, or has failed for the last time.
    pub(super) fn ended(&mut self, n: usize, time: &Time) {
        self.let_go(n, time.steady());
    }

    /// It may be handed out again from `eligible_at` on.
    pub(super) fn retried(&mut self, n: usize, eligible_at: Millis, time: &Time) {
        self.let_go(n, time.steady());
        self.track(n).eligible_at = eligible_at;
        self.stand(n, true);
    }

    /// It is in its old place, untouched.
    pub(super) fn given_back(&mut self, n: usize, time: &Time) {
        self.let_go(n, time.steady());
        self.track(n).attempts -= 1;
        self.stand(n, true);
    }

    /// Nobody will say how it went: when its lease ends, it is in its old place, or dead. When that is seen is up to the queue,
    /// so that nobody can say who goes before it.
    pub(super) fn left(&mut self, n: usize) {
        let until = self.tracks[&n].held_until;
        self.let_go(n, until);
        self.stand(n, false);
    }

    fn track(&mut self, n: usize) -> &mut Track {
        self.tracks.get_mut(&n).unwrap()
    }

    fn let_go(&mut self, n: usize, at: Millis) {
        let track = self.track(n);
        let work = std::mem::take(&mut track.work);
        (track.free_since, track.held_until) = (at, at);
        self.work -= work;
        if let Some(lane) = self.plan.fates[n].lane {
            let lane = self.lanes.get_mut(&lane).unwrap();
            (lane.held_by, lane.free_since) = (None, at);
        }
    }

    /// It waits; where its place `is_known`, that is compared with the others'.
    fn stand(&mut self, n: usize, is_known: bool) {
        let (plan, track) = (Rc::clone(&self.plan), self.track(n));
        let fate = &plan.fates[n];
        track.work = fate.work_from(track.turns_taken);
        let (place, work) = ((track.eligible_at, n), track.work);
        self.work += work;
        if fate.lane.is_none() && is_known {
            self.places.stand(fate.priority, place, work);
        }
    }

    /// Every item had all its turns.
    pub(super) fn check_end(&self) {
        for (n, fate) in self.plan.fates.iter().enumerate() {
            let taken = self.tracks.get(&n).map(|track| track.turns_taken);
            assert_eq!(taken, Some(fate.turns.len()), "{n} has not come to its end: {fate:?}");
        }
        assert_eq!(self.work, 0);
    }

    /// The longest that an item may wait beyond its level. Then it counts as the most urgent, and before it go those alone whose
    /// time came before its own: they were ready or in hand already. No hand rests while something is ready, so that the hands
    /// share the work in them, and the first that is free after that takes it: a turn later at most.
    pub(super) fn bound(&self) -> Millis {
        self.seen.work_most / HANDS + ms(WORK_MAX) + ms(UNSEEN_MAX)
    }
}

/// Whether this is its last attempt.
pub(super) fn is_last(item: &SyncItem) -> bool {
    item.retry_count + 1 == item.max_retries
}

pub(super) fn number_of(item: &SyncItem) -> usize {
    item.payload["n"].as_u64().unwrap() as usize
}
