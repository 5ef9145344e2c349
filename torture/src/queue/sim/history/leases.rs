//! Claims, and how leases end.

use std::{collections::BTreeSet, time::Duration};

use syncline_core::port::{
    Claim, Claimed, DeadReason, InHand, Lease, QueueOutcome as Outcome, QueueStorage as _, Settled, Settlement,
};

use super::{History, at, calls::Plan};
use crate::queue::sim::{
    Verdict,
    model::{self, Stands, Step},
};

impl History {
    pub(super) fn claim(&mut self) -> Verdict {
        let lease_ms = 100 + self.random.below(3_000);
        let claim = Claim {
            most: 1 + self.random.index(3),
            lease: Duration::from_millis(lease_ms),
            aging: None,
            in_hand: InHand::default(),
        };
        let (mut items, mut steps, mut expected) = (self.model.live.clone(), Vec::new(), Vec::new());
        let now = at(self.now);
        while expected.len() < claim.most
            && let Some((id, _)) = model::next(&items, now.wall.as_millis())
        {
            let step = Step::Claim { id: id.clone(), until: self.now + lease_ms };
            expected.push(id.clone());
            model::apply(&mut items, &step);
            steps.push(step);
        }
        let plan = Plan { name: "claim", steps, synced: false, is_upkeep: false };
        let Some(claimed) = self.call(&plan, async |queue| Ok(queue.claim(claim, now).await?.items))? else {
            return Ok(());
        };
        let order: Vec<_> = claimed.iter().map(|claimed| claimed.id.clone()).collect();
        if order != expected {
            return Err(format!("it handed out {order:?}, next were {expected:?}"));
        }
        claimed.into_iter().try_for_each(|claimed| self.take(claimed))
    }

    /// An item is in a worker's hands.
    fn take(&mut self, claimed: Claimed) -> Verdict {
        let Some(item) = self.model.live.get_mut(&claimed.id) else { return Ok(()) };
        if claimed.attempt != item.attempts || claimed.attempt > item.max || claimed.body != item.body {
            return Err(format!("it handed out {claimed:?} of {item:?}"));
        }
        if claimed.token <= item.token {
            return Err(format!("the lease {} of {} follows lease {}", claimed.token, claimed.id, item.token));
        }
        item.token = claimed.token;
        self.held.push((claimed.id, claimed.token));
        Ok(())
    }

    pub(super) fn settle(&mut self) -> Verdict {
        let (mut settlements, mut steps, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for _ in 0..=self.random.below(3) {
            let Some((id, token)) = self.a_lease() else { break };
            let outcome = self.outcome();
            let is_held = self.model.live.get(&id).is_some_and(|item| {
                item.token == token && matches!(item.stands, Stands::Held(_)) && seen.insert(id.clone())
            });
            expected.push(match self.model.live.get(&id) {
                None => Settled::Unknown,
                Some(_) if !is_held => Settled::Lost,
                Some(item) => self.settled(&id, item, &outcome, &mut steps),
            });
            settlements.push(Settlement { lease: Lease { id, token: Some(token) }, outcome });
        }
        let plan = Plan { name: "settle", steps, synced: true, is_upkeep: false };
        let now = at(self.now);
        match self.call(&plan, async |queue| queue.settle(&settlements, now).await)? {
            Some(told) if told != expected => {
                Err(format!("settlements {settlements:?} told {told:?}, expected is {expected:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Some lease, whose worker mostly forgets it now; one that does not may settle again.
    fn a_lease(&mut self) -> Option<(String, u64)> {
        let at = self.random.index(self.held.len().max(1));
        let lease = self.held.get(at).cloned()?;
        if !self.random.once_in(4) {
            self.held.swap_remove(at);
        }
        Some(lease)
    }

    fn outcome(&mut self) -> Outcome {
        match self.random.below(9) {
            0 => Outcome::Complete { push: vec![self.new_item()] },
            1..=3 => Outcome::Complete { push: Vec::new() },
            4..=5 => {
                let due = at(self.now + self.random.below(1_500)).wall;
                Outcome::Retry { at: due, error: "failed".to_owned() }
            }
            6 => Outcome::Reject { error: "rejected".to_owned() },
            7 => Outcome::Release,
            _ => Outcome::Defer { at: at(self.now + self.random.below(1_500)).wall },
        }
    }

    /// What a settlement of a live lease does.
    fn settled(&self, id: &str, item: &model::Item, outcome: &Outcome, steps: &mut Vec<Step>) -> Settled {
        let id = id.to_owned();
        match outcome {
            Outcome::Complete { push } => {
                steps.push(Step::Gone(id));
                steps.extend(push.iter().map(|new| self.pushed(new)));
                Settled::Completed
            }
            Outcome::Retry { .. } if item.attempts >= item.max => {
                steps.push(Step::Bury(id, DeadReason::Exhausted));
                Settled::Dead
            }
            Outcome::Retry { at, .. } => {
                steps.push(Step::Retry { id, at: at.as_millis() });
                Settled::Retried
            }
            Outcome::Reject { .. } => {
                steps.push(Step::Bury(id, DeadReason::Rejected));
                Settled::Dead
            }
            Outcome::Release => {
                steps.push(Step::Return { id, counts: false });
                Settled::Released
            }
            Outcome::Defer { at } => {
                steps.push(Step::Return { id: id.clone(), counts: false });
                steps.push(Step::Retry { id, at: at.as_millis() });
                Settled::Released
            }
        }
    }

    /// Takes back all leases that are over.
    pub(super) fn reap(&mut self) -> Verdict {
        let is_over = |item: &model::Item| matches!(item.stands, Stands::Held(until) if until <= self.now);
        let over = self.model.live.iter().filter(|(_, item)| is_over(item));
        let steps: Vec<_> = over.map(|(id, item)| model::returned(id, item)).collect();
        let count = self.untold + steps.len() as u64;
        // Until it is told, which it is not by a call that fails.
        self.untold = count;
        let plan = Plan { name: "reap", steps, synced: false, is_upkeep: true };
        let now = at(self.now);
        match self.call(&plan, async |queue| queue.reap(now).await)? {
            Some(reaped) if reaped.leases + reaped.dead != count => {
                Err(format!("{count} leases are over, it took back {reaped:?}"))
            }
            Some(_) => {
                self.untold = 0;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn extend(&mut self) -> Verdict {
        let Some((id, token)) = self.held.get(self.random.index(self.held.len().max(1))).cloned() else {
            return Ok(());
        };
        let more = 100 + self.random.below(3_000);
        let (now, until) = (at(self.now), self.now + more);
        let lease = [Lease { id: id.clone(), token: Some(token) }];
        let plan = Plan { name: "extend", steps: Vec::new(), synced: false, is_upkeep: false };
        let run = async |queue: &syncline_queue::JournalQueueStorage| {
            queue.extend(&lease, Duration::from_millis(more), now).await
        };
        let told = self.call(&plan, run)?;
        let item = self.model.live.get_mut(&id);
        let held = item.filter(|item| item.token == token && matches!(item.stands, Stands::Held(_)));
        let expected = vec![held.is_some()];
        if let Some(item) = held {
            item.stands = Stands::Held(until);
        }
        match told {
            Some(told) if told != expected => Err(format!("extending {id} under {token} told {told:?}")),
            _ => Ok(()),
        }
    }
}
