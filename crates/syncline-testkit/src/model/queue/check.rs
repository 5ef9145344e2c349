//! Comparing what stands where.

use std::{fmt::Debug, time::Duration};

use syncline_core::port::{InHand, List, Moment, QueueStorage, Standing, Stored};

use super::oracle::{Item, Oracle, Stands};

/// What is wrong, if something is.
pub(super) type Verdict = Result<(), String>;

pub(super) fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Verdict {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}:\n  the storage says {got:?}\n  the model says   {expected:?}"))
}

/// Most dead items of one look.
const DEAD_MAX: usize = 1_024;
/// Pages after which a list has no end.
const PAGES_MAX: usize = 1_000;

impl Oracle {
    /// What is counted, and when somebody has to look again.
    pub(super) async fn check_counts(&mut self, storage: &dyn QueueStorage, now: Moment) -> Verdict {
        let time = self.clock.at(now);
        same("stats", &storage.stats(now).await.map_err(told)?, &self.stats())?;
        let (sleep, due) = (storage.next_due(InHand::default(), now).await.map_err(told)?, self.due(now, time));
        let oversleeps = due.is_some_and(|due| sleep.is_none_or(|sleep| sleep > due));
        if oversleeps {
            return Err(format!("who sleeps for {sleep:?} oversleeps what is due in {due:?}"));
        }
        let key_left = self.keys.iter().any(|key| !key.lives);
        let is_in_vain = sleep == Some(Duration::ZERO) && due != Some(Duration::ZERO) && !key_left;
        if is_in_vain || (sleep.is_some() && due.is_none() && self.keys.is_empty()) {
            return Err(format!("who sleeps for {sleep:?} is woken for nothing: {due:?}"));
        }
        Ok(())
    }

    /// Everything that can be seen.
    pub(super) async fn check_all(&mut self, storage: &dyn QueueStorage, ids: &[String], now: Moment) -> Verdict {
        self.check_counts(storage, now).await?;
        let time = self.clock.at(now);
        for id in ids {
            self.check_id(storage, id, (now, time)).await?;
        }
        for standing in [Standing::Ready, Standing::Scheduled, Standing::Leased, Standing::Dead] {
            self.check_list(storage, standing, (now, time)).await?;
        }
        self.check_history(storage, now).await?;
        self.check_dead(storage, (now, time)).await
    }

    /// All that ended, a page at a time, and how the first and the last of it did.
    async fn check_history(&self, storage: &dyn QueueStorage, now: Moment) -> Verdict {
        let expected = self.history();
        let (mut items, mut before) = (Vec::new(), None);
        for _ in 0..=PAGES_MAX {
            let page = storage.history(before, 1 + expected.len() / 2, now).await.map_err(told)?;
            items.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let ids: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
        let expected_ids: Vec<_> = expected.iter().map(|(item, ..)| item.new.id.as_str()).collect();
        same("what ended", &ids, &expected_ids)?;
        items
            .iter()
            .zip(&expected)
            .try_for_each(|(got, (item, ending, at))| item.judge_ended(got, *ending, *at))?;
        for (item, ..) in expected.first().into_iter().chain(expected.last()) {
            let how = storage.how_ended(&item.new.id, now).await.map_err(told)?;
            let last = expected.iter().find(|(other, ..)| other.new.id == item.new.id);
            same(&item.new.id, &how, &last.map(|(_, ending, _)| *ending))?;
        }
        Ok(())
    }

    /// Takes over when those died that died with their process: what a storage remembers of its time is its own business, up
    /// to `latest`, and they are the last that died.
    pub(super) async fn learn_when_orphans_died(
        &mut self,
        storage: &dyn QueueStorage,
        latest: u64,
        now: Moment,
    ) -> Verdict {
        let dead = storage.list(&List::of(Standing::Dead), None, DEAD_MAX, now).await.map_err(told)?;
        let last = dead.items.last().and_then(|item| item.dead);
        if let Some((_, at)) = last.filter(|(_, at)| at.as_millis() <= latest + 1) {
            self.date_the_orphans(at.as_millis());
        }
        Ok(())
    }

    /// All that stand so, a page at a time.
    async fn check_list(&self, storage: &dyn QueueStorage, standing: Standing, at: (Moment, u64)) -> Verdict {
        let (list, mut expected) = (List::of(standing), self.list(standing, at.1));
        let (mut items, mut after) = (Vec::new(), None);
        for _ in 0..=PAGES_MAX {
            let page = storage.list(&list, after, 1 + expected.len() / 2, at.0).await.map_err(told)?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if standing == Standing::Leased {
            // They are told in whatever order.
            items.sort_by(|a, b| (&a.id, a.token).cmp(&(&b.id, b.token)));
            expected.sort_by(|a, b| (&a.new.id, a.token).cmp(&(&b.new.id, b.token)));
        }
        let ids: Vec<_> = items.iter().map(|item| item.id.as_str()).collect();
        let expected_ids: Vec<_> = expected.iter().map(|item| item.new.id.as_str()).collect();
        same(&format!("who is {standing:?}"), &ids, &expected_ids)?;
        items.iter().zip(&expected).try_for_each(|(got, item)| item.judge_listed(got, standing))
    }

    /// The dead, from the middle on too.
    async fn check_dead(&self, storage: &dyn QueueStorage, (now, time): (Moment, u64)) -> Verdict {
        let expected = self.list(Standing::Dead, time);
        let dead = storage.dead(None, DEAD_MAX, now).await.map_err(told)?;
        self.check_these(&dead, &expected, time)?;
        let Some((middle, after)) = expected.iter().enumerate().nth(expected.len() / 2) else {
            return Ok(());
        };
        if expected.iter().filter(|item| item.new.id == after.new.id).count() > 1 {
            return Ok(());
        }
        let rest = storage.dead(Some(&after.new.id), 3, now).await.map_err(told)?;
        let expected: Vec<_> = expected.iter().copied().skip(middle + 1).take(3).collect();
        self.check_these(&rest, &expected, time)
    }

    /// The newest item of an id.
    pub(super) async fn check_id(&self, storage: &dyn QueueStorage, id: &str, at: (Moment, u64)) -> Verdict {
        let (stored, expected) = (storage.get(id, at.0).await.map_err(told)?, self.find(id, |_| true));
        match (&stored, expected) {
            (Some(stored), Some(expected)) => self.check_item(stored, expected, at.1),
            (None, None) => Ok(()),
            (stored, expected) => Err(format!("{id} is {stored:?}, not {expected:?}")),
        }
    }

    fn check_these(&self, dead: &[Stored], expected: &[&Item], time: u64) -> Verdict {
        same("how many are dead", &dead.len(), &expected.len())?;
        dead.iter()
            .zip(expected)
            .try_for_each(|(stored, item)| self.check_item(stored, item, time))
    }

    fn check_item(&self, stored: &Stored, item: &Item, time: u64) -> Verdict {
        let dead = match item.stands {
            Stands::Dead { reason, .. } => Some(reason),
            _ => None,
        };
        same(&item.new.id, &(stored.standing, stored.dead), &(self.standing(item, time), dead))?;
        item.judge(&stored.item)
    }
}

pub(super) fn told(error: syncline_core::Error) -> String {
    format!("it failed: {error:?}")
}
