//! Named streams and their owners.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use syncline_core::Result;

use crate::{Commit, Durability, Seq, Space, Transaction, journal::Handle};

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub seq: Seq,
    /// What was staged.
    pub payload: Bytes,
}

/// Who a stream belongs to: told of every record of it, by the same call live and in recovery.
///
/// Records of one durability arrive in order of their sequence numbers. A `Buffered` record may overtake `Sync` ones whose
/// sync still runs, so an owner that mixes both stages only such `Buffered` records as do not depend on those.
pub trait Owner: Send + Sync {
    /// Takes note of a record that is as durable as it was asked to be. Called on the journal's threads: it must be quick,
    /// must not block, must not wait for this journal, and must not register or release a stream of it.
    fn apply(&self, entry: Entry);

    /// Takes note of a record that was there when the journal was opened. The same as [`apply`](Self::apply), but that the
    /// record is lent: an owner that keeps none of it need not have a copy.
    fn recover(&self, seq: Seq, record: &[u8]) {
        self.apply(Entry { seq, payload: Bytes::copy_from_slice(record) });
    }

    /// Another stream [asks for room](Stream::ask_for_room): an owner that can write its oldest records again, and truncate,
    /// does some of it, and says whether there is more. Called on a thread that may block, under no lock of the journal; it must
    /// not wait for anything but the disk. Most owners truncate by themselves, and have nothing to do.
    fn make_room(&self) -> bool {
        false
    }
}

/// A registered stream. Clones name the same stream.
#[derive(Clone)]
pub struct Stream {
    pub(crate) handle: Arc<Handle>,
    pub(crate) id: u32,
    pub(crate) name: Arc<str>,
}

impl Stream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends one record. As [`Transaction::commit`](crate::Transaction::commit), with one record in it.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit`](crate::Transaction::commit).
    pub fn append(&self, payload: impl Into<Bytes>, durability: Durability) -> Result<Commit> {
        let mut transaction = self.handle.transaction();
        transaction.stage(self, payload)?;
        transaction.commit(durability)
    }

    /// Reads one record of this stream again. Its frame is read whole and checked as recovery does; what was read stays in memory
    /// for a while, bounded, with what follows it where records are read in order. Blocks, and does not belong on a
    /// runtime's worker: [`recall`](Self::recall) never does.
    ///
    /// What it returns shares the memory of the frame: copy what is kept for long.
    ///
    /// # Errors
    ///
    /// [`Invalid`](syncline_core::ErrorKind::Invalid) where `seq` is not a record of this stream, or is one no more: it was
    /// truncated and its space given back. [`Corrupt`](syncline_core::ErrorKind::Corrupt), naming the place, where it is not
    /// what was written. [`Closed`](syncline_core::ErrorKind::Closed). Otherwise what the disk says.
    pub fn read(&self, seq: Seq) -> Result<Bytes> {
        self.handle.read(self.id, seq.get())
    }

    /// The record as a [`read`](Self::read) left it in memory; `None` where it has to be read from disk. Never blocks.
    pub fn recall(&self, seq: Seq) -> Option<Bytes> {
        self.handle.recall(self.id, seq.get())
    }

    /// Says that records of this stream before `seq` are not needed any more; their space is given back in time.
    ///
    /// It is not durable by itself: after a crash records may be replayed that were truncated before.
    pub fn truncate_below(&self, seq: Seq) {
        self.handle.truncate(self.id, seq.get());
    }

    /// Says from which record on this stream needs its records, and how many bytes of them, and returns how the journal
    /// stands then. What that leaves needless is given back by the next [`truncate_below`](Self::truncate_below) or
    /// [`give_back`](Self::give_back), or where there is no other space: not beside what an owner moves next.
    pub fn space(&self, needed_from: Seq, live_bytes: u64) -> Space {
        self.handle.space(self.id, needed_from.get(), live_bytes)
    }

    /// Gives back the space of what no stream needs here and now, where [`truncate_below`](Self::truncate_below) leaves it to
    /// the journal's threads. Blocks.
    ///
    /// # Errors
    ///
    /// [`Poisoned`](syncline_core::ErrorKind::Poisoned), now or before; [`Closed`](syncline_core::ErrorKind::Closed). Where
    /// the disk is too full for it, it is tried again later.
    pub fn give_back(&self) -> Result<()> {
        self.handle.give_back()
    }

    /// Asks the owners of all other streams to [make room](Owner::make_room); returns whether one of them has more to do.
    /// Blocks where they read from disk.
    pub fn ask_for_room(&self) -> bool {
        self.handle.ask_for_room(self.id)
    }

    /// Whether rooms are to give up old records before their copies are on disk: a deliberate bug.
    #[doc(hidden)]
    pub fn unlinks_before_copies(&self) -> bool {
        self.handle.unlinks_before_copies()
    }

    /// Begins a transaction over any streams of this one's journal.
    pub fn transaction(&self) -> Transaction {
        self.handle.transaction()
    }

    /// Lets go of the stream: its owner hears of no more records, and another may register it.
    pub fn release(&self) {
        self.handle.release(self.id);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
