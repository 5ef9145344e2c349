//! Pushing.

use std::{pin::pin, sync::Arc, time::Duration};

use syncline_core::{
    Error, Result,
    port::{Admission, Moment, NewItem, Pushed},
};

use super::{
    Inner, PushReceipt, QueueEvent, SyncQueue,
    bell::UnderWay,
    gate::Errand,
    is_failing,
    telemetry::{About, Op, with_trace, with_traces},
};
use crate::{
    QueueError, QueueResult, SyncItem,
    item::Bodies,
    storage::{Content, New, is_at_capacity},
};

impl SyncQueue {
    /// Keeps an item. After `Ok` it survives whatever the storage survives: on a journal the end of the process and loss of
    /// power, the latter unless [`durability`](crate::QueueConfig::durability) says otherwise.
    ///
    /// # Errors
    ///
    /// [`CapacityExceeded`](QueueError::CapacityExceeded), [`DuplicateItem`](QueueError::DuplicateItem),
    /// [`InvalidItem`](QueueError::InvalidItem), [`ItemTooLarge`](QueueError::ItemTooLarge),
    /// [`Locked`](QueueError::Locked), [`ShuttingDown`](QueueError::ShuttingDown),
    /// [`CircuitBreakerOpen`](QueueError::CircuitBreakerOpen), or the storage's. Nothing was pushed then, unless the
    /// [kind](QueueError::kind) is `Unknown` or `Poisoned`.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the item may be pushed all the same; pushing it again under the same id does not do it twice.
    pub async fn push(&self, item: SyncItem) -> QueueResult<()> {
        self.inner.counted(self.inner.push_one(&item).await)
    }

    /// Keeps items in order: all that are new, or none where they do not all fit. Returns the ids of those that were kept;
    /// duplicates are skipped, and the first of two in one batch wins.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), but for duplicates.
    ///
    /// # Cancel safety
    ///
    /// As [`push`](Self::push): all of them, or none.
    pub async fn push_batch(&self, items: Vec<SyncItem>) -> QueueResult<Vec<String>> {
        let told = self.inner.counted(self.inner.push_many(&items).await)?;
        let added = items.into_iter().zip(told).filter(|(_, told)| *told == Pushed::Inserted);
        Ok(added.map(|(item, _)| item.id).collect())
    }

    /// [`push`](Self::push), waiting up to `patience` while the queue is full.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); [`CapacityExceeded`](QueueError::CapacityExceeded) when there was no room in all that time.
    ///
    /// # Cancel safety
    ///
    /// As [`push`](Self::push); while it waits for room, nothing was pushed.
    pub async fn push_wait(&self, item: SyncItem, patience: Duration) -> QueueResult<()> {
        let inner = &*self.inner;
        let deadline = inner.clock.now() + patience;
        loop {
            let mut room = pin!(inner.room.notified());
            room.as_mut().enable();
            match inner.push_one(&item).await {
                Err(full @ QueueError::CapacityExceeded(_)) => {
                    if inner.before(deadline, room).await.is_none() {
                        return inner.counted(Err(full));
                    }
                }
                other => return inner.counted(other),
            }
        }
    }

    /// Begins to push an item and does not wait: the receipt says how it went. Many pushes under way share one sync.
    ///
    /// # Cancel safety
    ///
    /// A dropped receipt does not undo the push, which may then happen or not.
    pub fn push_nowait(&self, item: SyncItem) -> PushReceipt {
        let inner = Arc::clone(&self.inner);
        let id = item.id.clone();
        PushReceipt::begin(id, async move { inner.counted(inner.push_one(&item).await) })
    }
}

impl Inner {
    async fn push_one(&self, item: &SyncItem) -> QueueResult<()> {
        // Here and below: a call stays where it is made, for moving it costs as much as its longest way takes room.
        let push = pin!(async {
            let _pass = self.gate.enter(Errand::Work)?;
            let told = self.push_all(std::slice::from_ref(item)).await?;
            match told.into_iter().next() {
                Some(Pushed::Duplicate { id }) => Err(QueueError::DuplicateItem(id)),
                _ => Ok(()),
            }
        });
        self.traced(Op::Push, About::item(item), push).await
    }

    async fn push_many(&self, items: &[SyncItem]) -> QueueResult<Vec<Pushed>> {
        let push = pin!(async {
            let _pass = self.gate.enter(Errand::Work)?;
            self.push_all(items).await
        });
        self.traced(Op::Push, About::batch(items.len()), push).await
    }

    /// The answer of a push; one that refuses is counted.
    fn counted<T>(&self, answer: QueueResult<T>) -> QueueResult<T> {
        answer.inspect_err(|error| self.book().tally.rejected(error))
    }

    pub(super) fn encode(&self, items: &[SyncItem]) -> QueueResult<Vec<NewItem>> {
        items
            .iter()
            .map(|item| with_trace(item).to_new(self.config.enable_partitioning))
            .collect()
    }

    async fn push_all(&self, items: &[SyncItem]) -> QueueResult<Vec<Pushed>> {
        let pushed = if self.store.is_own() {
            self.push_own(items).await?
        } else {
            self.push_given(items).await?
        };
        let Some((told, now)) = pushed else { return Ok(Vec::new()) };
        self.note_pushed(items.iter().map(|item| item.as_new(false, Content::Bytes(&[]))), &told, now);
        Ok(told)
    }

    /// What became of each item, of a call that began then; `None` without items.
    async fn push_own(&self, items: &[SyncItem]) -> QueueResult<Option<(Vec<Pushed>, Moment)>> {
        let items = &*with_traces(items);
        let bodies = Bodies::of(items)?;
        let Some(now) = self.begin_to_push(items)? else { return Ok(None) };
        let push = pin!(async move {
            let begun = {
                let news = bodies.with(items, self.config.enable_partitioning);
                self.store.begin_push(news, self.admission(), now)
            };
            // Who waits needs none of them.
            drop(bodies);
            match begun {
                Some(begun) => begun.told().await,
                None => Ok(Vec::new()),
            }
        });
        Ok(Some((self.admitted(items.len(), push).await?, now)))
    }

    /// The same on a storage that was given.
    async fn push_given(&self, items: &[SyncItem]) -> QueueResult<Option<(Vec<Pushed>, Moment)>> {
        let new = self.encode(items)?;
        let Some(now) = self.begin_to_push(items)? else { return Ok(None) };
        Ok(Some((self.admit(&new, self.admission(), now).await?, now)))
    }

    fn begin_to_push(&self, items: &[SyncItem]) -> QueueResult<Option<Moment>> {
        self.check_unlocked()?;
        Ok((!items.is_empty()).then(|| self.now()))
    }

    /// Pushes items, as far as the breaker of the storage lets it.
    pub(super) async fn admit(&self, items: &[NewItem], admission: Admission, now: Moment) -> QueueResult<Vec<Pushed>> {
        let push = pin!(self.store.push(items, admission, now));
        self.admitted(items.len(), push).await
    }

    /// Carries out a push of so many items, as far as the breaker of the storage lets it.
    async fn admitted(
        &self,
        items: usize,
        push: impl Future<Output = Result<Vec<Pushed>>>,
    ) -> QueueResult<Vec<Pushed>> {
        let permit = self
            .breaker
            .try_acquire()
            .map_err(|rejected| QueueError::CircuitBreakerOpen { retry_after: rejected.retry_after })?;
        let under_way = UnderWay::new(&self.bell);
        let answer = push.await;
        under_way.done();
        match &answer {
            Ok(_) => permit.success(),
            Err(error) if is_failing(error) => permit.failure(),
            Err(_) => permit.ignore(),
        }
        match answer {
            Ok(told) => Ok(told),
            // In a box: pushes that are accepted need no room for it.
            Err(error) => Err(Box::pin(self.refused(error, items)).await),
        }
    }

    /// Items were pushed by a call that began at `now`.
    pub(super) fn note_pushed<'a>(&self, items: impl Iterator<Item = New<'a>> + Clone, told: &[Pushed], now: Moment) {
        let added = told.iter().filter(|told| **told == Pushed::Inserted).count();
        let live = self.live_now();
        {
            let mut book = self.book();
            book.tally.pushed(added as u64, (told.len() - added) as u64, now.steady);
            book.tally.saw(live);
        }
        #[cfg(feature = "otel")]
        if let Some(instruments) = self.instruments.get() {
            instruments.sent(added as u64);
        }
        let kept = items.clone().zip(told).filter(|(_, told)| **told == Pushed::Inserted);
        self.events.tell(kept.map(|(item, _)| QueueEvent::Pushed { id: item.id.to_owned() }));
        self.announce(items, now);
    }

    /// Wakes who waits for what was pushed by a call that began at `now`.
    pub(super) fn announce<'a>(&self, items: impl IntoIterator<Item: Into<New<'a>>>, now: Moment) {
        let mut ready = 0;
        for item in items {
            let item = item.into();
            match item.due.filter(|due| *due > now.wall) {
                Some(due) => {
                    let left = Duration::from_millis(due.as_millis().saturating_sub(now.wall.as_millis()));
                    self.bell.due(now.steady + left);
                }
                None => ready += 1,
            }
            if let Some(at) = item.expires_at {
                let left = Duration::from_millis(at.as_millis().saturating_sub(now.wall.as_millis()));
                self.bell.due(now.steady + left);
            }
        }
        self.bell.ring(ready);
    }

    /// What a push was refused for: room of the queue, or space of its storage.
    async fn refused(&self, error: Error, items: usize) -> QueueError {
        let told = QueueError::of_storage(error);
        let QueueError::StorageFull(error) = told else { return told };
        let capacity = self.config.max_capacity;
        if is_at_capacity(&error) {
            return QueueError::CapacityExceeded(capacity);
        }
        let stats = self.storage().stats(self.now()).await.unwrap_or_default();
        let live: u64 = stats.waiting.iter().chain(&stats.leased).sum();
        if live.saturating_add(items as u64) > capacity as u64 {
            return QueueError::CapacityExceeded(capacity);
        }
        // Space of what ended since the last upkeep is given back now: the next push may find it.
        if let Err(failed) = self.keep_up().await {
            tracing::warn!(target: crate::TRACING_TARGET, error = %failed, "no space could be given back");
        }
        QueueError::StorageFull(error)
    }
}
