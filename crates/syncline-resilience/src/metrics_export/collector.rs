//! What a registry asks when it is scraped.

use prometheus::{
    Error,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{families, subjects};
use crate::{TRACING_TARGET, observe::counts};

/// Reads all that is exported.
pub(super) struct Exporter {
    descs: Vec<Desc>,
}

impl Exporter {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self {
            descs: families::ALL.iter().map(families::Family::desc).collect::<Result<_, _>>()?,
        })
    }
}

impl Collector for Exporter {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let rooms = [operations(), breakers(), budgets()];
        let collected = rooms.into_iter().collect::<Result<Vec<_>, _>>();
        let collected = collected.unwrap_or_else(|error| {
            tracing::error!(target: TRACING_TARGET, %error, "metrics of the retries cannot be collected");
            Vec::new()
        });
        collected.into_iter().flatten().collect()
    }
}

fn operations() -> Result<Vec<MetricFamily>, Error> {
    let totals = counts::totals();
    let by_name = |value: fn(&counts::Totals) -> u64| totals.iter().map(move |(name, all)| ([*name], value(all)));
    let failures = totals
        .iter()
        .flat_map(|(name, all)| all.failures().map(move |(reason, count)| ([*name, reason.label()], count)));
    Ok([
        families::ATTEMPTS.counters(by_name(|all| all.attempts))?,
        families::RETRIES.counters(by_name(|all| all.retries))?,
        families::SUCCESSES.counters(by_name(|all| all.successes))?,
        families::FAILURES.counters(failures)?,
        counts::delays(),
    ]
    .concat())
}

fn breakers() -> Result<Vec<MetricFamily>, Error> {
    let all = subjects::breakers().scrape();
    let states = all.iter().filter_map(|(name, read)| Some((&**name, f64::from(read.level?.as_u8()))));
    let by_name = |value: fn(&subjects::BreakerTotals) -> u64| {
        all.iter().map(move |(name, read)| ([&**name], value(&read.totals)))
    };
    Ok([
        families::STATE.gauges(states)?,
        families::TRANSITIONS.counters(by_name(|totals| totals.transitions))?,
        families::REJECTED.counters(by_name(|totals| totals.rejected))?,
        families::STALE.counters(by_name(|totals| totals.stale))?,
    ]
    .concat())
}

fn budgets() -> Result<Vec<MetricFamily>, Error> {
    let all = subjects::budgets().scrape();
    let levels = |value: fn(&subjects::Tokens) -> f64| {
        all.iter().filter_map(move |(name, read)| Some((&**name, value(read.level.as_ref()?))))
    };
    Ok([
        families::AVAILABLE.gauges(levels(|tokens| tokens.available))?,
        families::CAPACITY.gauges(levels(|tokens| tokens.capacity))?,
        families::DENIED.counters(all.iter().map(|(name, read)| ([&**name], read.totals.denied)))?,
    ]
    .concat())
}

/// Says to a registry that it has the exporter, and shows nothing. The exporter cannot say it itself: a registry that refuses
/// it may have a metric of somebody else.
#[derive(Clone)]
pub(super) struct Mark(Desc);

impl Mark {
    pub(super) fn new() -> Result<Self, Error> {
        let desc = Desc::new(
            "syncline_resilience_metrics_exporter".to_owned(),
            "Whether the exporter is in place.".to_owned(),
            Vec::new(),
            Default::default(),
        );
        Ok(Self(desc?))
    }
}

impl Collector for Mark {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        Vec::new()
    }
}
