//! What items carry that is on disk alone: read without the lock, off the threads of a runtime.
//!
//! An item may be moved while its record is read, and its segment given back. So where a read fails, its place is looked up
//! anew: only what cannot be read in the place that it has now is damaged.

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Result, rt};
use syncline_journal::{Seq, Stream};

use super::{JournalQueueStorage, owner::Shared};
use crate::storage::{
    body::Spot,
    sight::{Carries, Sight},
};

/// Most places that are tried for one item. Each other place is a move that was carried out since the one before was read.
const PLACES_MAX: usize = 16;

/// What is to be read: the item and where it was.
pub(super) type Wanted = (u64, Spot);

/// What became of it.
#[derive(Debug)]
pub(super) enum Fetched {
    Here(Bytes),
    /// There is no such item any more.
    Gone,
    /// [`ErrorKind::Corrupt`] where it is damaged; with another kind it may be read later.
    Failed(Error),
}

impl Shared {
    /// Reads all of them. Blocks.
    pub(super) fn read_all(&self, stream: &Stream, wanted: &[Wanted]) -> Vec<Fetched> {
        let mut read: Vec<_> = wanted.iter().map(|_| Fetched::Gone).collect();
        // In the order of the journal: those of one frame are read together, and the next frames ahead.
        let mut in_order: Vec<_> = wanted.iter().zip(&mut read).collect();
        in_order.sort_by_key(|((_, spot), _)| spot.home);
        for ((seq, spot), read) in in_order {
            *read = self.read_one(stream, *seq, *spot);
        }
        read
    }

    fn read_one(&self, stream: &Stream, seq: u64, mut spot: Spot) -> Fetched {
        for _ in 0..PLACES_MAX {
            let record = stream.read(Seq::new(spot.home));
            let error = match record.and_then(|record| spot.copy_from(&record)) {
                Ok(bytes) => return Fetched::Here(bytes),
                Err(error) => error,
            };
            let body = self.inner().state.of_seq(seq).map(|slot| slot.body.clone());
            match body.map(|body| (body.spot(), body.into_bytes())) {
                None => return Fetched::Gone,
                Some((_, Some(bytes))) => return Fetched::Here(bytes),
                Some((Some(now), None)) if now.home != spot.home => spot = now,
                Some(_) => return Fetched::Failed(of_reading(error)),
            }
        }
        let message = format!("what an item carries was moved {PLACES_MAX} times while it was looked for");
        Fetched::Failed(Error::new(ErrorKind::Unavailable, message))
    }
}

/// A record that is needed and not there is damage too.
fn of_reading(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid => Error::new(ErrorKind::Corrupt, "a record that is needed is missing").with_source(error),
        _ => error,
    }
}

impl JournalQueueStorage {
    /// Reads all of them: at once where that needs no disk, and on a thread otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] without a thread.
    pub(super) async fn fetch(&self, wanted: Vec<Wanted>) -> Result<Vec<Fetched>> {
        let at_hand: Option<Vec<_>> = wanted.iter().map(|(_, spot)| self.recall(*spot)).collect();
        if let Some(bodies) = at_hand {
            return Ok(bodies);
        }
        let (shared, stream) = (self.shared.clone(), self.stream.clone());
        on_thread("syncline-queue-read", move || shared.read_all(&stream, &wanted)).await
    }

    fn recall(&self, spot: Spot) -> Option<Fetched> {
        let record = self.stream.recall(Seq::new(spot.home))?;
        spot.copy_from(&record).ok().map(Fetched::Here)
    }

    /// Fetches what is absent. Returns the items that are still there, each with why it cannot be read, if it cannot.
    pub(super) async fn whole<T: Carries>(&self, sights: Vec<Sight<T>>) -> Result<Vec<(Sight<T>, Option<Error>)>> {
        let wanted = sights.iter().filter_map(|sight| Some((sight.seq, sight.absent?))).collect();
        let mut fetched = self.fetch(wanted).await?.into_iter();
        let mut whole = Vec::with_capacity(sights.len());
        for mut sight in sights {
            let error = match sight.absent.and_then(|_| fetched.next()) {
                None => None,
                Some(Fetched::Here(body)) => {
                    sight.seen.carry(body);
                    None
                }
                Some(Fetched::Gone) => continue,
                Some(Fetched::Failed(error)) => Some(error),
            };
            whole.push((sight, error));
        }
        Ok(whole)
    }
}

/// What `work` returns, done on a thread of its own.
pub(super) async fn on_thread<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let failed = |message: String| Error::new(ErrorKind::Unavailable, message);
    // Who asked may have gone: then nobody needs the answer.
    let thread = rt::thread(name, move || drop(tell.send(work())));
    let thread = thread.map_err(|error| failed(format!("there is no thread for {name}")).with_source(error))?;
    let answer = told.await.map_err(|_| failed(format!("the thread {name} ended without an answer")))?;
    thread.join()?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use syncline_core::{
        memory::MemoryDisk,
        port::{Admission, Disk as _, Moment, NewItem, OpenMode, QueueStorage as _},
    };
    use syncline_journal::{Config, Journal};

    use super::*;
    use crate::storage::sample::{at, item};

    const NOW: Moment = at(1_000);

    async fn push(queue: &JournalQueueStorage, id: &str, bytes: usize) {
        let item = NewItem { body: vec![7; bytes].into(), ..item(id) };
        queue.push(&[item], Admission { capacity: 9, unique_ids: true }, NOW).await.unwrap();
    }

    /// Its place was looked up, it was moved, and the segment that it stood in was given back, before it was read.
    #[tokio::test]
    async fn an_item_that_was_moved_meanwhile_is_read_where_it_is_now() {
        let config = Config { segment_bytes: 8 * 1_024, ..Config::default() };
        let disk = Arc::new(MemoryDisk::new());
        let journal = Journal::open(Arc::clone(&disk) as _, config).unwrap().journal;
        let queue = JournalQueueStorage::open_within(&journal, "jobs", 0).unwrap();
        push(&queue, "old", 100).await;
        let before = queue.inner().state.of_seq(0).unwrap().body.spot().unwrap();
        while disk.open("0000000000000001.seg", OpenMode::Read).is_ok() {
            push(&queue, "gone", 3_000).await;
            queue.cancel(&["gone".to_owned()], NOW).await.unwrap();
            queue.reap(NOW).await.unwrap();
        }
        // The move read it too. What takes all the room of what was read leaves nothing of that.
        push(&queue, "large", 9_000_000).await;
        queue.get("large", NOW).await.unwrap().unwrap();
        assert_eq!(queue.stream.read(Seq::new(before.home)).unwrap_err().kind(), ErrorKind::Invalid);
        let read = queue.shared.read_all(&queue.stream, &[(0, before)]);
        assert!(matches!(&*read, [Fetched::Here(bytes)] if *bytes == vec![7; 100]), "{read:?}");
        // Of one that is gone nothing is damaged.
        queue.cancel(&["old".to_owned()], NOW).await.unwrap();
        let read = queue.shared.read_all(&queue.stream, &[(0, before)]);
        assert!(matches!(&*read, [Fetched::Gone]), "{read:?}");
    }
}
