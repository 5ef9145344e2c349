//! What a directory leaves when it is shut down.

use std::ops::Deref;

use syncline_engine::Report;

use crate::QueueLeft;

/// What a directory did and leaves. It dereferences to the engine's part. Plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// What the engine did, and what it leaves.
    pub engine: Report,
    /// What each queue that was open holds, by name.
    pub queues: Vec<QueueLeft>,
}

impl Deref for Left {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.engine
    }
}
