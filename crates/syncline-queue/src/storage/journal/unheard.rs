//! What a record took that is on its way, and who gives it back where the record is refused: its caller, or the next call
//! where that one is gone.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use syncline_core::{Error, ErrorKind, Result};
use syncline_journal::Commit;

use super::{
    inner::Inner,
    owner::Shared,
    plan::{self, Reserved},
};
use crate::queue::Bell;

/// A record that was handed over. Its caller waits for it; dropped before, it is left to the calls that follow.
#[must_use = "what it took is given back by who waits for it"]
pub(super) struct Awaited {
    shared: Arc<Shared>,
    /// `None` where there was nothing to write, and once it was answered.
    commit: Option<Commit>,
    took: Took,
}

/// Ids, keys and room of pushes, and leases that are being settled.
#[derive(Debug, Default)]
pub(super) struct Took {
    pub(super) reserved: Reserved,
    pub(super) held: Vec<u64>,
}

/// A record whose caller is gone.
pub(super) struct Unheard {
    commit: Commit,
    took: Took,
}

impl Awaited {
    /// What was handed over under the lock of `inner`, and took this.
    ///
    /// # Errors
    ///
    /// That with which the journal refused it at once: what it took was given back.
    pub(super) fn new(
        shared: &Arc<Shared>,
        inner: &mut Inner,
        commit: Result<Option<Commit>>,
        took: Took,
    ) -> Result<Self> {
        match commit {
            Ok(commit) => Ok(Self { shared: Arc::clone(shared), commit, took }),
            Err(error) => {
                inner.give_back(&took);
                Err(error)
            }
        }
    }

    /// Waits until it was carried out.
    ///
    /// # Errors
    ///
    /// What the journal says: what it took was given back.
    pub(super) async fn carried_out(mut self) -> Result<Reserved> {
        let answer = match &mut self.commit {
            Some(commit) => commit.await.map(drop),
            None => Ok(()),
        };
        self.commit = None;
        let took = std::mem::take(&mut self.took);
        let Err(error) = answer else { return Ok(took.reserved) };
        self.shared.inner().refused(&took, &error);
        if let Some(stream) = self.shared.stream.get().filter(|_| error.kind() == ErrorKind::Full) {
            self.shared.ask_for_space(stream);
        }
        Err(error)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take() {
            let took = std::mem::take(&mut self.took);
            let mut inner = self.shared.inner();
            inner.unheard.push(Unheard { commit, took });
            // So that whoever sleeps hears of the answer.
            self.shared.hear(&mut inner);
        }
    }
}

impl Inner {
    fn give_back(&mut self, took: &Took) {
        self.resume(&took.held);
        plan::give_back(&mut self.state, &took.reserved);
    }

    /// A record was not written for this reason.
    fn refused(&mut self, took: &Took, error: &Error) {
        self.give_back(took);
        if error.kind() == ErrorKind::Full && !took.reserved.is_empty() {
            // What ended gives way to what is to come.
            self.forget_ends_below(u64::MAX);
        }
    }
}

impl Shared {
    /// Gives back what records took that were refused and whose callers are gone.
    pub(super) fn hear(&self, inner: &mut Inner) {
        if inner.unheard.is_empty() {
            return;
        }
        let waker = match self.bell.get() {
            Some(bell) => Waker::from(Arc::new(Ring(Arc::clone(bell)))),
            None => Waker::noop().clone(),
        };
        let mut cx = Context::from_waker(&waker);
        for mut one in std::mem::take(&mut inner.unheard) {
            match Pin::new(&mut one.commit).poll(&mut cx) {
                Poll::Pending => inner.unheard.push(one),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    inner.refused(&one.took, &error);
                    tracing::debug!(target: crate::TRACING_TARGET, %error, "a call that nobody waits for was refused");
                }
            }
        }
    }
}

/// Whoever waits looks again: what was refused may be next.
struct Ring(Arc<Bell>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.0.ring_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use syncline_core::port::{
        Admission, BoxFuture, Claim, InHand, Lease, NewItem, Pushed, QueueOutcome, QueueStorage as _, Settlement,
    };
    use syncline_journal::{Config, Journal};
    use syncline_testkit::SimDisk;

    use super::*;
    use crate::{
        JournalQueueStorage,
        storage::sample::{self, at},
    };

    const ROOM: Admission = Admission { capacity: 3, unique_ids: true };

    fn item(id: &str, bytes: usize) -> NewItem {
        NewItem { body: vec![0; bytes].into(), ..sample::item(id) }
    }

    fn claim() -> Claim {
        Claim {
            most: 9,
            lease: Duration::from_millis(100),
            aging: None,
            in_hand: InHand::default(),
        }
    }

    /// A queue with an item, on a disk that takes nothing that is large.
    async fn on_a_full_disk() -> (SimDisk, Journal, JournalQueueStorage) {
        let disk = SimDisk::new(1);
        let config = Config { segment_bytes: 8 * 1_024, ..Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), config).unwrap().journal;
        let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
        queue.push(&[item("first", 10)], ROOM, at(1)).await.unwrap();
        rest(&journal);
        disk.set_capacity(Some(disk.files().iter().map(|(_, len)| len).sum()));
        (disk, journal, queue)
    }

    fn rest(journal: &Journal) {
        while !journal.is_at_rest() {
            std::thread::yield_now();
        }
    }

    /// Begins a call and lets go of it before its answer is there. Where that comes at once, it is begun again.
    fn abandon<'a, T>(call: impl Fn() -> BoxFuture<'a, Result<T>>) {
        let is_pending = |_| call().as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!((0..1_000).any(is_pending), "every answer came at once");
    }

    /// What went wrong: a push whose caller was gone before the disk refused it kept its id and its room until the queue was
    /// opened again, and whoever pushed it again was told that it is there.
    #[tokio::test]
    async fn a_push_that_nobody_waits_for_leaves_nothing_where_it_is_refused() {
        let (disk, journal, queue) = on_a_full_disk().await;
        let large = [item("large", 6_000), item("larger", 9_000)];
        abandon(|| queue.push(&large, ROOM, at(2)));
        rest(&journal);
        assert!(queue.get("large", at(3)).await.unwrap().is_none());
        disk.set_capacity(None);
        assert_eq!(queue.push(&large, ROOM, at(3)).await.unwrap(), [Pushed::Inserted, Pushed::Inserted]);
        assert_eq!(queue.claim(claim(), at(3)).await.unwrap().items.len(), 3);
    }

    /// What went wrong: the lease of an item whose settlement was refused when its caller was gone never ended.
    #[tokio::test]
    async fn a_settlement_that_nobody_waits_for_lets_the_lease_go_on_where_it_is_refused() {
        let (_disk, journal, queue) = on_a_full_disk().await;
        let first = queue.claim(claim(), at(2)).await.unwrap().items.remove(0);
        let lease = Lease { id: first.id, token: Some(first.token) };
        let outcome = QueueOutcome::Complete { push: vec![item("large", 6_000), item("larger", 9_000)] };
        let done = [Settlement { lease, outcome }];
        abandon(|| queue.settle(&done, at(3)));
        rest(&journal);
        assert_eq!(queue.next_due(InHand::default(), at(52)).await.unwrap(), Some(Duration::from_millis(50)));
        assert_eq!(queue.reap(at(102)).await.unwrap().leases, 1);
        assert_eq!(queue.claim(claim(), at(102)).await.unwrap().items[0].attempt, 2);
    }
}
