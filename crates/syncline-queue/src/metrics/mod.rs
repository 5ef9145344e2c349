//! Numbers of a queue, pulled when they are wanted.

mod histogram;
mod ratio;
mod spread;
mod tally;
mod throughput;

use std::time::Duration;

pub(crate) use self::tally::{Settle, Tally, Took};
pub use self::{
    histogram::Histogram,
    ratio::Ratio,
    spread::Distributions,
    tally::{Dead, Rejected},
    throughput::Throughput,
};

/// What a queue holds, and has done since it was opened here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueMetrics {
    /// Items that were pushed. Of those that follow a completed one all are counted, also one that was there already.
    pub total_enqueued: u64,
    /// Items that were handed out, each time.
    pub total_dequeued: u64,
    /// Items that were completed.
    pub total_completed: u64,
    /// Items that failed for good.
    pub total_failed: u64,
    /// The same by reason.
    pub failed: Dead,
    /// Calls that pushed nothing, by reason.
    pub rejected: Rejected,
    /// Attempts that failed and are followed by another one.
    pub total_retried: u64,
    /// Items that were withdrawn.
    pub total_cancelled: u64,
    /// Dead letters that were given their attempts back.
    pub total_redriven: u64,
    /// Dead letters that were thrown away once they had been dead for [`dead_letter_ttl`](crate::QueueConfig::dead_letter_ttl).
    pub total_dead_expired: u64,
    /// Leases that ended without an outcome.
    pub total_leases_expired: u64,
    /// Outcomes that came under a lease that had ended.
    pub total_leases_lost: u64,
    /// Times that the lease of an item in a worker's hands was extended.
    pub total_leases_extended: u64,
    /// Attempts whose handler panicked.
    pub total_panics: u64,
    /// Attempts whose handler did not end by its deadline.
    pub total_overruns: u64,
    /// Items that live: waiting, scheduled or in hand.
    pub current_size: u64,
    /// Of them, in hand.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
    /// Most items that lived at once, as far as calls of this queue saw.
    pub queue_depth_max: u64,
    /// Completed of all that have ended; all of none.
    pub success_rate: Ratio,
    /// From when an item could be handed out to when it was.
    pub avg_wait_time: Duration,
    /// From when an item was handed out to when it was completed.
    pub avg_processing_time: Duration,
    /// The same in milliseconds.
    pub average_processing_time_ms: f64,
    /// Items completed per second, over the last minute.
    pub throughput: f64,
    /// Items that were there already when they were pushed.
    pub deduplication_hits: u64,
    /// Bytes that compression has saved in the queue's own journal, headers and all; 0 where it has saved nothing.
    pub compression_bytes_saved: u64,
}
