//! The metrics that are made anew for each scrape.

use prometheus::{
    Error, GaugeVec, IntCounterVec, Opts,
    core::{Collector as _, Desc},
    proto::MetricFamily,
};

/// A metric of one name.
#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

const fn family(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Family {
    Family { name, help, labels }
}

pub(super) const ATTEMPTS: Family = family("retry_attempts_total", "Attempts, first ones among them.", &["operation"]);
pub(super) const RETRIES: Family = family("retry_retries_total", "Retries that were decided on.", &["operation"]);
pub(super) const SUCCESSES: Family = family("retry_successes_total", "Operations that succeeded.", &["operation"]);
pub(super) const FAILURES: Family =
    family("retry_failures_total", "Operations that failed, by reason.", &["operation", "reason"]);
/// Made by whoever counts.
pub(super) const DELAYS: Family = family("retry_delay_seconds", "Delays before retries.", &["operation"]);
pub(super) const STATE: Family = family("circuit_breaker_state", "State: 0 closed, 1 open, 2 half-open.", &["name"]);
pub(super) const TRANSITIONS: Family = family("circuit_breaker_transitions_total", "Changes of state.", &["name"]);
pub(super) const REJECTED: Family =
    family("circuit_breaker_rejected_total", "Requests that the breaker refused.", &["name"]);
pub(super) const STALE: Family =
    family("circuit_breaker_stale_results_total", "Results that came too late to count.", &["name"]);
pub(super) const AVAILABLE: Family =
    family("retry_budget_available_tokens", "Tokens that could be taken now.", &["name"]);
pub(super) const CAPACITY: Family = family("retry_budget_capacity_tokens", "Tokens of a full budget.", &["name"]);
pub(super) const DENIED: Family =
    family("retry_budget_denied_total", "Retries that the budget did not pay for.", &["name"]);

/// Each of them.
pub(super) const ALL: [Family; 12] = [
    ATTEMPTS,
    RETRIES,
    SUCCESSES,
    FAILURES,
    DELAYS,
    STATE,
    TRANSITIONS,
    REJECTED,
    STALE,
    AVAILABLE,
    CAPACITY,
    DENIED,
];

impl Family {
    pub(super) fn desc(&self) -> Result<Desc, Error> {
        let labels = self.labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(self.name.to_owned(), self.help.to_owned(), labels, Default::default())
    }

    /// Counters with these values, by their labels.
    pub(super) fn counters<'a, const N: usize>(
        &self,
        values: impl IntoIterator<Item = ([&'a str; N], u64)>,
    ) -> Result<Vec<MetricFamily>, Error> {
        let counters = IntCounterVec::new(Opts::new(self.name, self.help), self.labels)?;
        for (labels, value) in values {
            counters.get_metric_with_label_values(&labels)?.inc_by(value);
        }
        Ok(counters.collect())
    }

    /// Gauges with these values, by name.
    pub(super) fn gauges<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<Vec<MetricFamily>, Error> {
        let gauges = GaugeVec::new(Opts::new(self.name, self.help), self.labels)?;
        for (name, value) in values {
            gauges.get_metric_with_label_values(&[name])?.set(value);
        }
        Ok(gauges.collect())
    }
}
