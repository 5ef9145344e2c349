//! Queues on a journal that others stand on too.

use std::sync::Arc;

use syncline_core::port::Clock;
use syncline_journal::Journal;

use super::{
    Store, SyncQueue,
    open::{check_given, of_opening},
};
use crate::{JournalQueueStorage, QueueConfig, QueueError, QueueResult};

/// Longest name of a queue on a journal.
const NAME_BYTES_MAX: usize = 100;

impl SyncQueue {
    /// The queue called `name` on `journal`, beside whatever else stands on it. Encryption, compression and syncing are the
    /// journal's. [`shutdown`](Self::shutdown) ends the queue and leaves the journal open. Blocks.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig), also for a [name](Self::check_name) that is none and where a path or
    /// encryption is asked for; [`AlreadyOpen`](QueueError::AlreadyOpen) while the journal has a queue of this name open;
    /// [`Corrupted`](QueueError::Corrupted) naming the record that cannot be read; what the journal says.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use syncline_core::{memory::MemoryDisk, rt::SystemClock};
    /// use syncline_journal::{Config, Journal};
    /// use syncline_queue::{QueueConfig, QueueResult, SyncQueue};
    ///
    /// # fn main() -> QueueResult<()> {
    /// # let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default()).unwrap().journal;
    /// let jobs = SyncQueue::on_journal(&journal, "jobs", QueueConfig::default(), Arc::new(SystemClock))?;
    /// let mails = SyncQueue::on_journal(&journal, "mails", QueueConfig::default(), Arc::new(SystemClock))?;
    /// assert!(jobs.is_empty() && mails.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_journal(journal: &Journal, name: &str, config: QueueConfig, clock: Arc<dyn Clock>) -> QueueResult<Self> {
        check_given(&config)?;
        Self::check_name(name)?;
        let (retention, in_memory) = (config.retention(), config.payload_memory_bytes);
        let storage = JournalQueueStorage::open_keeping(journal, name, retention, in_memory).map_err(of_opening)?;
        let store = Store::Journal { storage, journal: journal.clone(), is_shared: true };
        Ok(Self::of(name, store, config, clock))
    }

    /// Whether `name` can be a queue's: 1 to 100 letters, digits, dots, dashes and underscores of ASCII, the first a letter or
    /// a digit. Such names stand in paths, metrics and shells as they are.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) saying what is wrong.
    pub fn check_name(name: &str) -> QueueResult<()> {
        let wrong = |what: String| Err(QueueError::InvalidConfig(format!("the name of a queue {what}")));
        if name.len() > NAME_BYTES_MAX {
            return wrong(format!("has {} bytes, the most is {NAME_BYTES_MAX}", name.len()));
        }
        if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return wrong(format!("begins with a letter or a digit, {name:?} does not"));
        }
        match name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_')) {
            Some(c) => wrong(format!("holds letters, digits, '.', '-' and '_', and {name:?} holds {c:?}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["a", "7", "mails.out-1_b", &"x".repeat(100)] {
            assert!(SyncQueue::check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".a", "-a", "a b", "a/b", "é", "a\n", &"x".repeat(101)] {
            assert!(SyncQueue::check_name(name).is_err(), "{name}");
        }
    }
}
