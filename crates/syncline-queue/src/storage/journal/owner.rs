//! The owner of the stream: told of every record, live and in recovery.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use syncline_core::{Result, port::Retention};
use syncline_journal::{Commit, Durability, Owner, Reservation, Seq, Stream};

use super::{
    codec::{self, Record},
    inner::Inner,
    room::Step,
    underway::Underway,
};
use crate::{
    queue::Bell,
    storage::counted::{Counted, Locked},
};

/// The owner of the stream.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) inner: Counted<Inner>,
    /// Who is told when something was carried out.
    pub(super) bell: OnceLock<Arc<Bell>>,
    /// Items that will be settled, withdrawn, redriven or moved by a record on its way.
    pub(super) underway: Arc<Underway>,
    /// The stream, once it is live. It leads back here until the storage lets go of it.
    pub(super) stream: OnceLock<Stream>,
    /// Bytes of all records that were appended here.
    pub(super) appended_bytes: AtomicU64,
}

/// How a record is handed over.
pub(super) struct Handing {
    pub(super) durability: Durability,
    /// Whether it may use what a full disk keeps for what frees space.
    pub(super) is_essential: bool,
    /// What goes with it, and is given up once it was carried out or refused.
    pub(super) mark: Option<Box<dyn Reservation>>,
}

impl Shared {
    pub(super) fn keeping(retention: Retention, payload_memory_bytes: u64) -> Self {
        Self {
            inner: Counted::new(Inner::keeping(retention, payload_memory_bytes)),
            ..Self::default()
        }
    }

    pub(super) fn inner(&self) -> Locked<'_, Inner> {
        self.inner.lock()
    }

    /// Hands steps to the journal; `None` where there are none. Who decides on them holds the lock until this returned.
    pub(super) fn hand_over(
        &self,
        stream: &Stream,
        _decided_under: &Inner,
        record: &Record,
        handing: Handing,
    ) -> Result<Option<Commit>> {
        if record.entries.is_empty() {
            return Ok(None);
        }
        self.append(stream, codec::encode(record)?, handing).map(Some)
    }

    /// Hands the bytes of a record to the journal, as [`hand_over`](Self::hand_over) does.
    fn append(&self, stream: &Stream, record: Bytes, handing: Handing) -> Result<Commit> {
        self.appended_bytes.fetch_add(record.len() as u64, Relaxed);
        let mut transaction = stream.transaction();
        if handing.is_essential {
            transaction.essential();
        }
        if let Some(mark) = handing.mark {
            transaction.accompany(mark);
        }
        transaction.stage(stream, record)?;
        transaction.commit(handing.durability)
    }

    /// Hands pushes to the journal. Who decides on them holds the lock until this returned.
    pub(super) fn hand_over_pushes(
        &self,
        stream: &Stream,
        _decided_under: &Inner,
        pushes: Bytes,
        durability: Durability,
    ) -> Result<Commit> {
        // They are about new items, which no other record can be about before they are there.
        self.append(stream, pushes, Handing { durability, is_essential: false, mark: None })
    }
}

impl Owner for Shared {
    fn apply(&self, entry: syncline_journal::Entry) {
        let seq = entry.seq.get();
        let mut inner = self.inner();
        let landed = codec::open(&entry.payload, seq).and_then(|record| inner.land(seq, record, &entry.payload));
        match landed {
            Ok(()) => {
                drop(inner);
                if let Some(bell) = self.bell.get() {
                    bell.carried_out();
                }
            }
            Err(error) => {
                let error = error.context(format!("record {seq} of the journal"));
                inner.fault.get_or_insert(error);
            }
        }
    }

    fn recover(&self, seq: Seq, record: &[u8]) {
        let mut inner = self.inner();
        if inner.fault.is_none()
            && let Err(error) = codec::open(record, seq.get()).and_then(|read| inner.land(seq.get(), read, record))
        {
            inner.fault = Some(error.context(format!("record {seq} of the journal")));
        }
    }

    fn make_room(&self) -> bool {
        let Some(stream) = self.stream.get() else { return false };
        // Who has this queue hears of what is wrong with the journal by the next call.
        matches!(self.make_some_room(stream), Ok(Step::Handed { more: true, .. }))
    }
}
