//! Taking in items with a past, which they had in another queue.

use syncline_core::{
    Result,
    port::{Admission, DeadReason, Moment},
};
use syncline_journal::Durability;

use super::{JournalQueueStorage, codec::Record, plan};
use crate::{
    state::{Entry, Millis, Push},
    storage::{TakenIn, body::Body},
};

/// Bytes of content after which a record ends; one item may have up to 8 MiB, a record up to 32.
const RECORD_BYTES: u64 = 4 * 1_024 * 1_024;
/// Steps after which a record ends.
const RECORD_STEPS: usize = 10_000;

impl JournalQueueStorage {
    /// Takes in all of them, in this order, and waits for the disk. The queue is nobody else's yet.
    ///
    /// The last comes first: so each is the first of its partition while the steps of its past are taken.
    pub(crate) fn take_in(&self, items: &[TakenIn], now: Moment) -> Result<()> {
        let anyway = Admission { capacity: u64::MAX, unique_ids: false };
        let news: Vec<_> = items.iter().map(|item| item.new.clone()).collect();
        let (pushes, time) = {
            let mut inner = self.inner();
            let time = inner.clock.at(now);
            (plan::reserve(&mut inner.state, &news, anyway, time)?.entries, time)
        };
        let (mut entries, mut bytes) = (Vec::new(), 0_u64);
        for (push, item) in pushes.into_iter().zip(items).rev() {
            let Entry::Push(push) = push else { continue };
            bytes = bytes.saturating_add(push.body.len());
            let past = past_of(&push, item, time);
            entries.push(Entry::Push(push));
            entries.extend(past);
            if bytes >= RECORD_BYTES || entries.len() >= RECORD_STEPS {
                self.write(Record { is_ahead: false, time, entries: std::mem::take(&mut entries) })?;
                bytes = 0;
            }
        }
        self.write(Record { is_ahead: false, time, entries })
    }

    fn write(&self, record: Record) -> Result<()> {
        let commit = self.submit(&self.inner(), &record, Durability::Sync)?;
        commit.map_or(Ok(()), |commit| commit.wait().map(drop))
    }
}

/// The steps that bring a new item to where it stood.
fn past_of(push: &Push<Body>, item: &TakenIn, time: Millis) -> Vec<Entry<Body>> {
    let (seq, most) = (push.seq, push.max_attempts.max(1));
    // What is to be tried again has an attempt left.
    let attempts = item.attempts.min(if item.is_dead { most } else { most - 1 });
    let mut past = Vec::new();
    for _ in 0..attempts {
        past.extend([Entry::Claim { seq }, Entry::Return { seq, counts: true }]);
    }
    let error = item.error.as_deref().map(plan::short);
    if item.is_dead {
        let reason = if item.attempts >= most { DeadReason::Exhausted } else { DeadReason::Rejected };
        past.push(Entry::Bury { seq, at: time, reason, error: error.unwrap_or_default() });
    } else if let (Some(error), Some(last)) = (error, past.last_mut()) {
        *last = Entry::Retry { seq, at: push.eligible_at, error };
    }
    past
}
