//! Items about which a record is on its way that is not carried out yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use syncline_journal::Reservation;

/// How many records are on their way about an item. Under a lock of its own, taken behind that of the state: a record that is
/// refused at once is given up while the state is locked.
#[derive(Debug, Default)]
pub(super) struct Underway {
    items: Mutex<HashMap<u64, u32>>,
}

impl Underway {
    pub(super) fn items(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark of a record about `seqs`, for its transaction: it goes once the record was carried out or refused. `None`
    /// where it is about none.
    pub(super) fn mark(self: &Arc<Self>, seqs: Vec<u64>) -> Option<Box<dyn Reservation>> {
        if seqs.is_empty() {
            return None;
        }
        let mut items = self.items();
        for seq in &seqs {
            *items.entry(*seq).or_default() += 1;
        }
        drop(items);
        Some(Box::new(Mark { underway: Arc::clone(self), seqs }))
    }
}

#[derive(Debug)]
struct Mark {
    underway: Arc<Underway>,
    seqs: Vec<u64>,
}

impl Reservation for Mark {
    fn keep(self: Box<Self>) {}
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut items = self.underway.items();
        for seq in &self.seqs {
            if let Some(count) = items.get_mut(seq) {
                *count -= 1;
                if *count == 0 {
                    items.remove(seq);
                }
            }
        }
    }
}
