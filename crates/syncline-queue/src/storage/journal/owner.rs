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
        let untold = inner.untold.len();
        let landed = codec::open(&entry.payload, seq).and_then(|record| inner.land(seq, record, &entry.payload));
        match landed {
            Ok(()) => {
                // Whoever died on its own makes way in its partition, and nobody else says so.
                let has_died = inner.untold.len() > untold;
                drop(inner);
                match self.bell.get() {
                    Some(bell) if has_died => bell.ring_all(),
                    Some(bell) => bell.carried_out(),
                    None => {}
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

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Waker},
        time::Duration,
    };

    use syncline_core::{
        memory::MemoryDisk,
        port::{
            Admission, Buried, Claim, Claimed, DeadReason, Disk, InHand, Lease, NewItem, OpenMode, QueueOutcome,
            QueueStorage as _, Settlement,
        },
    };
    use syncline_journal::{Config, Journal};

    use crate::{
        JournalQueueStorage,
        queue::Bell,
        storage::sample::{at, item},
    };

    const ROOM: Admission = Admission { capacity: 1_000, unique_ids: true };
    const CLAIM: Claim = Claim {
        most: 1,
        lease: Duration::from_secs(60),
        aging: None,
        in_hand: InHand { most: None, of_lane: 1 },
    };
    const ROUNDS_MAX: usize = 1_000;

    /// Flips a bit of what begins with `bytes`.
    fn damage(disk: &MemoryDisk, bytes: &[u8]) {
        for name in disk.list().unwrap() {
            let file = disk.open(&name, OpenMode::Write).unwrap();
            let mut contents = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
            file.read_at(&mut contents, 0).unwrap();
            if let Some(at) = contents.windows(bytes.len()).position(|window| window == bytes) {
                return file.write_at(&[bytes[0] ^ 4], at as u64).unwrap();
            }
        }
        panic!("{bytes:?} is nowhere on disk");
    }

    async fn settle(queue: &JournalQueueStorage, claimed: &Claimed) {
        let lease = Lease { id: claimed.id.clone(), token: Some(claimed.token) };
        let done = Settlement { lease, outcome: QueueOutcome::Complete { push: Vec::new() } };
        queue.settle(&[done], at(1)).await.unwrap();
    }

    /// What went wrong: an item that waited for its time was buried by a move, for its content was damaged. The next one of its
    /// partition was ready from then on, and whoever slept slept on; no caller was ever told who had died.
    #[tokio::test]
    async fn a_burial_that_nobody_asked_for_wakes_who_waits_and_is_told_by_the_next_claim() {
        let disk = Arc::new(MemoryDisk::new());
        let config = Config { segment_bytes: 8 * 1_024, ..Config::default() };
        let journal = Journal::open(Arc::clone(&disk) as _, config).unwrap().journal;
        let queue = JournalQueueStorage::open_within(&journal, "jobs", 0).unwrap();
        let of_lane = |id: &str| NewItem { partition: Some("lane".to_owned()), ..item(id) };
        let first = NewItem { body: "the first of its lane".into(), ..of_lane("first") };
        // Tried once, it waits for its time and keeps its place.
        for one in [first, of_lane("second")] {
            queue.push(&[one], ROOM, at(1)).await.unwrap();
        }
        let claimed = queue.claim(CLAIM, at(1)).await.unwrap().items.remove(0);
        let lease = Lease { id: claimed.id, token: Some(claimed.token) };
        let outcome = QueueOutcome::Retry { at: at(3_600_000).wall, error: "no".to_owned() };
        queue.settle(&[Settlement { lease, outcome }], at(1)).await.unwrap();
        assert!(queue.claim(CLAIM, at(1)).await.unwrap().items.is_empty());
        damage(&disk, b"the first of its lane");
        // What takes all the room of what was read leaves nothing of it.
        queue
            .push(&[NewItem { body: vec![7; 9_000_000].into(), ..item("large") }], ROOM, at(1))
            .await
            .unwrap();
        queue.get("large", at(1)).await.unwrap().unwrap();
        queue.cancel(&["large".to_owned()], at(1)).await.unwrap();

        let bell = Arc::new(Bell::default());
        queue.tell(Arc::clone(&bell));
        let mut rung = pin!(bell.listen());
        rung.as_mut().enable();
        let mut buried = Vec::new();
        for round in 0..ROUNDS_MAX {
            if rung.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
            let other = NewItem { body: vec![1; 1_000].into(), ..item(&round.to_string()) };
            queue.push(&[other], ROOM, at(1)).await.unwrap();
            let handed = queue.claim(CLAIM, at(1)).await.unwrap();
            buried.extend(handed.buried);
            for claimed in &handed.items {
                settle(&queue, claimed).await;
            }
            while queue.reap(at(1)).await.unwrap().more {}
        }
        assert_eq!(buried, [], "who died was told before anybody was woken");
        let handed = queue.claim(CLAIM, at(1)).await.unwrap();
        assert_eq!(handed.items.iter().map(|claimed| &*claimed.id).collect::<Vec<_>>(), ["second"]);
        assert_eq!(handed.buried, [Buried { id: "first".to_owned(), reason: DeadReason::Corrupt }]);
    }
}
