//! Deliberate bugs. A harness proves something only once it has caught each of these.

/// A bug that is switched on through [`JournalQueueStorage::with_planted`](crate::JournalQueueStorage::with_planted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// An item is handed out before its attempt is counted on disk.
    ClaimUncounted,
    /// An outcome is acknowledged once it is written, before it is synced.
    AckOutcomeBeforeSync,
    /// A push is acknowledged once it is written, before it is synced.
    AckPushBeforeSync,
    /// A settlement ends any lease on its item, whatever its token.
    LeaseWithoutToken,
}

impl Planted {
    /// Each of them.
    pub const ALL: [Self; 4] =
        [Self::ClaimUncounted, Self::AckOutcomeBeforeSync, Self::AckPushBeforeSync, Self::LeaseWithoutToken];

    /// The bug of this name, as `Debug` prints it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name))
    }
}
