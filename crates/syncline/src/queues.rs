//! The queues of a directory: each opened once, by its name, on the directory's journal.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use syncline_core::{Error, ErrorKind, port::Clock};
use syncline_journal::Journal;
use syncline_queue::{QueueConfig, QueueError, QueueResult, SyncQueue};

use crate::blocking;

/// Most queues that one directory has open: each takes memory for its items.
const QUEUES_MAX: usize = 1_000;

/// What a queue holds when its directory is shut down. Plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueLeft {
    /// Its name.
    pub name: String,
    /// Items that wait for a worker.
    pub waiting: usize,
    /// Items that were in workers' hands. They are back in their places when the queue is opened again.
    pub in_flight: usize,
    /// Dead letters.
    pub dead: u64,
    /// Why it did not end in order, if it did not.
    pub error: Option<String>,
}

/// All that are open.
#[derive(Debug, Clone)]
pub(crate) struct Queues {
    journal: Journal,
    /// Settings of those that are opened without their own.
    config: QueueConfig,
    clock: Arc<dyn Clock>,
    open: Arc<Mutex<BTreeMap<String, SyncQueue>>>,
}

impl Queues {
    pub(crate) fn new(journal: Journal, config: QueueConfig, clock: Arc<dyn Clock>) -> Self {
        Self { journal, config, clock, open: Arc::default() }
    }

    /// The queue called `name`; with `config`, settings that it has to have.
    pub(crate) async fn queue(&self, name: &str, config: Option<QueueConfig>) -> QueueResult<SyncQueue> {
        SyncQueue::check_name(name)?;
        let (queues, name) = (self.clone(), name.to_owned());
        let opened = blocking::run("open queue", move || Ok(queues.open_one(name, config))).await;
        opened.map_err(QueueError::PersistenceError)?
    }

    /// Blocks. Whoever asks for the same name meanwhile waits for the lock, on a thread of its own too.
    fn open_one(&self, name: String, config: Option<QueueConfig>) -> QueueResult<SyncQueue> {
        let mut open = self.open();
        if let Some(queue) = open.get(&name) {
            return match config {
                Some(config) if config != *queue.config() => {
                    Err(QueueError::InvalidConfig(format!("the queue {name:?} is open with other settings")))
                }
                _ => Ok(queue.clone()),
            };
        }
        if open.len() >= QUEUES_MAX {
            let message = format!("{QUEUES_MAX} queues are open, the most there may be");
            return Err(QueueError::StorageFull(Error::new(ErrorKind::Full, message)));
        }
        let config = config.unwrap_or_else(|| self.config.clone());
        let queue = SyncQueue::on_journal(&self.journal, &name, config, Arc::clone(&self.clock))?;
        open.insert(name, queue.clone());
        Ok(queue)
    }

    /// Ends them one after another, in the order of their names, within `patience` in all; with `None` each within its own
    /// deadline. What each holds is counted once nothing moves it any more.
    pub(crate) async fn shutdown(&self, patience: Option<Duration>) -> Vec<QueueLeft> {
        let queues: Vec<_> = self.open().iter().map(|(name, queue)| (name.clone(), queue.clone())).collect();
        let deadline = patience.map(|patience| self.clock.now() + patience);
        let mut left = Vec::with_capacity(queues.len());
        for (name, queue) in queues {
            let patience = deadline
                .map_or(queue.config().shutdown_deadline, |deadline| deadline.saturating_since(self.clock.now()));
            let error = queue.shutdown_within(patience).await.err().map(|error| error.to_string());
            let metrics = queue.metrics();
            left.push(QueueLeft {
                name,
                waiting: queue.size(),
                in_flight: queue.in_flight(),
                dead: metrics.dead,
                error,
            });
        }
        left
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, SyncQueue>> {
        // Each critical section leaves the map whole, so a panic elsewhere does not spoil it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
