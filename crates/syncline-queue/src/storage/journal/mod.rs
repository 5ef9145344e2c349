//! Items on the journal: the scheduler in memory, its steps on disk.
//!
//! How a call goes:
//!
//! 1. Under the lock it is decided what happens, and what it takes is reserved: ids, keys and room of a push, the lease of a
//!    settlement.
//! 2. Under the same lock the steps are handed to the stream as one record, which is there whole or not at all. So records
//!    stand in the journal in the order in which they were decided, and a replay decides nothing anew. Handing over never
//!    blocks: the journal refuses what there is no room for.
//! 3. The journal tells the owner of the stream, in order, what is as durable as it was asked to be; there the steps are
//!    applied. Recovery tells it the same.
//! 4. The caller is answered.
//!
//! Claims and what upkeep does are applied first and written `Buffered`: only this process sees them, and they must be
//! counted before anybody works, but a loss of power ends every worker with them.

mod bodies;
mod calendar;
mod calls;
mod claims;
mod dead;
#[cfg(test)]
mod durability_tests;
#[cfg(test)]
mod full_disk_tests;
mod inner;
mod moving;
#[cfg(test)]
mod order_tests;
mod owner;
mod policy;
mod port;
mod room;
mod settling;
mod staged;
mod steps;
mod take_in;
mod underway;
mod unheard;

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Result,
    port::{DeadReason, Disk, Moment, Retention, Stored},
};
use syncline_journal::{Commit, Config, Durability, Journal, Opened, Owner, Stream};

pub(crate) use self::calls::PushUnderWay;
use self::{
    inner::Inner,
    owner::{Handing, Shared},
    room::is_refused,
};
use super::{
    attempt::Attempt,
    codec::{self, Record},
    counted::Locked,
    list, plan,
    sight::Sight,
};
use crate::{queue::Bell, state::Entry};

/// Streams of queues begin with this; their name follows.
const STREAM_PREFIX: &str = "queue/";
/// Bytes of what items carry that are in memory at most, unless another number is asked for.
pub(crate) const PAYLOAD_MEMORY_BYTES: u64 = 64 * 1_024 * 1_024;

/// A queue on a journal.
pub struct JournalQueueStorage {
    shared: Arc<Shared>,
    stream: Stream,
    /// When pushes and outcomes are answered. Other than `Sync`, nothing of this queue is staged in transactions: those are
    /// synced, and what is buffered would overtake them.
    durability: Durability,
    #[cfg(feature = "planted")]
    planted: Option<crate::planted::Planted>,
}

/// `planted!(storage, Variant)`: whether that deliberate bug is switched on; `false` where they are not compiled in.
macro_rules! planted {
    ($storage:expr, $bug:ident) => {{
        #[cfg(feature = "planted")]
        let on = $storage.planted == Some($crate::planted::Planted::$bug);
        #[cfg(not(feature = "planted"))]
        let on = {
            let _ = &$storage;
            false
        };
        on
    }};
}
use planted;

impl JournalQueueStorage {
    /// The queue called `name` on `journal`, with everything that was pushed to it. Items that were in somebody's hands when
    /// its process ended are back in their places, or dead after their last attempt. It remembers nothing of what ended, here
    /// and in earlier processes: [`open_keeping`](Self::open_keeping) does, and a [`SyncQueue`](crate::SyncQueue).
    ///
    /// # Errors
    ///
    /// [`Corrupt`](syncline_core::ErrorKind::Corrupt) or [`Invalid`](syncline_core::ErrorKind::Invalid) naming the first
    /// record that cannot be read; [`Conflict`](syncline_core::ErrorKind::Conflict) when the queue is open already; what the
    /// journal says.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use syncline_core::memory::MemoryDisk;
    /// use syncline_journal::{Config, Journal};
    /// use syncline_queue::JournalQueueStorage;
    ///
    /// # fn main() -> syncline_core::Result<()> {
    /// let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default())?.journal;
    /// let jobs = JournalQueueStorage::open(&journal, "jobs")?;
    /// drop(jobs);
    /// journal.close()
    /// # }
    /// ```
    pub fn open(journal: &Journal, name: &str) -> Result<Self> {
        Self::open_within(journal, name, PAYLOAD_MEMORY_BYTES)
    }

    /// The same, keeping at most `payload_memory_bytes` of what its items carry in memory; [`open`](Self::open) keeps 64 MiB.
    /// What comes beyond that is on disk alone, and read again when it is handed out or looked at. With 0 all of it is.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_within(journal: &Journal, name: &str, payload_memory_bytes: u64) -> Result<Self> {
        Self::open_keeping(journal, name, Retention::default(), payload_memory_bytes)
    }

    /// The same, remembering as much as this of what ended, in earlier processes too.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_keeping(
        journal: &Journal,
        name: &str,
        retention: Retention,
        payload_memory_bytes: u64,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::keeping(retention, payload_memory_bytes));
        let stream = journal.stream(&stream_name(name), Arc::clone(&shared) as Arc<dyn Owner>)?;
        Self::begin(shared, stream)
    }

    /// The queue called `name` with the journal in `disk`, which is opened for it, and read once for both:
    /// [`open`](Self::open) reads what the queue needs a second time.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`] and [`open`](Self::open).
    pub fn open_with_journal(
        disk: Arc<dyn Disk>,
        config: Config,
        name: &str,
        payload_memory_bytes: u64,
    ) -> Result<(Self, Opened)> {
        Self::open_with_journal_keeping(disk, config, name, Retention::default(), payload_memory_bytes)
    }

    /// The same, remembering as much as this of what ended, at all times.
    pub(crate) fn open_with_journal_keeping(
        disk: Arc<dyn Disk>,
        config: Config,
        name: &str,
        retention: Retention,
        payload_memory_bytes: u64,
    ) -> Result<(Self, Opened)> {
        let shared = Arc::new(Shared::keeping(retention, payload_memory_bytes));
        let owner = Arc::clone(&shared) as Arc<dyn Owner>;
        let mut opened = Journal::open_with(disk, config, &[(&stream_name(name), owner)])?;
        let stream = opened.streams.pop();
        let stream =
            stream.ok_or_else(|| Error::new(ErrorKind::Closed, format!("the queue {name:?} has no stream")))?;
        Ok((Self::begin(shared, stream)?, opened))
    }

    /// Goes live, once all that was pushed is there.
    fn begin(shared: Arc<Shared>, stream: Stream) -> Result<Self> {
        let storage = Self {
            shared,
            stream,
            durability: Durability::Sync,
            #[cfg(feature = "planted")]
            planted: None,
        };
        let commit = {
            let mut inner = storage.inner();
            let orphans = inner.go_live()?;
            let record = inner.ahead(orphans);
            storage.submit(&inner, &record, Durability::Buffered)
        };
        // On a full disk the leases end all the same: those that nobody takes up end again at the next opening.
        if is_refused(commit.and_then(|commit| commit.map_or(Ok(()), |commit| commit.wait().map(drop))))? {
            tracing::warn!(target: crate::TRACING_TARGET, "the disk is full: ends of old leases could not be written");
        }
        storage.make_room_at_opening()?;
        storage.shared.stream.get_or_init(|| storage.stream.clone());
        Ok(storage)
    }

    /// The same, answering pushes and outcomes at this durability. For a queue that has its journal alone.
    pub(crate) fn answering(mut self, durability: crate::Durability) -> Self {
        self.durability = durability.of_journal();
        self
    }

    /// The same with a deliberate bug.
    #[cfg(feature = "planted")]
    #[must_use]
    pub fn with_planted(mut self, planted: Option<crate::planted::Planted>) -> Self {
        self.planted = planted;
        self
    }

    fn inner(&self) -> Locked<'_, Inner> {
        self.shared.inner()
    }

    /// The same, after what records took was given back that were refused and whose callers are gone.
    fn heard(&self) -> Locked<'_, Inner> {
        let mut inner = self.shared.inner();
        self.shared.hear(&mut inner);
        inner
    }

    /// Hands steps to the journal; `None` where there are none. Who decides on them holds the lock until this returned.
    fn submit(&self, decided_under: &Inner, record: &Record, durability: Durability) -> Result<Option<Commit>> {
        let seqs = record.entries.iter().filter(|_| !record.is_ahead).filter_map(steps::seq_of);
        let handing = Handing {
            durability,
            // Only taking work off a full disk frees its space: what pushes nothing may use what is reserved for that.
            is_essential: !record.entries.iter().any(|entry| matches!(entry, Entry::Push(_))),
            mark: self.shared.underway.mark(seqs.collect()),
        };
        self.shared.hand_over(&self.stream, decided_under, record, handing)
    }

    /// Bytes of what items carry that are in memory now.
    pub fn payload_memory_bytes(&self) -> u64 {
        self.inner().in_memory
    }

    /// Bytes of all records that were appended here, before they were compressed.
    pub(crate) fn appended_bytes(&self) -> u64 {
        self.shared.appended_bytes.load(Relaxed)
    }

    /// Tells `bell` of all that is carried out from now on.
    pub(crate) fn tell(&self, bell: Arc<Bell>) {
        self.shared.bell.get_or_init(|| bell);
    }

    /// Items that live.
    pub(crate) fn live(&self) -> u64 {
        self.shared.inner.live()
    }

    /// The attempt that is under way on an item, under this lease or any.
    pub(crate) fn attempt(&self, id: &str, token: Option<u64>) -> Option<Attempt> {
        plan::attempt(&self.inner().state, id, token)
    }

    /// The item that is next, untouched.
    pub(crate) async fn peek(&self, aging: Option<Duration>, now: Moment) -> Result<Option<Stored>> {
        let sight = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            plan::peek(&inner.state, aging, time)
        };
        self.look(sight).await
    }

    /// An item that is looked at, with what it carries. Of one that is dead because that is damaged nothing is left.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](syncline_core::ErrorKind::Corrupt) where that is damaged; what the disk says.
    async fn look(&self, sight: Option<Sight<Stored>>) -> Result<Option<Stored>> {
        match self.whole(sight.into_iter().collect()).await?.pop() {
            None => Ok(None),
            Some((sight, None)) => Ok(Some(sight.seen)),
            Some((sight, _)) if sight.seen.dead == Some(DeadReason::Corrupt) => Ok(Some(sight.seen)),
            Some((sight, Some(error))) => {
                Err(error.context(format!("the content of the item {:?}", sight.seen.item.id)))
            }
        }
    }
}

fn stream_name(queue: &str) -> String {
    format!("{STREAM_PREFIX}{queue}")
}

/// Waits for steps that were handed over.
async fn carried_out(commit: Option<Commit>) -> Result<()> {
    match commit {
        Some(commit) => commit.await.map(drop),
        None => Ok(()),
    }
}

impl Drop for JournalQueueStorage {
    fn drop(&mut self) {
        // Another opening of the same journal may own the stream then.
        self.stream.release();
    }
}

impl fmt::Debug for JournalQueueStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalQueueStorage")
            .field("stream", &self.stream.name())
            .field("counts", &self.inner().state.counts())
            .finish_non_exhaustive()
    }
}
