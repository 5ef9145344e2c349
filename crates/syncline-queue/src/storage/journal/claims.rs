//! Claims, and what becomes of them when nobody is told.

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Buried, Claim, Claimed, DeadReason, Handed, Moment},
};
use syncline_journal::Durability;

use super::{JournalQueueStorage, carried_out, codec::Record, plan, planted};
use crate::{
    state::{Entry, Millis, Phase},
    storage::{
        body::Body,
        plan::Taken,
        sight::{Glimpse, Sight},
    },
};

/// Most times that one claim looks for others because none that it took can be read.
const PASSED_MAX: usize = 64;
/// How long an item is put off whose content the disk does not give.
const PUT_OFF_MS: Millis = 5_000;

/// An item that was claimed and whose content cannot be read, and why.
type Unreadable = (Sight<Claimed>, Option<Error>);

impl JournalQueueStorage {
    pub(super) async fn claim_some(&self, claim: Claim, now: Moment) -> Result<Handed> {
        for _ in 1..PASSED_MAX {
            let (mut handed, passed) = self.claim_once(claim, now).await?;
            if !handed.items.is_empty() || passed == 0 {
                return Ok(handed);
            }
            // The next one tells it.
            self.inner().untold.append(&mut handed.buried);
        }
        self.claim_once(claim, now).await.map(|(handed, _)| handed)
    }

    /// Returns what was done, and how many items beside were passed: withdrawn meanwhile, or not to be read.
    async fn claim_once(&self, claim: Claim, now: Moment) -> Result<(Handed, usize)> {
        let (items, buried, commit) = {
            let mut inner = self.heard();
            let time = inner.clock.at(now);
            let mut entries = Vec::new();
            let Taken { items, mut buried } =
                plan::claim(&mut inner.state, claim, now, time, |entry| entries.push(entry));
            buried.splice(..0, std::mem::take(&mut inner.untold));
            let record = Record { is_ahead: true, time, entries };
            let commit = if planted!(self, ClaimUncounted) {
                Ok(None)
            } else {
                self.submit(&inner, &record, Durability::Buffered)
            };
            (items, buried, commit)
        };
        let items: Vec<_> = items.into_iter().map(Glimpse::told).collect();
        let taken = items.len();
        let seqs = items.iter().map(|item| item.seq).collect();
        let mut unclaimed = Unclaimed { storage: self, seqs, buried };
        carried_out(commit?).await?;
        let (whole, unreadable): (Vec<_>, Vec<_>) =
            self.whole(items).await?.into_iter().partition(|(_, error)| error.is_none());
        if !unreadable.is_empty() {
            let failed = self.pass(unreadable, &mut unclaimed, now).await?;
            if let Some(error) = failed.filter(|_| whole.is_empty()) {
                return Err(error);
            }
        }
        unclaimed.seqs.clear();
        let passed = taken - whole.len();
        let items = whole.into_iter().map(|(item, _)| item.seen).collect();
        Ok((Handed { items, buried: std::mem::take(&mut unclaimed.buried) }, passed))
    }

    /// Puts away what cannot be read, so that it does not block what is behind it: what is damaged is dead, where a person can
    /// see it; what the disk does not give is put off. Returns why that is.
    async fn pass(
        &self,
        unreadable: Vec<Unreadable>,
        unclaimed: &mut Unclaimed<'_>,
        now: Moment,
    ) -> Result<Option<Error>> {
        unclaimed.seqs.retain(|seq| !unreadable.iter().any(|(item, _)| item.seq == *seq));
        let (commit, failed) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (mut entries, mut failed) = (Vec::new(), None);
            for (Sight { seen, seq, .. }, error) in unreadable {
                let Some(error) = error else { continue };
                let holds = |phase, token| phase == Phase::Leased && token == seen.token;
                if inner.state.of_seq(seq).is_none_or(|slot| !holds(slot.phase, slot.token)) {
                    continue;
                }
                let entry = if error.kind() == ErrorKind::Corrupt {
                    tracing::error!(target: crate::TRACING_TARGET, id = seen.id, ?error, "an item cannot be read and is dead");
                    unclaimed.buried.push(Buried { id: seen.id, reason: DeadReason::Corrupt });
                    damaged(seq, time, &error)
                } else {
                    failed = Some(error);
                    Entry::Defer { seq, at: time.saturating_add(PUT_OFF_MS) }
                };
                inner.state.apply(entry.clone());
                entries.push(entry);
            }
            let record = Record { is_ahead: true, time, entries };
            (self.submit(&inner, &record, Durability::Buffered)?, failed)
        };
        carried_out(commit).await?;
        Ok(failed)
    }
}

/// The end of an item whose content is not what was pushed.
pub(super) fn damaged(seq: u64, at: Millis, error: &Error) -> Entry<Body> {
    let error = plan::short(&format!("its content cannot be read: {error}"));
    Entry::Bury { seq, at, reason: DeadReason::Corrupt, error }
}

/// Items that were taken and that nobody has yet. Where the claim fails, or its caller is gone before it is answered, they
/// were never handed out: they go back to their places. What it buried is dead all the same, and the next claim tells it.
struct Unclaimed<'a> {
    storage: &'a JournalQueueStorage,
    seqs: Vec<u64>,
    buried: Vec<Buried>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if self.seqs.is_empty() && self.buried.is_empty() {
            return;
        }
        let mut inner = self.storage.inner();
        inner.untold.append(&mut self.buried);
        let entries: Vec<_> = self.seqs.iter().map(|seq| Entry::Return { seq: *seq, counts: false }).collect();
        for entry in &entries {
            inner.state.apply(entry.clone());
        }
        let record = inner.ahead(entries);
        // Should it not be written, the process is at its end or the journal is: the lease ends with either.
        let _ = self.storage.submit(&inner, &record, Durability::Buffered);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        task::{Context, Waker},
        time::Duration,
    };

    use syncline_core::{
        memory::MemoryDisk,
        port::{Admission, DeadReason, InHand, NewItem, QueueStorage as _},
    };
    use syncline_journal::{Config, Journal};

    use super::*;
    use crate::storage::sample::{at, item};

    #[tokio::test]
    async fn what_a_claim_buried_that_nobody_waited_for_the_next_one_tells() {
        let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default()).unwrap().journal;
        let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
        let items = [NewItem { expires_at: Some(at(2).wall), ..item("old") }, item("a")];
        let room = Admission { capacity: 9, unique_ids: true };
        queue.push(&items, room, at(1)).await.unwrap();
        let claim = Claim { most: 1, lease: Duration::from_secs(60), aging: None, in_hand: InHand::default() };
        let begun = queue.claim(claim, at(2)).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // Should its answer have come at once, the item is in hand and all was told.
        if begun.is_pending() {
            let handed = queue.claim(claim, at(2)).await.unwrap();
            assert_eq!(handed.buried, [Buried { id: "old".into(), reason: DeadReason::Expired }]);
            assert_eq!(handed.items.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a"]);
        }
        assert_eq!(queue.claim(claim, at(2)).await.unwrap(), Handed::default());
    }
}
