//! The owner of the journal's stream `engine`: hears of every record that is durable, live and in replay, by one call.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use syncline_core::{Error, Result};
use syncline_journal::{Entry, Owner};

use crate::{
    TRACING_TARGET, admit,
    codec::{self, Write},
    store::{Origin, Store},
};

/// Name of the stream.
pub(crate) const STREAM: &str = "engine";

/// Decodes records and takes them in.
#[derive(Debug)]
pub(crate) struct EngineOwner {
    store: Arc<Store>,
    is_live: AtomicBool,
    /// The first record that could not be read.
    fault: Mutex<Option<Error>>,
}

impl EngineOwner {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, is_live: AtomicBool::new(false), fault: Mutex::new(None) }
    }

    /// Ends the replay: what comes from now on is new.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](syncline_core::ErrorKind::Corrupt) naming the first record that could not be read.
    pub(crate) fn go_live(&self) -> Result<()> {
        if let Some(error) = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        self.is_live.store(true, Ordering::Release);
        Ok(())
    }

    fn land(&self, seq: u64, write: Write, payload_len: usize) {
        let units = admit::units(payload_len);
        if self.is_live.load(Ordering::Acquire) {
            self.store.land(seq, write, units, Origin::Live);
        } else {
            // What was admitted before the restart is not refused now, whatever the bound has become.
            let units = self.store.admission.take_anyway(units).keep();
            self.store.land(seq, write, units, Origin::Replay);
        }
    }
}

impl Owner for EngineOwner {
    fn apply(&self, entry: Entry) {
        let Entry { seq, payload } = entry;
        let payload_len = payload.len();
        match codec::decode(payload) {
            Ok(Some(write)) => self.land(seq.get(), write, payload_len),
            Ok(None) => self.store.land_barrier(seq.get()),
            Err(error) => {
                let error = error.context(format!("record {seq} of the stream {STREAM:?}"));
                tracing::error!(target: TRACING_TARGET, %error, "a journal record cannot be read");
                self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::ErrorKind;
    use syncline_journal::Seq;

    use super::*;
    use crate::{EngineConfig, store::Tiers};

    #[test]
    fn a_record_that_cannot_be_read_is_corrupt_and_named() {
        let tiers = Tiers { has_journal: true, has_archive: true };
        let owner = EngineOwner::new(Arc::new(Store::new(&EngineConfig::default(), tiers)));
        owner.apply(Entry { seq: Seq::new(17), payload: b"garbage"[..].into() });
        let error = owner.go_live().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().starts_with("record 17 of the stream \"engine\": "), "{error}");
    }
}
