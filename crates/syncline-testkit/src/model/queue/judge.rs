//! Judging the answer to a call, and taking it into the model.

use std::{sync::Arc, time::Duration};

use syncline_core::{
    ErrorKind,
    port::{
        Admission, Claim, Claimed, DeadReason, EndedItem, Ending, ExpiredDead, Handed, Lease, Listed, Moment, NewItem,
        Pushed, QueueOutcome as Outcome, Reaped, Settled, Settlement, Standing,
    },
};

use super::{
    Rules,
    call::{Answer, Call},
    check::{Verdict, same},
    oracle::{Item, Key, Oracle, Stands, wall},
};

/// Most dead items that one call throws away.
const EXPIRED_DEAD_MAX: usize = 64;

/// Who has an item.
enum Hold {
    Held(u64),
    Lost,
    Unknown,
}

impl Oracle {
    /// Takes `call` as the storage did, unless its answer is wrong.
    pub(super) fn judge(&mut self, call: &Call, answer: &Answer, rules: Rules, now: Moment) -> Verdict {
        let time = self.clock.at(now);
        match (call, answer) {
            (Call::Push(items, admission), Answer::Pushed(told)) => self.judge_push(items, *admission, told, time),
            (Call::Claim(claim), Answer::Claimed(handed)) => self.judge_claim(*claim, handed, rules, now, time),
            (Call::Settle(settlements), Answer::Settled(told)) => self.judge_settle(settlements, told, rules, time),
            (Call::Extend(leases, lease), Answer::Told(told)) => self.judge_extend(leases, *lease, told, now),
            (Call::Cancel(ids), Answer::Told(told)) => {
                let cancel = |oracle: &mut Self, seq| oracle.end(seq, Ending::Cancelled, time);
                self.judge_each(ids, told, time, |item| !item.is_dead(), cancel)
            }
            (Call::Purge(ids), Answer::Told(told)) => {
                let purge = |oracle: &mut Self, seq| oracle.end(seq, Ending::Purged, time);
                self.judge_each(ids, told, time, Item::is_dead, purge)
            }
            (Call::Redrive(ids), Answer::Told(told)) => {
                self.judge_each(ids, told, time, Item::is_dead, |oracle, seq| oracle.redrive(seq, time))
            }
            (Call::ExpireDead(older_than), Answer::Expired(expired)) => {
                self.judge_expired_dead(*older_than, expired, time)
            }
            (Call::Reap, Answer::Reaped(reaped)) => self.judge_reap(*reaped, now, time),
            _ => Err(format!("{answer:?} is no answer to this call")),
        }
    }

    fn judge_push(
        &mut self,
        items: &[NewItem],
        admission: Admission,
        told: &Result<Vec<Pushed>, syncline_core::Error>,
        time: u64,
    ) -> Verdict {
        let before = self.clone();
        let expected = self.push(items, admission, time);
        match (expected, told) {
            (Some(expected), Ok(told)) => {
                same("as many answers as items", &told.len(), &expected.len())?;
                for ((told, expected), item) in told.iter().zip(&expected).zip(items) {
                    match (told, expected) {
                        // Who held a key may be gone, and its name with it.
                        (Pushed::Duplicate { .. }, None) | (Pushed::Inserted, Some(Pushed::Inserted)) => {}
                        (told, Some(expected)) => same(&item.id, told, expected)?,
                        (told, None) => return Err(format!("{} has a key that is taken: {told:?}", item.id)),
                    }
                }
                Ok(())
            }
            (None, Err(error)) if error.kind() == ErrorKind::Full => {
                *self = before;
                Ok(())
            }
            (expected, told) => Err(format!("a push was answered {told:?}, not {expected:?}")),
        }
    }

    /// What a push is told: for a key whose holder is gone a duplicate of nobody knows whom. `None` where it does not fit.
    fn push(&mut self, items: &[NewItem], admission: Admission, time: u64) -> Option<Vec<Option<Pushed>>> {
        let mut told = Vec::new();
        for item in items {
            let taken = |key: &&Key| {
                let is_same = item.dedup.as_ref().is_some_and(|dedup| dedup.key == key.key);
                is_same && (key.lives || time < key.until)
            };
            if admission.unique_ids && self.find(&item.id, |item| !item.is_dead()).is_some() {
                told.push(Some(Pushed::Duplicate { id: item.id.clone() }));
            } else if let Some(key) = self.keys.iter().find(taken) {
                let holder = self.items.iter().find(|item| item.seq == key.seq);
                told.push(holder.map(|item| Pushed::Duplicate { id: item.new.id.clone() }));
            } else if self.live() >= admission.capacity {
                return None;
            } else {
                self.insert(item, time);
                told.push(Some(Pushed::Inserted));
            }
        }
        Some(told)
    }

    fn insert(&mut self, new: &NewItem, time: u64) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.record(time);
        if let Some(dedup) = &new.dedup {
            self.keys.retain(|key| key.key != dedup.key);
            let until = time + u64::try_from(dedup.window.as_millis()).unwrap_or(u64::MAX);
            self.keys.push(Key { key: dedup.key.clone(), seq, until, lives: true });
        }
        let eligible_at = new.due.map_or(time, |due| due.as_millis().max(time));
        self.items.push(Item {
            seq,
            new: Arc::new(new.clone()),
            stands: Stands::Waiting,
            eligible_at,
            lane_place: eligible_at,
            expires_at: new.expires_at.map(|at| at.as_millis()),
            attempts: 0,
            token: 0,
            is_of_before: false,
            died_with_process: false,
            errors: Vec::new(),
        });
    }

    fn judge_claim(&mut self, claim: Claim, handed: &Handed, rules: Rules, now: Moment, time: u64) -> Verdict {
        let mut buried = Vec::new();
        self.of_lane = claim.in_hand.of_lane.max(1);
        if rules.claims_bury_all {
            buried = self.expired(time).into_iter().map(|seq| self.name(seq)).collect();
            self.bury_expired(time);
        }
        let aging = claim.aging.map(|aging| u64::try_from(aging.as_millis()).unwrap_or(u64::MAX));
        let mut claimed = handed.items.iter();
        let mut room = claim.most;
        while room > 0
            && let Some(seq) = self.next(time, aging)
        {
            self.record(time);
            if self.of_seq(seq).is_some_and(|item| item.has_expired(time)) {
                buried.push(self.name(seq));
                self.bury(seq, time, DeadReason::Expired, None);
                continue;
            }
            room -= 1;
            let Some(got) = claimed.next() else {
                return Err(format!("{} is next and was not handed out", self.name(seq)));
            };
            self.hand_out(seq, got, now.steady + claim.lease)?;
        }
        if let Some(more) = claimed.next() {
            return Err(format!("{more:?} was handed out and is not next"));
        }
        let mut told: Vec<_> = handed.buried.iter().map(|one| one.id.clone()).collect();
        told.sort_unstable();
        buried.sort_unstable();
        same("what a claim buried", &told, &buried)
    }

    fn name(&mut self, seq: u64) -> String {
        self.of_seq(seq).map(|item| item.new.id.clone()).unwrap_or_default()
    }

    fn hand_out(&mut self, seq: u64, got: &Claimed, until: syncline_core::Instant) -> Verdict {
        let lease = (got.id.clone(), got.token);
        let is_new = !self.leases.contains(&lease);
        let Some(item) = self.of_seq(seq) else { return Ok(()) };
        item.attempts += 1;
        item.stands = Stands::Leased { until };
        same("who is next", &got.id, &item.new.id)?;
        if got.token <= item.token || !is_new {
            return Err(format!("the token {} of {} was given before, or is not greater", got.token, got.id));
        }
        (item.token, item.is_of_before) = (got.token, false);
        if got.attempt > item.max_attempts() {
            return Err(format!("{} was handed out more often than it may", got.id));
        }
        item.judge(got)?;
        self.leases.push(lease);
        Ok(())
    }

    fn judge_settle(&mut self, settlements: &[Settlement], told: &[Settled], rules: Rules, time: u64) -> Verdict {
        same("as many answers as settlements", &told.len(), &settlements.len())?;
        let (mut ended, mut answers) = (0, Vec::new());
        for settlement in settlements {
            let expected = match self.hold(&settlement.lease) {
                Hold::Held(seq) => {
                    ended += 1;
                    self.settle(seq, &settlement.outcome, time)
                }
                Hold::Lost => Settled::Lost,
                Hold::Unknown => Settled::Unknown,
            };
            answers.push((expected, ended));
        }
        for ((settlement, told), (expected, ended_before)) in settlements.iter().zip(told).zip(answers) {
            let is_lost = |settled| matches!(settled, Settled::Lost | Settled::Unknown);
            // Of what the same call ends already a storage may know less or more.
            let has_ended = ended_before > 0 || (rules.unknown_by_the_end && ended > 0);
            if !(is_lost(*told) && is_lost(expected) && has_ended) {
                same(&settlement.lease.id, told, &expected)?;
            }
        }
        Ok(())
    }

    fn hold(&self, lease: &Lease) -> Hold {
        let is_held = |item: &Item| item.is_leased() && lease.token.is_none_or(|token| token == item.token);
        match self.find(&lease.id, is_held) {
            Some(item) => Hold::Held(item.seq),
            None if self.find(&lease.id, |_| true).is_some() => Hold::Lost,
            None => Hold::Unknown,
        }
    }

    fn settle(&mut self, seq: u64, outcome: &Outcome, time: u64) -> Settled {
        self.record(time);
        let is_last = self.of_seq(seq).is_some_and(|item| item.attempts >= item.max_attempts());
        match outcome {
            Outcome::Complete { push } => {
                self.end(seq, Ending::Completed, time);
                self.push(push, Admission { capacity: u64::MAX, unique_ids: true }, time);
                Settled::Completed
            }
            Outcome::Retry { error, .. } if is_last => {
                self.bury(seq, time, DeadReason::Exhausted, Some(error.as_str().into()));
                Settled::Dead
            }
            Outcome::Retry { at, error } => {
                if let Some(item) = self.of_seq(seq) {
                    item.stands = Stands::Waiting;
                    item.eligible_at = at.as_millis();
                    item.note(Some(error.as_str().into()));
                }
                Settled::Retried
            }
            Outcome::Reject { error } => {
                self.bury(seq, time, DeadReason::Rejected, Some(error.as_str().into()));
                Settled::Dead
            }
            Outcome::Release | Outcome::Defer { .. } => {
                if let Some(item) = self.of_seq(seq) {
                    item.stands = Stands::Waiting;
                    item.attempts -= 1;
                    if let Outcome::Defer { at } = outcome {
                        item.eligible_at = at.as_millis();
                    }
                }
                Settled::Released
            }
        }
    }

    fn judge_extend(&mut self, leases: &[Lease], by: Duration, told: &[bool], now: Moment) -> Verdict {
        same("as many answers as leases", &told.len(), &leases.len())?;
        for (lease, told) in leases.iter().zip(told) {
            let hold = self.hold(lease);
            same(&lease.id, told, &matches!(hold, Hold::Held(_)))?;
            if let Hold::Held(seq) = hold
                && let Some(item) = self.of_seq(seq)
            {
                item.stands = Stands::Leased { until: now.steady + by };
            }
        }
        Ok(())
    }

    /// What is done to each item of an id that is fit, and was not where there is none.
    fn judge_each(
        &mut self,
        ids: &[String],
        told: &[bool],
        time: u64,
        is_fit: impl Fn(&Item) -> bool,
        done: impl Fn(&mut Self, u64),
    ) -> Verdict {
        same("as many answers as ids", &told.len(), &ids.len())?;
        for (id, told) in ids.iter().zip(told) {
            let seq = self.find(id, &is_fit).map(|item| item.seq);
            same(id, told, &seq.is_some())?;
            if let Some(seq) = seq {
                self.record(time);
                done(self, seq);
            }
        }
        Ok(())
    }

    fn redrive(&mut self, seq: u64, time: u64) {
        if let Some(item) = self.of_seq(seq) {
            item.stands = Stands::Waiting;
            (item.attempts, item.eligible_at, item.lane_place, item.expires_at) = (0, time, time, None);
        }
    }

    fn judge_expired_dead(&mut self, older_than: Duration, told: &ExpiredDead, time: u64) -> Verdict {
        let age = u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX);
        let died = |item: &Item| {
            if let Stands::Dead { at, .. } = item.stands {
                Some((at, item.seq))
            } else {
                None
            }
        };
        let mut dead: Vec<_> = self.items.iter().filter_map(died).collect();
        dead.sort_unstable();
        let over = dead.iter().take(EXPIRED_DEAD_MAX).take_while(|(at, _)| at + age <= time).count();
        let next = dead.get(over).map(|(at, _)| Duration::from_millis((at + age).saturating_sub(time)));
        let mut ids = Vec::new();
        for (_, seq) in dead.into_iter().take(over) {
            ids.push(self.name(seq));
            self.record(time);
            self.end(seq, Ending::Expired, time);
        }
        same("what was dead for long enough", told, &ExpiredDead { ids, next })
    }

    fn judge_reap(&mut self, reaped: Reaped, now: Moment, time: u64) -> Verdict {
        let mut expected = Reaped::default();
        for seq in self.over(now.steady) {
            self.record(time);
            if self.end_lease(seq, time) {
                expected.dead += 1;
            } else {
                expected.leases += 1;
            }
        }
        expected.expired = self.bury_expired(time);
        expected.dead += expected.expired;
        same("what was reaped", &reaped, &expected)
    }

    fn bury_expired(&mut self, time: u64) -> u64 {
        let expired = self.expired(time);
        for seq in &expired {
            self.record(time);
            self.bury(*seq, time, DeadReason::Expired, None);
        }
        expired.len() as u64
    }
}

impl Item {
    /// Whether it is what `got` says.
    pub(super) fn judge(&self, got: &Claimed) -> Verdict {
        self.judge_errors(&got.errors)?;
        let expected = Claimed {
            id: self.new.id.clone(),
            token: self.token_beside(got.token),
            attempt: self.attempts,
            max_attempts: self.max_attempts(),
            priority: self.new.priority,
            eligible_at: wall(self.eligible_at),
            partition: self.new.partition.clone(),
            errors: got.errors.clone(),
            body: self.new.body.clone(),
        };
        same("an item", got, &expected)
    }

    /// The same of an item in a list, which is there without its content.
    pub(super) fn judge_listed(&self, got: &Listed, standing: Standing) -> Verdict {
        self.judge_errors(&got.errors)?;
        let expected = Listed {
            id: self.new.id.clone(),
            standing,
            priority: self.new.priority,
            token: self.token_beside(got.token),
            attempt: self.attempts,
            max_attempts: self.max_attempts(),
            eligible_at: wall(self.eligible_at),
            partition: self.new.partition.clone(),
            errors: got.errors.clone(),
            dead: match self.stands {
                Stands::Dead { reason, at } => Some((reason, wall(at))),
                _ => None,
            },
        };
        same("an item of a list", got, &expected)
    }

    /// The same of an item that ended.
    pub(super) fn judge_ended(&self, got: &EndedItem, ending: Ending, at: u64) -> Verdict {
        let last_error = match self.errors.last() {
            Some(Some(error)) => Some(error.to_string()),
            // In words of the storage's own.
            Some(None) if got.last_error.is_some() => got.last_error.clone(),
            _ => None,
        };
        let expected = EndedItem {
            id: self.new.id.clone(),
            ending,
            ended_at: wall(at),
            priority: self.new.priority,
            attempts: self.attempts.into(),
            last_error,
        };
        same("an item that ended", got, &expected)
    }

    fn judge_errors(&self, got: &[String]) -> Verdict {
        let same_error =
            |(got, error): (&String, &Option<Arc<str>>)| error.as_ref().is_none_or(|error| **error == **got);
        if got.len() == self.errors.len() && got.iter().zip(&self.errors).all(same_error) {
            return Ok(());
        }
        Err(format!("{} failed with {got:?}, not {:?}", self.new.id, self.errors))
    }

    /// Its token where a storage says `got`, which may be another one for a lease that ended with its process.
    fn token_beside(&self, got: u64) -> u64 {
        if self.is_of_before && self.token != 0 && got != 0 { got } else { self.token }
    }
}
