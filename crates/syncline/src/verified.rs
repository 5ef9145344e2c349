//! What reading everything back proved.

use serde::{Deserialize, Serialize};

/// What reading every row and every frame back proved. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Items whose content matches its hash.
    pub items: u64,
    /// Items of them whose content is encrypted.
    pub encrypted: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Bytes of content.
    pub content_bytes: u64,
    /// Segments of the journal.
    pub segments: u64,
    /// Frames of the journal whose checksum is right.
    pub frames: u64,
    /// Records in these frames.
    pub records: u64,
}

impl Verified {
    pub(crate) fn of(journal: &syncline_journal::Verified, archive: &syncline_sql::sqlite::Verified) -> Self {
        Self {
            items: archive.items,
            encrypted: archive.encrypted,
            tombstones: archive.tombstones,
            content_bytes: archive.content_bytes,
            segments: journal.segments,
            frames: journal.frames,
            records: journal.records,
        }
    }
}
