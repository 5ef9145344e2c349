//! What time does to items: leases that are over, items of no use any more, keys that are free.

use std::time::Duration;

use syncline_core::port::{Lease, Moment, Reaped};

use super::{inner::Inner, plan};
use crate::{
    state::{Entry, Hold, Millis},
    storage::body::Body,
};

/// Most that one call of upkeep does before it says that there is more.
const REAP_MAX: usize = 64;

impl Inner {
    pub(super) fn reap(&mut self, now: Moment, time: Millis) -> (Reaped, Vec<Entry<Body>>) {
        let (mut reaped, mut entries) = (Reaped { more: true, ..Reaped::default() }, Vec::new());
        while entries.len() < REAP_MAX {
            let due = plan::reap(&self.state, now, time);
            if due.is_empty() {
                reaped.more = self.state.sweep(time) > 0;
                break;
            }
            for entry in due {
                plan::count(&mut reaped, &entry);
                self.state.apply(entry.clone());
                entries.push(entry);
            }
        }
        while let Some(first) = self.pinned.first_entry()
            && first.key().0 <= time
        {
            let home = first.remove();
            self.leave(home);
        }
        self.forget_ends(time);
        (reaped, entries)
    }

    pub(super) fn extend(&mut self, lease: &Lease, by: Duration, now: Moment) -> bool {
        match self.state.hold(&lease.id, lease.token) {
            Hold::Held { seq } if !self.settling.contains_key(&seq) => {
                self.state.lease_until(seq, now.steady + by);
                true
            }
            _ => false,
        }
    }
}
