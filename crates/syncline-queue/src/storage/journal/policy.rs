//! When records are moved forward, and which. Pure.
//!
//! Space is given back from the front of the journal. So what is moved are the items whose records stand in its older half,
//! once the journal holds more than twice what is needed and some segments. Every byte that is appended pays for less than
//! one that is moved, and an item that never ends keeps nothing but itself.

use syncline_journal::Space;

/// Segments that a journal may hold beyond twice what is needed before anything is moved. Two more are on their way: the one
/// that is reserved, and one for what is written until the old ones are gone.
const SEGMENTS_BESIDE: u64 = 2;
/// The part of a segment that may be moved while the disk is full: what is kept for outcomes must not go for copies.
const RESERVE_PART: u64 = 16;

/// What is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Goal {
    /// Items whose records stand before this place.
    pub(super) below: u64,
    /// All of them or none, in no more than so many bytes: the disk is full, and only what frees a segment may be written.
    pub(super) at_once: Option<u64>,
}

/// What a queue is to move whose records are needed from `needed` on.
pub(super) fn goal(space: &Space, needed: u64) -> Option<Goal> {
    let (below, at_once) = if space.has_reserve {
        (space.half_end.get(), None)
    } else {
        (space.oldest_end.get(), Some(space.segment_bytes / RESERVE_PART))
    };
    let is_needed = !space.has_reserve || is_crowded(space);
    (is_needed && needed < below).then_some(Goal { below, at_once })
}

/// Whether the journal holds more than it should.
pub(super) fn is_crowded(space: &Space) -> bool {
    let most = space.live_bytes.saturating_mul(2);
    space.log_bytes > most.saturating_add(space.segment_bytes.saturating_mul(SEGMENTS_BESIDE))
}

#[cfg(test)]
mod tests {
    use syncline_journal::Seq;

    use super::*;

    const MIB: u64 = 1_024 * 1_024;

    fn space(log_mib: u64, live_mib: u64) -> Space {
        Space {
            log_bytes: log_mib * MIB,
            live_bytes: live_mib * MIB,
            segment_bytes: 64 * MIB,
            has_reserve: true,
            oldest_end: Seq::new(100),
            half_end: Seq::new(500),
        }
    }

    #[test]
    fn nothing_is_moved_until_the_journal_holds_twice_what_is_needed_and_two_segments() {
        assert_eq!(goal(&space(128, 0), 1), None);
        assert_eq!(goal(&space(129, 0), 1), Some(Goal { below: 500, at_once: None }));
        assert_eq!(goal(&space(2_128, 1_000), 1), None);
        assert_eq!(goal(&space(2_129, 1_000), 1), Some(Goal { below: 500, at_once: None }));
    }

    #[test]
    fn what_stands_in_the_younger_half_stays() {
        assert_eq!(goal(&space(10_000, 0), 500), None);
        assert!(goal(&space(10_000, 0), 499).is_some());
    }

    #[test]
    fn on_a_full_disk_the_oldest_segment_is_freed_for_little_or_not_at_all() {
        let full = Space { has_reserve: false, ..space(64, 1_000) };
        assert_eq!(goal(&full, 1), Some(Goal { below: 100, at_once: Some(4 * MIB) }));
        assert_eq!(goal(&full, 100), None);
        assert_eq!(goal(&Space { oldest_end: Seq::new(0), ..full }, 1), None, "only the segment being written is left");
    }
}
