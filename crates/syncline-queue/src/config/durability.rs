//! What an answer promises.

use serde::{Deserialize, Serialize};

/// When a push or an outcome is answered, and so what it survives. The end of the process never takes anything back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Once it is on disk: loss of power takes nothing back.
    #[default]
    Sync,
    /// Once the operating system has it. Loss of power takes back what was answered in the last
    /// [`persistence_interval`](crate::QueueConfig::persistence_interval), and no more.
    Interval,
    /// Once the operating system has it, which writes it when it sees fit. Loss of power may take back all since the last
    /// opening; [`shutdown`](crate::SyncQueue::shutdown) puts it on disk.
    Buffered,
}

impl Durability {
    /// The same in the words of the journal.
    pub(crate) fn of_journal(self) -> syncline_journal::Durability {
        match self {
            Self::Sync => syncline_journal::Durability::Sync,
            Self::Interval | Self::Buffered => syncline_journal::Durability::Buffered,
        }
    }
}
