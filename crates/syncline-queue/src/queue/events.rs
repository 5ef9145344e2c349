//! What happens on a queue, for those who watch it.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use syncline_core::port::Settled;
use tokio::sync::broadcast::{self, error::RecvError};

use super::SyncQueue;

/// Most events that a subscriber may be behind.
const EVENTS_MAX: usize = 1_024;

/// Something that happened on a queue, as far as this process did it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueEvent {
    /// An item was pushed.
    Pushed {
        /// The item.
        id: String,
    },
    /// An item was handed out.
    Claimed {
        /// The item.
        id: String,
        /// The number of the attempt; 1 is the first.
        attempt: u32,
    },
    /// An item is done.
    Completed {
        /// The item.
        id: String,
    },
    /// An attempt failed, and another one follows.
    Retried {
        /// The item.
        id: String,
    },
    /// An item will not be tried again.
    Dead {
        /// The item.
        id: String,
    },
    /// An item was given back untouched.
    Released {
        /// The item.
        id: String,
    },
    /// An item was withdrawn.
    Cancelled {
        /// The item.
        id: String,
    },
    /// A dead letter was given its attempts back.
    Redriven {
        /// The item.
        id: String,
    },
    /// A dead letter was thrown away because somebody said so.
    Purged {
        /// The item.
        id: String,
    },
    /// A dead letter was thrown away: it had been one for [`dead_letter_ttl`](crate::QueueConfig::dead_letter_ttl).
    DeadLetterExpired {
        /// The item.
        id: String,
    },
    /// Leases ended without an outcome, or items were of no use any more. A storage says how many, and not which.
    Expired {
        /// Items that are back in their places.
        leases: u64,
        /// Items that died of it, after their last attempt, or of their age.
        dead: u64,
    },
    /// The subscriber was too slow: so many events before the next one are lost to it.
    Missed {
        /// How many.
        events: u64,
    },
}

/// A subscription to what happens on a queue: see [`SyncQueue::events`].
#[derive(Debug)]
#[must_use = "events are missed until it is asked for them"]
pub struct QueueEvents {
    told: broadcast::Receiver<QueueEvent>,
}

impl SyncQueue {
    /// What happens on this queue from now on: what its clones in this process do, and not what other processes do on the same
    /// storage. Of two calls at the same time either may be told first.
    ///
    /// Nobody waits for a subscriber. One that is more than 1,024 events behind is told how many it has
    /// [missed](QueueEvent::Missed) and goes on with those that are left.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde_json::json;
    /// use syncline_queue::{Priority, QueueEvent, QueueResult, SyncItem, SyncQueue};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = SyncQueue::new();
    /// let mut events = queue.events();
    /// queue.push(SyncItem::with_id("a", json!(1), Priority::Normal)).await?;
    /// assert_eq!(events.next().await, Some(QueueEvent::Pushed { id: "a".to_owned() }));
    /// # QueueResult::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn events(&self) -> QueueEvents {
        QueueEvents { told: self.inner.events.subscribe() }
    }
}

impl QueueEvents {
    /// The next event; `None` once the queue is closed and all was told.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, no event is lost.
    pub async fn next(&mut self) -> Option<QueueEvent> {
        match self.told.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(events)) => Some(QueueEvent::Missed { events }),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Tells events to whoever subscribed; costs one load while nobody has.
#[derive(Debug, Default)]
pub(super) struct Events {
    is_heard: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    /// Nobody has subscribed yet.
    #[default]
    Silent,
    Told(broadcast::Sender<QueueEvent>),
    Closed,
}

impl Events {
    fn subscribe(&self) -> broadcast::Receiver<QueueEvent> {
        let mut state = self.state();
        match &*state {
            State::Told(sender) => sender.subscribe(),
            // Its sender is dropped here: there is nothing to come.
            State::Closed => broadcast::channel(1).1,
            State::Silent => {
                let (sender, told) = broadcast::channel(EVENTS_MAX);
                *state = State::Told(sender);
                self.is_heard.store(true, SeqCst);
                told
            }
        }
    }

    /// Tells what happened. It is only made up where somebody hears it.
    pub(super) fn tell(&self, events: impl IntoIterator<Item = QueueEvent>) {
        if !self.is_heard.load(SeqCst) {
            return;
        }
        if let State::Told(sender) = &*self.state() {
            for event in events {
                // All who heard it may have gone.
                drop(sender.send(event));
            }
        }
    }

    /// Tells what became of items.
    pub(super) fn tell_settled<'a>(&self, outcomes: impl Iterator<Item = (&'a str, Settled)>) {
        self.tell(outcomes.filter_map(|(id, settled)| {
            let id = id.to_owned();
            match settled {
                Settled::Completed => Some(QueueEvent::Completed { id }),
                Settled::Retried => Some(QueueEvent::Retried { id }),
                Settled::Dead => Some(QueueEvent::Dead { id }),
                Settled::Released => Some(QueueEvent::Released { id }),
                Settled::Lost | Settled::Unknown => None,
            }
        }));
    }

    /// Nothing more happens.
    pub(super) fn close(&self) {
        *self.state() = State::Closed;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
