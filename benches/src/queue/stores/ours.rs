//! The queue of Syncline on a journal, as it is by default but for compression: noise cannot be compressed.

use std::{path::Path, sync::Arc};

use syncline_core::{Priority, rt::SystemClock};
use syncline_journal::{Config, FileDisk, Journal};
use syncline_queue::{QueueConfig, SyncItem, SyncQueue};

use super::super::{
    jobs::{BATCH_MAX, Jobs},
    store::{Client, Kind, Store, Wait, Way},
};
use crate::Result;

/// The queue of Syncline.
pub(in super::super) const OURS: Kind = Kind {
    name: "syncline",
    way: Way::Tasks,
    open: |dir, jobs| Box::pin(async move { Ok(Box::new(open(dir, jobs)?) as Box<dyn Store>) }),
    left: |dir, jobs| Box::pin(left(dir, jobs)),
};

/// More than a turn pushes.
const CAPACITY: usize = 1 << 30;

#[derive(Clone)]
struct Ours {
    queue: SyncQueue,
    journal: Journal,
    jobs: Arc<Jobs>,
}

fn open(dir: &Path, jobs: &Arc<Jobs>) -> Result<Ours> {
    let journal = Journal::open(Arc::new(FileDisk::open(dir)?), Config::default())?.journal;
    let config = QueueConfig { max_capacity: CAPACITY, ..QueueConfig::default() };
    let queue = SyncQueue::on_journal(&journal, "jobs", config, Arc::new(SystemClock))?;
    Ok(Ours { queue, journal, jobs: Arc::clone(jobs) })
}

impl Ours {
    fn item(&self, number: u64) -> SyncItem {
        SyncItem::with_id(format!("{number:016x}"), self.jobs.text(number).into(), Priority::Normal)
    }

    fn check(&self, item: &SyncItem) -> Result<u64> {
        let number = u64::from_str_radix(&item.id, 16)?;
        let text = item.payload.as_str().ok_or("a job came back as something else")?;
        self.jobs.check(number, text.as_bytes())?;
        Ok(number)
    }
}

impl Store for Ours {
    fn client(&self) -> Wait<'_, Box<dyn Client>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Client>) })
    }

    fn syncs(&self) -> Option<u64> {
        Some(self.journal.stats().syncs)
    }

    fn close(&self) -> Wait<'_, ()> {
        Box::pin(async {
            self.queue.shutdown().await?;
            Ok(self.journal.close()?)
        })
    }
}

impl Client for Ours {
    fn push(&mut self, first: u64, count: usize) -> Wait<'_, ()> {
        Box::pin(async move {
            if count == 1 {
                return Ok(self.queue.push(self.item(first)).await?);
            }
            let items = (first..).take(count).map(|number| self.item(number)).collect();
            match self.queue.push_batch(items).await?.len() {
                added if added == count => Ok(()),
                added => Err(format!("{count} jobs were pushed and {added} taken").into()),
            }
        })
    }

    fn work(&mut self, most: usize) -> Wait<'_, usize> {
        Box::pin(async move {
            let items = self.queue.pop_batch(most).await?;
            for item in &items {
                self.check(item)?;
            }
            if let [item] = &items[..] {
                self.queue.mark_completed_lease(&item.id, item.lease_token.unwrap_or(0)).await?;
                return Ok(1);
            }
            match self.queue.complete_batch(&items).await?.len() {
                0 => Ok(items.len()),
                lost => Err(format!("{lost} leases were lost").into()),
            }
        })
    }
}

async fn left(dir: &Path, jobs: &Arc<Jobs>) -> Result<Vec<u64>> {
    let ours = open(dir, jobs)?;
    let mut numbers = Vec::new();
    loop {
        let items = ours.queue.pop_batch(BATCH_MAX).await?;
        if items.is_empty() {
            ours.close().await?;
            return Ok(numbers);
        }
        for item in &items {
            numbers.push(ours.check(item)?);
        }
    }
}
