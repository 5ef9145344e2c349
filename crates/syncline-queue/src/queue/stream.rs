//! Items as a stream.

use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use syncline_core::port::BoxFuture;

use super::{SyncQueue, give_back::lease_of};
use crate::{QueueError, QueueResult, SyncItem};

/// The items of a queue, one after another, each under its lease: see [`SyncQueue::stream`].
#[must_use = "nothing is popped until it is polled"]
pub struct ItemStream {
    queue: SyncQueue,
    /// Claimed and not yet yielded.
    claimed: VecDeque<SyncItem>,
    wait: Option<BoxFuture<'static, QueueResult<Vec<SyncItem>>>>,
    is_over: bool,
}

impl SyncQueue {
    /// The items of the queue as they become ready. Each is popped: say how it went, as after [`pop`](Self::pop).
    ///
    /// It claims up to [`batch_size`](crate::QueueConfig::batch_size) items at once and yields them one by one. Their leases run
    /// from the claim on, and nobody extends them: make the batch smaller, or the lease longer, where an item takes long.
    ///
    /// It ends when the queue shuts down. An error of the storage is yielded, and the next poll tries again.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives back the items that it has claimed and not yielded: at once, untouched, to their old places. Those
    /// that it has yielded are their taker's.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{StreamExt, TryStreamExt};
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// for number in 0..3 {
    ///     queue.push(SyncItem::new(json!(number), Priority::Normal)).await?;
    /// }
    /// let mut items = queue.stream().take(3);
    /// while let Some(item) = items.try_next().await? {
    ///     queue.mark_completed(&item.id).await?;
    /// }
    /// assert!(queue.is_idle());
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn stream(&self) -> ItemStream {
        ItemStream { queue: self.clone(), claimed: VecDeque::new(), wait: None, is_over: false }
    }
}

impl Stream for ItemStream {
    type Item = QueueResult<SyncItem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(item) = this.claimed.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            let queue = &this.queue;
            let wait = this.wait.get_or_insert_with(|| next_batch(queue.clone()));
            let answer = ready!(wait.as_mut().poll(cx));
            this.wait = None;
            match answer {
                Ok(items) => this.claimed = items.into(),
                Err(QueueError::ShuttingDown) => this.is_over = true,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

fn next_batch(queue: SyncQueue) -> BoxFuture<'static, QueueResult<Vec<SyncItem>>> {
    Box::pin(async move { queue.wait_for(queue.config().batch_size, pending()).await })
}

impl Drop for ItemStream {
    fn drop(&mut self) {
        self.queue.give_back(self.claimed.drain(..).map(lease_of).collect());
    }
}

impl fmt::Debug for ItemStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream")
            .field("queue", &self.queue)
            .field("claimed", &self.claimed.len())
            .finish_non_exhaustive()
    }
}
