//! What a registry asks when it is scraped.

use prometheus::{
    Result,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::read::{FAMILIES, series};
use crate::{SyncQueue, queue::WeakQueue};

/// A queue that is watched, without being kept alive.
pub(super) struct Collected {
    name: String,
    queue: WeakQueue,
    descs: Vec<Desc>,
}

impl Collected {
    pub(super) fn new(queue: &SyncQueue) -> Result<Self> {
        let name = queue.name().to_owned();
        let descs = FAMILIES.iter().map(|family| family.desc(&name)).collect::<Result<_>>()?;
        Ok(Self { name, queue: queue.downgrade(), descs })
    }
}

impl Collector for Collected {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(queue) = self.queue.upgrade() else { return Vec::new() };
        let families = FAMILIES.iter().zip(series(&queue));
        families
            .filter(|(_, series)| !series.is_empty())
            .map(|(family, series)| family.of(&self.name, series))
            .collect()
    }
}
