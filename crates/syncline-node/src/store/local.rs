//! The directory in this process: for its own commands, and for those that come through the control socket.

use std::{path::Path, sync::Arc, time::Duration};

use syncline::{
    Backup, Error, Inspection, Result, RetryStrategy, Stats, Syncline, Verified,
    engine::{Submitted, SyncItem},
    retry::Backoff,
};

use super::item::{Item, NewItem, Page, Put, PutResult, Scan};
use super::queue::{self, Ask, Events, Hands, Told};

/// Rough size of a page in bytes: small in memory, large enough that pages are few.
const PAGE_BYTES: usize = 4 * 1_024 * 1_024;
/// Items of the first read of a page, whose size nobody knows yet.
const FIRST_STEP: usize = 4;
/// How much larger the next read may be than the one before.
const GROWTH: usize = 8;
/// How long the end waits for an archive that is down.
const LAST_TRY: Duration = Duration::from_secs(2);
/// How often the end looks whether the archive is down.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Most items of one read.
const STEP_MAX: usize = 1_000;

/// A directory that this process holds.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    syncline: Arc<Syncline>,
    /// Whether it is held until the user wants it to end.
    is_keeper: bool,
}

impl Local {
    /// The commands of `syncline`; a keeper holds it until its user wants it to end.
    pub(crate) fn new(syncline: Arc<Syncline>, is_keeper: bool) -> Self {
        Self { syncline, is_keeper }
    }

    /// One item.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Item>> {
        Ok(self.syncline.engine().get(id).await?.map(|item| Item::from(&item)))
    }

    /// Stores items; each result stands where its item stood.
    pub(crate) async fn put_many(&self, items: Vec<NewItem>, only_changed: bool) -> Vec<PutResult> {
        let mut results: Vec<Option<PutResult>> = Vec::with_capacity(items.len());
        let mut good = Vec::with_capacity(items.len());
        for item in items {
            match item.into_item() {
                Ok(item) => {
                    good.push(item);
                    results.push(None);
                }
                Err(error) => results.push(Some(Err(error))),
            }
        }
        let mut submitted = self.submit(good, only_changed).await.into_iter();
        let missing = || Err(Error::new(syncline::ErrorKind::Unknown, "the engine gave no result for an item"));
        results
            .into_iter()
            .map(|refused| refused.or_else(|| submitted.next()).unwrap_or_else(missing))
            .collect()
    }

    async fn submit(&self, items: Vec<SyncItem>, only_changed: bool) -> Vec<PutResult> {
        let engine = self.syncline.engine();
        if only_changed {
            let results = engine.submit_changed(items).await;
            return results.into_iter().map(|result| result.map(|submitted| put(&submitted))).collect();
        }
        let results = engine.submit_many(items).await;
        let accepted = |receipt: syncline::engine::Receipt| Put::Accepted { version: receipt.version().to_string() };
        results.into_iter().map(|result| result.map(accepted)).collect()
    }

    /// Deletes one item: the version of its tombstone, or `None` when there is no such item.
    pub(crate) async fn delete(&self, id: &str) -> Result<Option<String>> {
        let engine = self.syncline.engine();
        if engine.get(id).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(engine.delete(id).await?.version().to_string()))
    }

    /// One page of items: at most as many as asked for, fewer when they are large.
    pub(crate) async fn scan(&self, scan: &Scan) -> Result<Page> {
        let mut page = Page { items: Vec::new(), more: true };
        let (mut after, mut bytes, mut step) = (scan.after.clone(), 0, FIRST_STEP);
        while page.more && page.items.len() < scan.limit && bytes < PAGE_BYTES {
            let wanted = step.min(scan.limit - page.items.len());
            let items = self.syncline.engine().scan_prefix(&scan.prefix, after.as_deref(), wanted).await?;
            page.more = items.len() == wanted;
            for item in &items {
                // What does not fit is read again with the next page.
                if bytes >= PAGE_BYTES {
                    page.more = true;
                    break;
                }
                bytes += item.content_bytes().len();
                page.items.push(Item::from(item));
            }
            after = page.items.last().map(|item| item.about.id.clone()).or(after);
            step = next_step(step, page.items.len(), bytes);
        }
        Ok(page)
    }

    /// Waits until all that was accepted so far is archived.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.syncline.engine().flush().await
    }

    /// Counts.
    pub(crate) async fn stats(&self) -> Result<Stats> {
        self.syncline.stats().await
    }

    /// Reads everything back.
    pub(crate) async fn verify(&self) -> Result<Verified> {
        self.syncline.verify().await
    }

    /// Copies the archive, with all that was accepted so far, to `dest`.
    pub(crate) async fn backup(&self, dest: &Path) -> Result<Backup> {
        self.syncline.backup(dest).await
    }

    /// Asks the queue called `name`.
    pub(crate) async fn queue(&self, name: &str, ask: Ask) -> Result<Told> {
        queue::ask(&self.syncline, name, ask, Hands::Own).await
    }

    /// What happens on it from now on.
    pub(crate) async fn events(&self, name: &str) -> Result<Events> {
        queue::events(&self.syncline, name).await
    }

    /// Asks it for another process.
    pub(crate) async fn queue_for_others(&self, name: &str, ask: Ask) -> Result<Told> {
        let hands = if self.is_keeper { Hands::Kept } else { Hands::Passing };
        queue::ask(&self.syncline, name, ask, hands).await
    }

    /// What a doctor looks at.
    pub(crate) async fn inspect(&self) -> Result<Inspection> {
        self.syncline.inspect().await
    }

    /// What the archive said when it last failed, if it has failed and not answered since.
    pub(crate) fn archive_error(&self) -> Option<String> {
        let stats = self.syncline.engine().stats();
        stats.archive_error.filter(|_| stats.archive_is_up == Some(false))
    }

    /// Archives what is pending within the deadline, and lets go of the directory.
    ///
    /// # Errors
    ///
    /// When something that was accepted is not archived: it is safe in the journal, but not where it was meant to go.
    pub(crate) async fn close(&self) -> Result<()> {
        let report = tokio::select! {
            // Whether it worked is what the report says.
            _ = self.flush() => self.syncline.shutdown().await,
            // It will hardly take everything before a person has looked at it.
            () = self.archive_goes_down() => self.syncline.shutdown_within(LAST_TRY).await,
        };
        match report.pending_left {
            0 => Ok(()),
            left => {
                let message = format!(
                    "{left} records are not archived yet; they are safe in the journal, and the next command goes on"
                );
                Err(Error::new(syncline::ErrorKind::Unavailable, message))
            }
        }
    }
}

fn put(submitted: &Submitted) -> Put {
    match submitted {
        Submitted::Accepted(receipt) => Put::Accepted { version: receipt.version().to_string() },
        Submitted::Unchanged => Put::Unchanged,
    }
}

impl Local {
    /// Resolves when the archive has failed and not answered since.
    async fn archive_goes_down(&self) {
        let looking = RetryStrategy::new().with_unlimited_attempts().with_backoff(Backoff::constant(LOOK_EVERY));
        let found = looking.execute(|| async { self.archive_error().map(drop).ok_or("it is up") }).await;
        // Without a bound it ends in one way only.
        debug_assert!(found.is_ok());
    }
}

/// How many items to read next, going by the size of those seen. It grows step by step, for sizes differ.
fn next_step(step: usize, items: usize, bytes: usize) -> usize {
    let mean_bytes = bytes.checked_div(items).unwrap_or(0).max(1);
    let room = PAGE_BYTES.saturating_sub(bytes) / mean_bytes;
    room.clamp(1, STEP_MAX).min(step * GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_items_come_one_by_one_and_small_ones_by_the_thousand() {
        assert_eq!(next_step(FIRST_STEP, FIRST_STEP, 400), FIRST_STEP * GROWTH);
        assert_eq!(next_step(STEP_MAX, STEP_MAX, STEP_MAX * 400), STEP_MAX);
        assert_eq!(next_step(8, 1, PAGE_BYTES * 2), 1);
        assert_eq!(next_step(8, 8, PAGE_BYTES / 2), 8);
        assert_eq!(next_step(8, 0, 0), 8 * GROWTH);
    }
}
