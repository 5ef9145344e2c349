//! How much room the records take, and how much of it is needed.

use crate::{Seq, log::Log};

/// How a journal stands, for a room that may move its records forward. Plain data.
///
/// Segments are given back from the front: one record that is needed keeps all that was written after it. A room that writes
/// such a record again, and then truncates, sets that space free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes that segments take on disk, without those that are about to be removed.
    pub log_bytes: u64,
    /// Bytes of records that streams say they need. A stream that says nothing counts as nothing.
    pub live_bytes: u64,
    /// Bytes reserved for one segment.
    pub segment_bytes: u64,
    /// Whether a next segment is reserved; without one the disk is full.
    pub has_reserve: bool,
    /// The first record that is not in the oldest segment, where that is not the one being written; otherwise 0.
    pub oldest_end: Seq,
    /// The first record that is not in the older half of the segments, likewise.
    pub half_end: Seq,
}

impl Log {
    /// How the log stands; what is needed of it only rooms know.
    pub(crate) fn space(&self) -> Space {
        let kept = || self.sealed().filter(|segment| !self.is_dead(segment));
        let log_bytes = self.active().file_len + kept().map(|segment| segment.file_len).sum::<u64>();
        let mut space = Space {
            log_bytes,
            segment_bytes: self.config().segment_bytes,
            has_reserve: self.has_spare(),
            ..Space::default()
        };
        let mut older = 0;
        for segment in kept() {
            if older == 0 {
                space.oldest_end = Seq::new(segment.end_seq);
            }
            older += segment.file_len;
            space.half_end = Seq::new(segment.end_seq);
            if older >= log_bytes / 2 {
                break;
            }
        }
        space
    }
}
