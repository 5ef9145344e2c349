//! Claims, and what becomes of them when nobody is told.

use syncline_core::{
    Result,
    port::{Claim, Claimed, Moment},
};
use syncline_journal::Durability;

use super::{JournalQueueStorage, carried_out, codec::Record, plan, planted, steps::claimed_seq};
use crate::state::Entry;

impl JournalQueueStorage {
    pub(super) async fn claim_some(&self, claim: Claim, now: Moment) -> Result<Vec<Claimed>> {
        let (seqs, claimed, commit) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            let (entries, claimed) = plan::claim(&mut inner.state, claim, now, time);
            let record = Record { is_ahead: true, time, entries };
            let commit = if planted!(self, ClaimUncounted) {
                Ok(None)
            } else {
                self.submit(&inner, &record, Durability::Buffered)
            };
            (record.entries.iter().filter_map(claimed_seq).collect(), claimed, commit)
        };
        let mut unclaimed = Unclaimed { storage: self, seqs };
        carried_out(commit?).await?;
        unclaimed.seqs.clear();
        Ok(claimed)
    }
}

/// Items that were taken and that nobody has yet. Where the claim fails, or its caller is gone before it is answered, they
/// were never handed out: they go back to their places.
struct Unclaimed<'a> {
    storage: &'a JournalQueueStorage,
    seqs: Vec<u64>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if self.seqs.is_empty() {
            return;
        }
        let mut inner = self.storage.inner();
        let entries: Vec<_> = self.seqs.iter().map(|seq| Entry::Return { seq: *seq, counts: false }).collect();
        for entry in &entries {
            inner.state.apply(entry.clone());
        }
        let record = inner.ahead(entries);
        // Should it not be written, the process is at its end or the journal is: the lease ends with either.
        let _ = self.storage.submit(&inner, &record, Durability::Buffered);
    }
}
