//! Doors that adapters implement: object-safe traits with numbered contract clauses.
//!
//! These are for authors of adapters and less stable than the rest. Each clause has a test in the contract suites of
//! `syncline-testkit`, and every implementation, in memory or on a real server, passes the same suite.

mod archive;
mod clock;
mod disk;
mod queue;
mod queue_history;
mod queue_list;
mod random;

use std::pin::Pin;

pub use archive::{Archive, ArchiveStats, Change, ChangePage, Head, Outcome, PrefixScan};
pub use clock::{Clock, Sleep};
pub use disk::{DirLock, Disk, DiskFile, OpenMode};
pub use queue::{
    Admission, Buried, Claim, Claimed, DeadReason, DedupKey, ExpiredDead, Handed, InHand, Lease, Moment, NewItem,
    Outcome as QueueOutcome, Pushed, QueueStats, QueueStorage, Reaped, Settled, Settlement, Standing, Stored,
};
pub use queue_history::{EndedCursor, EndedItem, EndedPage, Ending, Retention};
pub use queue_list::{List, ListCursor, ListPage, ListPart, Listed, Pager};
pub use random::Random;

/// A boxed future: one box a batch is what it costs to keep ports object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
