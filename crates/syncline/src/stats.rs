//! Numbers of a directory.

use serde::{Deserialize, Serialize};
use syncline_core::port::ArchiveStats;
use syncline_engine::EngineStats;
use syncline_journal as journal;

/// What a directory holds and has done since it was opened. Plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Items in the archive.
    pub items: u64,
    /// Tombstones in the archive.
    pub tombstones: u64,
    /// Bytes of content in the archive, as submitted.
    pub content_bytes: u64,
    /// Bytes that the archive takes on disk.
    pub archive_bytes: u64,
    /// Place of the newest line of the change feed.
    pub feed_head: u64,
    /// Where the engine stands in its life.
    pub engine_state: String,
    /// Writes taken in since the directory was opened.
    pub accepted: u64,
    /// Writes archived since the directory was opened.
    pub archived: u64,
    /// Writes found not newer than what stood, since the directory was opened.
    pub superseded: u64,
    /// Writes that the archive refused for what they are, kept aside.
    pub quarantined: u64,
    /// Keys with a write that is not in the archive yet.
    pub pending_items: u64,
    /// Bytes that these writes hold.
    pub pending_bytes: u64,
    /// Items kept in memory for readers.
    pub l1_items: u64,
    /// Bytes that they take.
    pub l1_bytes: u64,
    /// Whether the archive's last answer was a good one; `None` before the first.
    pub archive_is_up: Option<bool>,
    /// What the archive said when it last failed.
    pub archive_error: Option<String>,
    /// Segments of the journal.
    pub journal_segments: u64,
    /// Bytes that the journal takes on disk.
    pub journal_bytes: u64,
    /// Records ever written to the journal.
    pub journal_seq: u64,
    /// Records written since the directory was opened.
    pub journal_records: u64,
    /// Frames written since the directory was opened.
    pub journal_frames: u64,
    /// Syncs since the directory was opened.
    pub journal_syncs: u64,
    /// Whether a write or sync of the journal failed, so that only opening it again helps.
    pub journal_is_poisoned: bool,
}

impl Stats {
    pub(crate) fn of(archive: &ArchiveStats, journal: &journal::Stats, engine: &EngineStats) -> Self {
        Self {
            items: archive.items,
            tombstones: archive.tombstones,
            content_bytes: archive.content_bytes,
            archive_bytes: archive.disk_bytes,
            feed_head: archive.feed_head,
            engine_state: format!("{:?}", engine.state),
            accepted: engine.accepted,
            archived: engine.archived,
            superseded: engine.superseded,
            quarantined: engine.quarantined,
            pending_items: engine.pending_items,
            pending_bytes: engine.pending_bytes,
            l1_items: engine.l1_items,
            l1_bytes: engine.l1_bytes,
            archive_is_up: engine.archive_is_up,
            archive_error: engine.archive_error.clone(),
            journal_segments: journal.segments,
            journal_bytes: journal.disk_bytes,
            journal_seq: journal.next_seq.saturating_sub(1),
            journal_records: journal.records,
            journal_frames: journal.frames,
            journal_syncs: journal.syncs,
            journal_is_poisoned: journal.is_poisoned,
        }
    }
}
