//! The owner of the stream: told of every record, live and in recovery.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use syncline_journal::Owner;

use super::{codec, inner::Inner};
use crate::queue::Bell;

/// The owner of the stream.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) inner: Mutex<Inner>,
    /// Who is told when something was carried out.
    pub(super) bell: OnceLock<Arc<Bell>>,
}

impl Shared {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Shared {
    fn apply(&self, entry: syncline_journal::Entry) {
        let seq = entry.seq.get();
        let mut inner = self.inner();
        match codec::decode(entry.payload, seq) {
            Ok(record) => {
                inner.land(seq, record);
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
}
