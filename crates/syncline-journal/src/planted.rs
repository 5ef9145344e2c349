//! Deliberate bugs. A harness proves something only once it has caught each of these.

/// A bug that is switched on through [`Config::planted`](crate::Config::planted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A sync returns without syncing.
    SkipSync,
    /// A full segment is left without syncing it.
    SkipSyncOnRotate,
    /// A new segment's name is not made durable.
    SkipDirSyncOnRotate,
    /// A new segment gets its name before its bytes are synced.
    RenameBeforeSync,
    /// A new manifest's name is not made durable.
    SkipDirSyncOnManifest,
    /// Recovery takes every bad frame for a torn tail, whatever later frames say.
    IgnoreDurableSeq,
    /// Recovery goes on writing in the segment that ended torn.
    ReuseTornSegment,
    /// Frames are taken without checking their checksum.
    SkipChecksum,
    /// A failed sync is tried again instead of poisoning.
    RetryFailedSync,
    /// A failed write passes for one that went well.
    IgnoreFailedWrite,
    /// A failed sync during rotation is ignored.
    IgnoreRotateError,
    /// What was written but never synced is trusted at reopening, not written again.
    TrustPageCache,
    /// A segment is removed although its last record is still live.
    RemoveLive,
    /// A segment is removed before the manifest that forgets it is durable.
    RemoveBeforeManifest,
    /// A transaction is split over two frames.
    SplitTransaction,
    /// A manifest that cannot be read is taken for an empty directory.
    StartEmpty,
    /// An append is acknowledged once it is written, whatever it asked for.
    AckBeforeSync,
    /// Rooms that write old records again give them up before the copies are on disk, and so does the journal. Only a room can
    /// show it.
    UnlinkBeforeCopy,
}

impl Planted {
    /// Each of the journal's own.
    pub const ALL: [Self; 17] = [
        Self::SkipSync,
        Self::SkipSyncOnRotate,
        Self::SkipDirSyncOnRotate,
        Self::RenameBeforeSync,
        Self::SkipDirSyncOnManifest,
        Self::IgnoreDurableSeq,
        Self::ReuseTornSegment,
        Self::SkipChecksum,
        Self::RetryFailedSync,
        Self::IgnoreFailedWrite,
        Self::IgnoreRotateError,
        Self::TrustPageCache,
        Self::RemoveLive,
        Self::RemoveBeforeManifest,
        Self::SplitTransaction,
        Self::StartEmpty,
        Self::AckBeforeSync,
    ];

    /// The bug of this name, as `Debug` prints it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .chain([Self::UnlinkBeforeCopy])
            .find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name))
    }
}
