//! What pauses a queue or slows it down.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When jobs that fail pause a queue: its pops find nothing for a while, then one item at a time is handed out as a probe, until
/// one is completed. Nothing is lost meanwhile, and no attempt is counted.
///
/// It counts the outcomes of what was popped through one [`SyncQueue`](crate::SyncQueue) and its clones, and pauses those alone.
/// What was given back or cancelled, or whose lease ended, counts as neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobBreaker {
    /// Failures in a row that pause it. Default 10.
    pub failures: u32,
    /// How long it pauses. Default 60 s.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
    /// Which failures count. Default [`JobFailures::Any`].
    pub counts: JobFailures,
}

/// Which failures of jobs count for a [`JobBreaker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobFailures {
    /// Each attempt that failed.
    #[default]
    Any,
    /// Those alone after which the item is dead.
    Final,
}

impl Default for JobBreaker {
    fn default() -> Self {
        Self { failures: 10, pause: Duration::from_secs(60), counts: JobFailures::Any }
    }
}

/// How fast items are handed out at most, by one [`SyncQueue`](crate::SyncQueue) and its clones: others on the same storage have
/// a pace of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Items in each `per`.
    pub items: u32,
    /// The time for them.
    #[serde(with = "humantime_serde")]
    pub per: Duration,
    /// Items that may go out at once after a quiet time.
    pub burst: u32,
}
