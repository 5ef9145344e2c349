//! Settlements: decided, kept from everybody else, and given up where they were not kept.

use syncline_core::{
    Result,
    port::{Admission, QueueOutcome as Outcome, Settled, Settlement},
};

use super::{
    codec::Record,
    inner::Inner,
    plan::{self, Reserved},
    steps::seq_of,
};
use crate::{
    state::{Entry, Millis},
    storage::Verdict,
};

impl Inner {
    /// Decides on settlements, and keeps everybody else from what they settle.
    pub(super) fn settle(
        &mut self,
        settlements: &[Settlement],
        time: Millis,
    ) -> Result<(Vec<Verdict>, Record, Reserved, Vec<u64>)> {
        let (mut told, mut entries, mut held) = (Vec::with_capacity(settlements.len()), Vec::new(), Vec::new());
        let (mut reserved, mut done) = (Reserved::default(), Vec::new());
        plan::approach(&self.state, settlements);
        for settlement in settlements {
            let (verdict, entry) = plan::settle(&self.state, &settlement.lease, &settlement.outcome, time);
            let Some((seq, entry)) = entry.and_then(|entry| Some((seq_of(&entry)?, entry))) else {
                told.push(verdict);
                continue;
            };
            if self.settling.contains_key(&seq) {
                told.push(Settled::Lost.into());
                continue;
            }
            if matches!(entry, Entry::Complete { .. } | Entry::Bury { .. }) {
                done.push(seq);
            }
            if let Outcome::Complete { push } = &settlement.outcome {
                let anyway = Admission { capacity: u64::MAX, unique_ids: true };
                match plan::reserve_after(&mut self.state, &done, push, anyway, time) {
                    Ok(more) => {
                        entries.push(entry);
                        entries.extend(more.entries.iter().cloned());
                        reserved.extend(more);
                    }
                    Err(error) => {
                        self.resume(&held);
                        plan::give_back(&mut self.state, &reserved);
                        return Err(error);
                    }
                }
            } else {
                entries.push(entry);
            }
            let until = self.state.hold_lease(seq);
            self.settling.insert(seq, until);
            held.push(seq);
            told.push(verdict);
        }
        Ok((told, Record { is_ahead: false, time, entries }, reserved, held))
    }

    /// Settlements that were not kept: their leases go on.
    pub(super) fn resume(&mut self, held: &[u64]) {
        for seq in held {
            if let Some(Some(until)) = self.settling.remove(seq) {
                self.state.lease_until(*seq, until);
            }
        }
    }
}
