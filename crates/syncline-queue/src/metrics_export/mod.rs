//! Counters, gauges and histograms of queues in a [`prometheus::Registry`].
//!
//! Each has the label `queue`, the [name](SyncQueue::name) of the queue. Sums begin when the queue is opened.
//!
//! | metric | labels | says |
//! |---|---|---|
//! | `syncline_queue_items` | `priority`, `state` | items that are `waiting` for their turn or time, `processing`, or `dead` |
//! | `syncline_queue_oldest_item_age_seconds` | `priority` | how long the first could have been handed out: **the alert** |
//! | `syncline_queue_oldest_dead_age_seconds` | | how long the oldest dead letter has been one |
//! | `syncline_queue_capacity_ratio` | | items that live, of those that may |
//! | `syncline_queue_enqueued_total` | | items that were pushed |
//! | `syncline_queue_dequeued_total` | | items that were handed out, each time |
//! | `syncline_queue_completed_total` | | items that were completed |
//! | `syncline_queue_failed_total` | `final` | attempts that failed; `true` where it was the last |
//! | `syncline_queue_dead_total` | `reason` | items that died: `exhausted`, `rejected`, `expired`, `corrupt` |
//! | `syncline_queue_cancelled_total` | | items that were withdrawn |
//! | `syncline_queue_redriven_total` | | dead letters that were given their attempts back |
//! | `syncline_queue_lease_expired_total` | | leases that ended without an outcome |
//! | `syncline_queue_stale_settle_total` | | outcomes that came under a lease that had ended |
//! | `syncline_queue_deduplicated_total` | | items that were there already |
//! | `syncline_queue_rejected_total` | `reason` | pushes refused: `capacity`, `too_large`, `storage_full`, `shutdown` |
//! | `syncline_queue_panics_total` | | attempts whose handler panicked |
//! | `syncline_queue_overruns_total` | | attempts whose handler did not end by its deadline |
//! | `syncline_queue_wait_seconds` | `priority` | from when an item could be handed out to when it was, a histogram |
//! | `syncline_queue_processing_seconds` | `outcome` | attempts that `completed`, are `retried`, were `dead`, a histogram |
//! | `syncline_queue_attempts` | | attempts of items that ended, a histogram |
//! | `syncline_queue_poisoned` | | 1 when only opening it again helps |
//! | `syncline_queue_log_bytes` | | bytes that its journal takes on disk, where it has one of its own |
//! | `syncline_queue_log_segments` | | segments of that |
//! | `syncline_queue_log_written_bytes_total` | | bytes written to it |
//! | `syncline_queue_log_records_total` | | records written to it |
//! | `syncline_queue_log_syncs_total` | | syncs of it; records by syncs is how many share one |
//! | `syncline_queue_compression_saved_bytes_total` | | bytes that compression has saved in it |

mod collector;
mod family;
mod read;

use prometheus::{Registry, Result};

use crate::SyncQueue;

/// Adds the metrics of `queue` to `registry`. They are read from the queue at each scrape, and are gone once it is. Numbers of
/// a storage that was given are those of the last [`refresh`](SyncQueue::refresh).
///
/// # Errors
///
/// [`AlreadyReg`](prometheus::Error::AlreadyReg) where a queue of this name is registered;
/// [`Msg`](prometheus::Error::Msg) where somebody else has a metric of one of these names.
///
/// # Examples
///
/// ```
/// use prometheus::{Registry, TextEncoder};
/// use serde_json::json;
/// use syncline_queue::{Priority, SyncItem, SyncQueue, metrics_export};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let registry = Registry::new();
/// let queue = SyncQueue::new();
/// metrics_export::register(&registry, &queue)?;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// queue.push(SyncItem::new(json!({}), Priority::High)).await?;
/// # syncline_queue::QueueResult::Ok(())
/// # })?;
/// let text = TextEncoder::new().encode_to_string(&registry.gather())?;
/// assert!(text.contains(r#"syncline_queue_items{priority="high",queue="queue",state="waiting"} 1"#));
/// assert!(text.contains(r#"syncline_queue_enqueued_total{queue="queue"} 1"#));
/// # Ok(())
/// # }
/// ```
pub fn register(registry: &Registry, queue: &SyncQueue) -> Result<()> {
    registry.register(Box::new(collector::Collected::new(queue)?))
}
