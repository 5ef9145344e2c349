//! Items that are pushed again and again.

use syncline_core::{
    WallTime,
    port::{Admission, Claimed, Lease, NewItem, Pushed, QueueOutcome, Settled, Settlement, Standing, Stored},
};

use super::{Inner, QueueEvent, SyncQueue, bell::UnderWay, gate::Errand};
use crate::{
    QueueError, QueueResult,
    schedule::{Fired, Recurring, Tick},
};

/// How often a schedule is set again where others set it at the same time.
const SETS_MAX: usize = 8;

impl SyncQueue {
    /// Lets an item be pushed at each time of a schedule, from now on, until it is [unscheduled](Self::unschedule); returns the
    /// next time. Call it whenever the program starts: where the same schedule stands under this name, nothing changes, and times
    /// that passed meanwhile are missed runs. Another one under this name is replaced, from now on; what was due under it and not
    /// pushed yet is not pushed. That takes two steps: should the process end between them, no schedule stands until it is set
    /// again.
    ///
    /// The schedule is kept in the queue as one of its items, which waits for the next time and counts as an item that waits;
    /// [`get`](Self::get) shows it under `schedule:` and its name. Each time is pushed once, whichever process pops, and
    /// whatever ends in between: `Ok` is as durable as a push. It takes somebody who pops, or waits for items: times that pass
    /// while nobody does are missed runs. The calendar is that of UTC. Items of a schedule are taken though the queue be full,
    /// of several that were missed one at a time.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) for a name that is none, and a schedule that has no time to come;
    /// [`InvalidItem`](QueueError::InvalidItem) for an item with a time, an expiry or a deduplication key of its own;
    /// [`DuplicateItem`](QueueError::DuplicateItem) where an item that is no schedule has that id; otherwise as
    /// [`push`](Self::push).
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same, or only the removal of the schedule that is replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueResult, Recurring, Schedule, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// let report = SyncItem::new(json!({"task": "report"}), Priority::Normal);
    /// let next = queue.schedule(&Recurring::new("report", Schedule::cron("0 6 * * mon-fri")?, report)).await?;
    ///
    /// assert_eq!(queue.next_time("report").await?, Some(next));
    /// assert!(queue.unschedule("report").await?);
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn schedule(&self, recurring: &Recurring) -> QueueResult<WallTime> {
        let inner = &*self.inner;
        let _pass = inner.gate.enter(Errand::Work)?;
        inner.check_unlocked()?;
        let id = Tick::id(&recurring.name);
        let mut since = WallTime::default();
        for _ in 0..SETS_MAX {
            let now = inner.now();
            let tick = Tick::first(recurring, since.max(now.wall))?;
            if let Some(stored) = inner.living(&id).await? {
                if !Tick::is_one(&stored.item.body) {
                    return Err(QueueError::DuplicateItem(id));
                }
                // One that cannot be read is replaced.
                if let Ok(stands) = Tick::read(&stored.item.body) {
                    if stands.is_same(&tick) {
                        return Ok(stands.at());
                    }
                    // A calendar that was set back repeats nothing.
                    since = since.max(stands.since());
                }
                inner.watched(inner.storage().cancel(std::slice::from_ref(&id), now)).await?;
                continue;
            }
            let new = [tick.to_new()?];
            let admission = Admission { capacity: inner.config.max_capacity as u64, unique_ids: true };
            if inner.admit(&new, admission, now).await? == [Pushed::Inserted] {
                inner.announce(&new, now);
                return Ok(tick.at());
            }
        }
        Err(QueueError::DuplicateItem(id))
    }

    /// Removes a schedule; `false` where there is none. What it pushed stays. Once it returned, nothing more is pushed.
    ///
    /// # Errors
    ///
    /// [`ShuttingDown`](QueueError::ShuttingDown) once the queue is closed; or the storage's.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, it may happen all the same.
    pub async fn unschedule(&self, name: &str) -> QueueResult<bool> {
        let inner = &*self.inner;
        let _pass = inner.gate.enter(Errand::Settle)?;
        let id = Tick::id(name);
        if inner.living(&id).await?.is_none_or(|stored| !Tick::is_one(&stored.item.body)) {
            return Ok(false);
        }
        let told = inner.watched(inner.storage().cancel(&[id], inner.now())).await?;
        inner.free(1);
        Ok(told.first() == Some(&true))
    }

    /// When a schedule pushes next, which has passed where nobody popped since; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Corrupted`](QueueError::Corrupted) when it cannot be read; or the storage's.
    pub async fn next_time(&self, name: &str) -> QueueResult<Option<WallTime>> {
        let stored = self.inner.living(&Tick::id(name)).await?;
        let tick = stored
            .filter(|stored| Tick::is_one(&stored.item.body))
            .map(|stored| Tick::read(&stored.item.body));
        let tick = tick.transpose().map_err(QueueError::Corrupted)?;
        Ok(tick.map(|tick| tick.at()))
    }
}

impl Inner {
    async fn living(&self, id: &str) -> QueueResult<Option<Stored>> {
        let stored = self.watched(self.storage().get(id, self.now())).await?;
        Ok(stored.filter(|stored| stored.standing != Standing::Dead))
    }

    /// Pushes what is due by these ticks and the ticks after them, each in one step. One that cannot be read is a dead letter.
    pub(super) async fn fire(&self, ticks: &[Claimed]) -> QueueResult<()> {
        let now = self.now();
        let (mut settlements, mut pushed) = (Vec::new(), Vec::new());
        for claimed in ticks {
            let lease = Lease { id: claimed.id.clone(), token: Some(claimed.token) };
            let (outcome, follow) = match self.due_of(claimed, now.wall) {
                Ok((items, next)) => {
                    let follow: Vec<NewItem> = items.iter().cloned().chain(next).collect();
                    (QueueOutcome::Complete { push: follow.clone() }, (items.len(), follow))
                }
                Err(error) => {
                    tracing::error!(target: crate::TRACING_TARGET, id = claimed.id, %error, "a schedule cannot be read and is dead");
                    (QueueOutcome::Reject { error: error.to_string() }, (0, Vec::new()))
                }
            };
            settlements.push(Settlement { lease, outcome });
            pushed.push(follow);
        }
        let under_way = UnderWay::new(&self.bell);
        let told = self.watched(self.store.settle(&settlements, now)).await;
        under_way.done();
        for (verdict, (items, follow)) in told?.into_iter().zip(pushed) {
            self.upkeep.settled(1);
            if verdict.settled != Settled::Completed {
                continue;
            }
            let live = self.live_now();
            let mut book = self.book();
            book.tally.pushed(items as u64, 0, self.clock.now());
            book.tally.saw(live);
            drop(book);
            let kept = follow.iter().take(items);
            self.events.tell(kept.map(|item| QueueEvent::Pushed { id: item.id.clone() }));
            self.announce(&follow, self.now());
        }
        Ok(())
    }

    /// What is due by a tick, and the next one. A queue that is full takes the newest alone.
    fn due_of(&self, claimed: &Claimed, now: WallTime) -> QueueResult<(Vec<NewItem>, Option<NewItem>)> {
        let tick = Tick::read(&claimed.body).map_err(QueueError::Corrupted)?;
        let Fired { mut items, next, is_short } = tick.fire(now, self.config.enable_partitioning)?;
        let is_full = items.len() > 1 && self.live_now() >= self.config.max_capacity as u64;
        if is_full {
            items.drain(..items.len() - 1);
        }
        if is_short || is_full {
            let (since, left) = (tick.at(), items.len());
            tracing::warn!(target: crate::TRACING_TARGET, id = claimed.id, %since, %now, left, is_full, "missed runs are left out");
        }
        Ok((items, next))
    }
}
