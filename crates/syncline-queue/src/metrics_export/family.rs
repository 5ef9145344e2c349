//! Metrics that are made anew for each scrape.

use std::collections::HashMap;

use prometheus::{
    Result,
    core::Desc,
    proto::{Bucket, Counter, Gauge, Histogram as Buckets, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::Histogram;

/// The label that every metric has.
const QUEUE: &str = "queue";

/// A metric of one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) kind: MetricType,
}

/// What one series shows.
#[derive(Debug)]
pub(super) enum Value {
    Count(u64),
    Level(f64),
    Spread(Histogram),
}

/// One series: its labels' values, in the order of the family's labels.
pub(super) type Series = (Vec<&'static str>, Value);

impl Family {
    pub(super) fn desc(&self, queue: &str) -> Result<Desc> {
        let labels = self.labels.iter().map(|label| (*label).to_owned()).collect();
        let always = HashMap::from([(QUEUE.to_owned(), queue.to_owned())]);
        Desc::new(self.name.to_owned(), self.help.to_owned(), labels, always)
    }

    pub(super) fn of(&self, queue: &str, series: Vec<Series>) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        let metrics = series.into_iter().map(|(values, value)| metric(self.pairs(queue, &values), value));
        family.set_metric(metrics.collect());
        family
    }

    fn pairs(&self, queue: &str, values: &[&str]) -> Vec<LabelPair> {
        let own = self.labels.iter().copied().zip(values.iter().copied());
        let mut pairs: Vec<_> = own.chain([(QUEUE, queue)]).collect();
        pairs.sort_unstable();
        pairs
            .into_iter()
            .map(|(name, value)| {
                let mut pair = LabelPair::default();
                pair.set_name(name.to_owned());
                pair.set_value(value.to_owned());
                pair
            })
            .collect()
    }
}

fn metric(labels: Vec<LabelPair>, value: Value) -> Metric {
    let mut metric = Metric::default();
    metric.set_label(labels);
    match value {
        Value::Count(count) => {
            let mut counter = Counter::default();
            counter.set_value(count as f64);
            metric.set_counter(counter);
        }
        Value::Level(level) => {
            let mut gauge = Gauge::default();
            gauge.set_value(level);
            metric.set_gauge(gauge);
        }
        Value::Spread(histogram) => metric.set_histogram(buckets(&histogram)),
    }
    metric
}

fn buckets(histogram: &Histogram) -> Buckets {
    let mut all = Buckets::default();
    all.set_sample_count(histogram.count());
    all.set_sample_sum(histogram.sum());
    let each = histogram.buckets().map(|(bound, below)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    all.set_bucket(each.collect());
    all
}
