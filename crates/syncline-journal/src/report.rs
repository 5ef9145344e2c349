//! What opening a journal found.

use crate::Seq;

/// What opening a journal found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Segments read.
    pub segments: u64,
    /// Intact frames that hold records.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of intact frames.
    pub bytes: u64,
    /// Whether the journal was closed in order.
    pub clean_close: bool,
    /// Bytes at the end that were not a whole frame, and were cut.
    pub torn: Option<Torn>,
    /// Ranges that were lost to damage; only [`OnDamage::Quarantine`](crate::OnDamage::Quarantine) opens with any.
    pub lost: Vec<LostRange>,
    /// Whether the newest manifest was damaged and the one before it served.
    pub manifest_fell_back: bool,
    /// Bytes whose sync was never proven, written again into a new segment.
    pub rewritten_bytes: u64,
}

/// A tail that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// The segment's id.
    pub segment: u64,
    /// Where in its file the cut is.
    pub offset: u64,
    /// Bytes that were cut.
    pub bytes: u64,
    /// The sequence number that the cut begins with.
    pub from: Seq,
    /// Whether nothing proves that they were never acknowledged. A write that was under way looks the same as one whose
    /// last block rotted; only a later frame or a close tells them apart.
    pub possibly_acknowledged: bool,
}

/// Records that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// The first that is lost.
    pub first: Seq,
    /// The last that is lost.
    pub last: Seq,
    /// The segment that held them.
    pub segment: u64,
    /// The file that keeps the damaged segment as it was found.
    pub quarantined_as: String,
}
