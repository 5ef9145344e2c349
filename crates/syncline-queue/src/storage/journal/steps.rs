//! Which item a step is about.

use crate::{state::Entry, storage::body::Body};

/// The item or key that a step moves.
pub(super) fn moved_seq(entry: &Entry<Body>) -> Option<u64> {
    match entry {
        Entry::Move(moved) => Some(moved.push.seq),
        Entry::Key { seq, .. } => Some(*seq),
        _ => None,
    }
}

/// The item that a step is about; `None` for a push, which is about a new one, and for what changes no item.
pub(super) fn seq_of(entry: &Entry<Body>) -> Option<u64> {
    match entry {
        Entry::Push(_) | Entry::Move(_) | Entry::Key { .. } | Entry::Ended(_) => None,
        Entry::Claim { seq }
        | Entry::Complete { seq }
        | Entry::Retry { seq, .. }
        | Entry::Return { seq, .. }
        | Entry::Defer { seq, .. }
        | Entry::Bury { seq, .. }
        | Entry::Redrive { seq, .. }
        | Entry::Drop { seq }
        | Entry::Outlive { seq } => Some(*seq),
    }
}
