//! The model: every question is answered by looking at everything.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use syncline_core::{
    Instant, Priority, WallTime,
    port::{DeadReason, Ending, Moment, NewItem, QueueStats, Standing},
};

use super::Rules;

/// Most errors that are kept of one item.
const ERRORS_MAX: usize = 8;

/// A queue.
#[derive(Debug, Clone)]
pub(super) struct Oracle {
    pub(super) items: Vec<Item>,
    /// How many of a lane may be in hand at once, as the last claim said.
    pub(super) of_lane: u16,
    pub(super) keys: Vec<Key>,
    /// What ended, with how and when.
    pub(super) ended: Vec<Arc<(Item, Ending, u64)>>,
    /// Every lease that was ever given, by id.
    pub(super) leases: Vec<(String, u64)>,
    pub(super) next_seq: u64,
    pub(super) clock: Clock,
}

impl Default for Oracle {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            of_lane: 1,
            keys: Vec::new(),
            ended: Vec::new(),
            leases: Vec::new(),
            next_seq: 0,
            clock: Clock::default(),
        }
    }
}

/// An item.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) seq: u64,
    pub(super) new: Arc<NewItem>,
    pub(super) stands: Stands,
    pub(super) eligible_at: u64,
    pub(super) lane_place: u64,
    pub(super) expires_at: Option<u64>,
    pub(super) attempts: u16,
    pub(super) token: u64,
    /// Whether its lease was given by another process: its number is nobody's any more.
    pub(super) is_of_before: bool,
    /// Whether it died when the process ended last.
    pub(super) died_with_process: bool,
    /// None for what the storage says in words of its own.
    pub(super) errors: Vec<Option<Arc<str>>>,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    Waiting,
    Leased { until: Instant },
    Dead { reason: DeadReason, at: u64 },
}

/// A key that is taken, or was.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) seq: u64,
    pub(super) until: u64,
    pub(super) lives: bool,
}

/// Time that never goes back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    pub(super) latest: u64,
    seen: Option<Instant>,
    /// The latest time that is kept with what was done.
    pub(super) recorded: u64,
}

impl Clock {
    pub(super) fn at(&mut self, now: Moment) -> u64 {
        let passed = self.seen.map_or(Duration::ZERO, |seen| now.steady.saturating_since(seen));
        let carried = self.latest + u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.latest = now.wall.as_millis().max(carried);
        self.seen = Some(now.steady);
        self.latest
    }

    pub(super) fn reopened(self) -> Self {
        // A process begins after the one before.
        Self { latest: self.recorded + 1, seen: None, recorded: self.recorded }
    }
}

impl Item {
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.stands, Stands::Dead { .. })
    }

    pub(super) fn is_leased(&self) -> bool {
        matches!(self.stands, Stands::Leased { .. })
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.stands == Stands::Waiting
    }

    pub(super) fn max_attempts(&self) -> u16 {
        self.new.max_attempts.max(1)
    }

    pub(super) fn has_expired(&self, time: u64) -> bool {
        self.is_waiting() && self.expires_at.is_some_and(|at| at <= time)
    }

    pub(super) fn note(&mut self, error: Option<Arc<str>>) {
        self.errors.push(error);
        if self.errors.len() > ERRORS_MAX {
            self.errors.remove(0);
        }
    }
}

impl Oracle {
    pub(super) fn of_seq(&mut self, seq: u64) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.seq == seq)
    }

    /// The newest item of `id` that is fit.
    pub(super) fn find(&self, id: &str, is_fit: impl Fn(&Item) -> bool) -> Option<&Item> {
        self.items
            .iter()
            .filter(|item| item.new.id == id && is_fit(item))
            .max_by_key(|item| item.seq)
    }

    pub(super) fn live(&self) -> u64 {
        self.items.iter().filter(|item| !item.is_dead()).count() as u64
    }

    /// Whether its lane has not its share in hand, and no other one of it is before it: of one that is in order any, else
    /// one of its level.
    pub(super) fn is_free(&self, item: &Item) -> bool {
        let Some(lane) = &item.new.partition else { return true };
        let others = || {
            let is_of_lane = |other: &&Item| !other.is_dead() && other.new.partition.as_ref() == Some(lane);
            self.items.iter().filter(|other| other.seq != item.seq).filter(is_of_lane)
        };
        let in_hand = others().filter(|other| other.is_leased()).count();
        let place = |one: &Item| {
            if self.of_lane > 1 {
                (one.eligible_at, one.seq)
            } else {
                (one.lane_place, one.seq)
            }
        };
        let is_rival = |other: &Item| self.of_lane == 1 || other.new.priority == item.new.priority;
        let is_before = |other: &Item| other.is_waiting() && is_rival(other) && place(other) < place(item);
        in_hand < usize::from(self.of_lane) && !others().any(is_before)
    }

    pub(super) fn standing(&self, item: &Item, time: u64) -> Standing {
        match item.stands {
            Stands::Dead { .. } => Standing::Dead,
            Stands::Leased { .. } => Standing::Leased,
            Stands::Waiting if item.eligible_at <= time && self.is_free(item) => Standing::Ready,
            Stands::Waiting => Standing::Scheduled,
        }
    }

    /// Who is next.
    pub(super) fn next(&self, time: u64, aging: Option<u64>) -> Option<u64> {
        let ready: Vec<&Item> = self
            .items
            .iter()
            .filter(|item| item.is_waiting() && item.eligible_at <= time && self.is_free(item))
            .collect();
        // Aging lifts the first of each level alone.
        let firsts = Priority::ALL.iter().filter_map(|level| {
            let of_level = ready.iter().filter(|item| item.new.priority == *level);
            of_level.min_by_key(|item| (item.eligible_at, item.seq))
        });
        let urgency = |item: &&&Item| {
            let risen = aging.map_or(0, |step| (time - item.eligible_at) / step.max(1));
            let level = u64::from(item.new.priority.number()).saturating_sub(risen);
            (level, aging.map(|_| (item.eligible_at, item.seq)), item.new.priority)
        };
        firsts.min_by_key(urgency).map(|item| item.seq)
    }

    /// Its item lives no more.
    pub(super) fn free_key(&mut self, seq: u64) {
        for key in self.keys.iter_mut().filter(|key| key.seq == seq) {
            key.lives = false;
        }
    }

    pub(super) fn bury(&mut self, seq: u64, at: u64, reason: DeadReason, error: Option<Arc<str>>) {
        self.free_key(seq);
        if let Some(item) = self.of_seq(seq) {
            item.stands = Stands::Dead { reason, at };
            item.note(error);
        }
    }

    pub(super) fn end(&mut self, seq: u64, ending: Ending, at: u64) {
        self.free_key(seq);
        self.ended
            .extend(self.items.extract_if(.., |item| item.seq == seq).map(|item| Arc::new((item, ending, at))));
    }

    /// What ended, the last end first.
    pub(super) fn history(&self) -> Vec<&(Item, Ending, u64)> {
        let mut ended: Vec<_> = self.ended.iter().map(Arc::as_ref).collect();
        ended.sort_by_key(|(item, _, at)| Reverse((*at, item.seq)));
        ended
    }

    /// Ends a lease without an outcome. Returns whether that was the item's end too.
    pub(super) fn end_lease(&mut self, seq: u64, at: u64) -> bool {
        let Some(item) = self.of_seq(seq) else { return false };
        let is_last = item.attempts >= item.max_attempts();
        item.stands = Stands::Waiting;
        if is_last {
            self.bury(seq, at, DeadReason::Exhausted, None);
        }
        is_last
    }

    /// The leases that are over.
    pub(super) fn over(&self, now: Instant) -> Vec<u64> {
        let over = |item: &&Item| matches!(item.stands, Stands::Leased { until } if until <= now);
        self.items.iter().filter(over).map(|item| item.seq).collect()
    }

    pub(super) fn expired(&self, time: u64) -> Vec<u64> {
        self.items.iter().filter(|item| item.has_expired(time)).map(|item| item.seq).collect()
    }

    /// Those that stand so, in the order of a list.
    pub(super) fn list(&self, standing: Standing, time: u64) -> Vec<&Item> {
        let mut items: Vec<_> = self.items.iter().filter(|item| self.standing(item, time) == standing).collect();
        items.sort_by_key(|item| match item.stands {
            Stands::Dead { at, .. } => (0, at, item.seq),
            Stands::Waiting if self.is_free(item) => (item.new.priority.number(), item.eligible_at, item.seq),
            Stands::Waiting => (u8::MAX, 0, item.seq),
            Stands::Leased { .. } => (0, 0, item.seq),
        });
        items
    }

    pub(super) fn stats(&self) -> QueueStats {
        let mut stats = QueueStats::default();
        for item in &self.items {
            let of_standing = match item.stands {
                Stands::Waiting => &mut stats.waiting,
                Stands::Leased { .. } => &mut stats.leased,
                Stands::Dead { .. } => &mut stats.dead,
            };
            if let Some(count) = of_standing.get_mut(usize::from(item.new.priority.number())) {
                *count += 1;
            }
            let first_at = stats.first_at.get_mut(usize::from(item.new.priority.number()));
            if let Some(first_at) = first_at.filter(|_| item.is_waiting() && self.is_free(item)) {
                let at = wall(item.eligible_at);
                *first_at = Some(first_at.map_or(at, |first| first.min(at)));
            }
            if let Stands::Dead { at, .. } = item.stands {
                stats.dead_since = Some(stats.dead_since.map_or(wall(at), |since| since.min(wall(at))));
            }
        }
        stats
    }

    /// How long until `claim` or `reap` finds something; zero when they do now.
    pub(super) fn due(&self, now: Moment, time: u64) -> Option<Duration> {
        let left = |at: u64| Duration::from_millis(at.saturating_sub(time));
        let due = |item: &Item| match item.stands {
            Stands::Waiting => {
                let eligible = self.is_free(item).then(|| left(item.eligible_at));
                eligible.into_iter().chain(item.expires_at.map(left)).min()
            }
            Stands::Leased { until } => Some(until.saturating_since(now.steady)),
            Stands::Dead { .. } => None,
        };
        self.items.iter().filter_map(due).min()
    }

    /// The queue as the next process finds it.
    pub(super) fn reopened(&self, rules: Rules) -> Self {
        let mut next = self.clone();
        next.clock = self.clock.reopened();
        if !rules.keeps_lane_bound {
            next.of_lane = 1;
        }
        if rules.leases_end_at_reopen {
            let time = self.clock.recorded + 1;
            for item in &mut next.items {
                (item.is_of_before, item.died_with_process) = (true, false);
            }
            let leased: Vec<_> = self.items.iter().filter(|item| item.is_leased()).map(|item| item.seq).collect();
            for seq in leased {
                let is_dead = next.end_lease(seq, time);
                next.record(time);
                if let Some(item) = next.of_seq(seq) {
                    item.died_with_process = is_dead;
                }
            }
        }
        next
    }

    /// Those that died with their process did so at `time`: later than what is known to have been kept, where the storage
    /// kept more than it was asked to.
    pub(super) fn date_the_orphans(&mut self, time: u64) {
        for item in self.items.iter_mut().filter(|item| item.died_with_process) {
            if let Stands::Dead { at, .. } = &mut item.stands {
                *at = time.max(*at);
                self.clock.recorded = self.clock.recorded.max(*at);
            }
        }
    }

    /// What is done at `time` is kept with it.
    pub(super) fn record(&mut self, time: u64) {
        self.clock.recorded = self.clock.recorded.max(time);
    }
}

pub(super) fn wall(time: u64) -> WallTime {
    WallTime::from_millis(time)
}
