//! Numbers of a journal, pulled when they are wanted.

/// What a journal holds and has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The sequence number that the next record will get.
    pub next_seq: u64,
    /// Every record before this one is on disk.
    pub durable_seq: u64,
    /// Segments, the active one included.
    pub segments: u64,
    /// Bytes that segments and the spare one take on disk, at most.
    pub disk_bytes: u64,
    /// Bytes of submissions that wait to be written.
    pub queue_bytes: u64,
    /// Frames written since opening.
    pub frames: u64,
    /// Records written since opening.
    pub records: u64,
    /// Bytes written since opening.
    pub bytes: u64,
    /// Syncs of segments since opening.
    pub syncs: u64,
    /// Segments begun since opening.
    pub rotations: u64,
    /// Whether a segment is reserved; without one only essential submissions are taken.
    pub has_reserve: bool,
    /// Whether a write or sync failed, so that only opening it again helps.
    pub is_poisoned: bool,
}
