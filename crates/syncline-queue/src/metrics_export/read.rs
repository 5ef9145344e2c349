//! Which metrics there are, and what a queue shows for each.

use std::time::Duration;

use prometheus::proto::MetricType::{self, COUNTER, GAUGE, HISTOGRAM};

use super::family::{
    Family, Series,
    Value::{self, Count, Level, Spread},
};
use crate::{Priority, Reason, SyncQueue};

const fn family(kind: MetricType, name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { name, help, labels, kind }
}

/// Each of them, in the order of [`series`].
pub(super) const FAMILIES: [Family; 28] = [
    family(GAUGE, "syncline_queue_items", "Items, by where they stand.", &["priority", "state"]),
    family(
        GAUGE,
        "syncline_queue_oldest_item_age_seconds",
        "How long the first could have been had.",
        &["priority"],
    ),
    family(
        GAUGE,
        "syncline_queue_oldest_dead_age_seconds",
        "How long the oldest dead letter has been one.",
        &[],
    ),
    family(GAUGE, "syncline_queue_capacity_ratio", "Items that live, of those that may.", &[]),
    family(COUNTER, "syncline_queue_enqueued_total", "Items that were pushed.", &[]),
    family(COUNTER, "syncline_queue_dequeued_total", "Items that were handed out, each time.", &[]),
    family(COUNTER, "syncline_queue_completed_total", "Items that were completed.", &[]),
    family(COUNTER, "syncline_queue_failed_total", "Attempts that failed.", &["final"]),
    family(COUNTER, "syncline_queue_dead_total", "Items that died.", &["reason"]),
    family(COUNTER, "syncline_queue_cancelled_total", "Items that were withdrawn.", &[]),
    family(COUNTER, "syncline_queue_redriven_total", "Dead letters that were given their attempts back.", &[]),
    family(COUNTER, "syncline_queue_dead_expired_total", "Dead letters whose time was over.", &[]),
    family(COUNTER, "syncline_queue_lease_expired_total", "Leases that ended without an outcome.", &[]),
    family(COUNTER, "syncline_queue_stale_settle_total", "Outcomes under a lease that had ended.", &[]),
    family(COUNTER, "syncline_queue_deduplicated_total", "Items that were there already.", &[]),
    family(COUNTER, "syncline_queue_rejected_total", "Pushes that were refused.", &["reason"]),
    family(COUNTER, "syncline_queue_panics_total", "Attempts whose handler panicked.", &[]),
    family(COUNTER, "syncline_queue_overruns_total", "Attempts whose handler did not end by its deadline.", &[]),
    family(HISTOGRAM, "syncline_queue_wait_seconds", "From when an item could be handed out.", &["priority"]),
    family(HISTOGRAM, "syncline_queue_processing_seconds", "Seconds in hand.", &["outcome"]),
    family(HISTOGRAM, "syncline_queue_attempts", "Attempts of items that ended.", &[]),
    family(GAUGE, "syncline_queue_poisoned", "1 when only opening it again helps.", &[]),
    family(GAUGE, "syncline_queue_log_bytes", "Bytes that its journal takes on disk.", &[]),
    family(GAUGE, "syncline_queue_log_segments", "Segments of its journal.", &[]),
    family(COUNTER, "syncline_queue_log_written_bytes_total", "Bytes written to its journal.", &[]),
    family(COUNTER, "syncline_queue_log_records_total", "Records written to its journal.", &[]),
    family(COUNTER, "syncline_queue_log_syncs_total", "Syncs of its journal.", &[]),
    family(COUNTER, "syncline_queue_compression_saved_bytes_total", "Bytes that compression has saved.", &[]),
];

/// What `queue` shows for each family; nothing where it does not apply.
pub(super) fn series(queue: &SyncQueue) -> [Vec<Series>; 28] {
    let metrics = queue.metrics();
    let spread = queue.distributions();
    let log = queue.own_journal();
    let of_log = |read: fn(&syncline_journal::Stats) -> Value| log.as_ref().map_or_else(Vec::new, |log| one(read(log)));
    let (waiting, dead) = ages(queue);
    let (failed, rejected) = (metrics.failed, metrics.rejected);
    let is_poisoned = queue.health().reasons.contains(&Reason::Poisoned);
    [
        items(queue),
        waiting,
        dead,
        one(Level(metrics.current_size as f64 / queue.config().max_capacity as f64)),
        one(Count(metrics.total_enqueued)),
        one(Count(metrics.total_dequeued)),
        one(Count(metrics.total_completed)),
        vec![(vec!["true"], Count(metrics.total_failed)), (vec!["false"], Count(metrics.total_retried))],
        vec![
            (vec!["exhausted"], Count(failed.exhausted)),
            (vec!["rejected"], Count(failed.rejected)),
            (vec!["expired"], Count(failed.expired)),
            (vec!["corrupt"], Count(failed.corrupt)),
        ],
        one(Count(metrics.total_cancelled)),
        one(Count(metrics.total_redriven)),
        one(Count(metrics.total_dead_expired)),
        one(Count(metrics.total_leases_expired)),
        one(Count(metrics.total_leases_lost)),
        one(Count(metrics.deduplication_hits)),
        vec![
            (vec!["capacity"], Count(rejected.capacity)),
            (vec!["too_large"], Count(rejected.too_large)),
            (vec!["storage_full"], Count(rejected.storage_full)),
            (vec!["shutdown"], Count(rejected.shutdown)),
        ],
        one(Count(metrics.total_panics)),
        one(Count(metrics.total_overruns)),
        Priority::ALL
            .iter()
            .zip(spread.wait)
            .map(|(priority, waits)| (vec![label(*priority)], Spread(waits)))
            .collect(),
        vec![
            (vec!["completed"], Spread(spread.completed)),
            (vec!["retried"], Spread(spread.retried)),
            (vec!["dead"], Spread(spread.dead)),
        ],
        one(Spread(spread.attempts)),
        one(Level(f64::from(u8::from(is_poisoned)))),
        of_log(|log| Level(log.disk_bytes as f64)),
        of_log(|log| Level(log.segments as f64)),
        of_log(|log| Count(log.bytes)),
        of_log(|log| Count(log.records)),
        of_log(|log| Count(log.syncs)),
        log.as_ref().map_or_else(Vec::new, |_| one(Count(metrics.compression_bytes_saved))),
    ]
}

fn one(value: Value) -> Vec<Series> {
    vec![(Vec::new(), value)]
}

fn items(queue: &SyncQueue) -> Vec<Series> {
    let stats = queue.stats_now();
    let states = [("waiting", stats.waiting), ("processing", stats.leased), ("dead", stats.dead)];
    let of = |(state, levels): (&'static str, [u64; 5])| {
        let levels = Priority::ALL.iter().zip(levels);
        levels
            .map(|(priority, count)| (vec![label(*priority), state], Level(count as f64)))
            .collect::<Vec<_>>()
    };
    states.into_iter().flat_map(of).collect()
}

/// Zero where nothing waits: an alarm that fires on the age has to end.
fn ages(queue: &SyncQueue) -> (Vec<Series>, Vec<Series>) {
    let (waiting, dead) = queue.ages();
    let seconds = |age: Option<Duration>| Level(age.unwrap_or_default().as_secs_f64());
    let waiting = Priority::ALL.iter().zip(waiting);
    let waiting = waiting.map(|(priority, age)| (vec![label(*priority)], seconds(age))).collect();
    (waiting, one(seconds(dead)))
}

fn label(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical => "critical",
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
        Priority::Background => "background",
    }
}
