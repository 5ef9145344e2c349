//! Claims, and what becomes of them when nobody is told.

use syncline_core::{
    Result,
    port::{Buried, Claim, Handed, Moment},
};
use syncline_journal::Durability;

use super::{JournalQueueStorage, carried_out, codec::Record, plan, planted, steps::claimed_seq};
use crate::state::Entry;

impl JournalQueueStorage {
    pub(super) async fn claim_some(&self, claim: Claim, now: Moment) -> Result<Handed> {
        let (seqs, mut handed, commit) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (entries, mut handed) = plan::claim(&mut inner.state, claim, now, time);
            handed.buried.splice(..0, std::mem::take(&mut inner.untold));
            let record = Record { is_ahead: true, time, entries };
            let commit = if planted!(self, ClaimUncounted) {
                Ok(None)
            } else {
                self.submit(&inner, &record, Durability::Buffered)
            };
            (record.entries.iter().filter_map(claimed_seq).collect(), handed, commit)
        };
        let mut unclaimed = Unclaimed { storage: self, seqs, buried: std::mem::take(&mut handed.buried) };
        carried_out(commit?).await?;
        unclaimed.seqs.clear();
        handed.buried = std::mem::take(&mut unclaimed.buried);
        Ok(handed)
    }
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
        Instant, Priority, WallTime,
        memory::MemoryDisk,
        port::{Admission, DeadReason, InHand, NewItem, QueueStorage as _},
    };
    use syncline_journal::{Config, Journal};

    use super::*;

    fn at(ms: u64) -> Moment {
        Moment {
            wall: WallTime::from_millis(ms),
            steady: Instant::from_origin(Duration::from_millis(ms)),
        }
    }

    #[tokio::test]
    async fn what_a_claim_buried_that_nobody_waited_for_the_next_one_tells() {
        let journal = Journal::open(Arc::new(MemoryDisk::new()), Config::default()).unwrap().journal;
        let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
        let item = |id: &str, expires_at| NewItem {
            id: id.to_owned(),
            priority: Priority::Normal,
            due: None,
            max_attempts: 3,
            partition: None,
            dedup: None,
            expires_at,
            body: "x".into(),
        };
        let items = [item("old", Some(at(2).wall)), item("a", None)];
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
