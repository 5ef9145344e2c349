//! The file of the original queue, taken over once.
//!
//! The original kept a queue in one file; here its path names a directory. [`take_over`] reads the file, builds the directory
//! beside it and puts it in its place. Everything is decided by the bytes that are there, never by the settings.

mod file;
mod items;
mod swap;
#[cfg(test)]
mod tests;
mod unpack;

use std::path::Path;

use syncline_core::port::Moment;
use syncline_journal::{FileDisk, Journal};

use self::{items::Contents, swap::Places};
use crate::{JournalQueueStorage, QueueConfig, QueueError, QueueResult};

/// What an opening brings for the queue that is built.
pub(crate) struct Target<'a> {
    pub(crate) config: &'a QueueConfig,
    /// The key as it was given: the original took any 32 bytes.
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) journal: syncline_journal::Config,
    pub(crate) queue: &'a str,
    pub(crate) now: Moment,
}

/// Where a stop is tried in tests; each step is named by what was done last.
type Step<'a> = &'a mut dyn FnMut(&str) -> QueueResult<()>;

/// Makes the path of a queue the directory that it should be, where a file of the original stands there or was being taken
/// over when its process ended. Does nothing otherwise.
///
/// # Errors
///
/// What the file cannot be read for, naming it; it is untouched then.
pub(crate) fn take_over(path: &Path, target: &Target<'_>) -> QueueResult<()> {
    take_over_by_steps(path, target, &mut |_| Ok(()))
}

fn take_over_by_steps(path: &Path, target: &Target<'_>, step: Step<'_>) -> QueueResult<()> {
    let places = Places::of(path);
    let Some(original) = file::lock(path)? else { return swap::complete(&places) };
    swap::check_room(&places)?;
    let bytes = file::read(&original, path)?;
    let named = |error: QueueError| file::named(error, path);
    let snapshot = unpack::unpack(bytes, target.key, unpack::SNAPSHOT_BYTES_MAX).map_err(named)?;
    let contents = items::read(&snapshot, target.config).map_err(named)?;
    swap::clear(&places)?;
    step("cleared")?;
    build(&places, target, &contents)?;
    step("built")?;
    swap::swap(&places, step)?;
    tell(&places, &contents);
    Ok(())
}

/// Builds the directory beside the file, on disk to the last byte.
fn build(places: &Places, target: &Target<'_>, contents: &Contents) -> QueueResult<()> {
    let disk = FileDisk::open(&places.building).map_err(QueueError::of_storage)?;
    let opened = Journal::open(std::sync::Arc::new(disk), target.journal.clone()).map_err(QueueError::of_storage)?;
    let storage = JournalQueueStorage::open(&opened.journal, target.queue).map_err(QueueError::of_storage)?;
    storage.take_in(&contents.items, target.now).map_err(QueueError::of_storage)?;
    drop(storage);
    opened.journal.close().map_err(QueueError::of_storage)
}

fn tell(places: &Places, contents: &Contents) {
    let counts = &contents.counts;
    tracing::info!(
        target: crate::TRACING_TARGET,
        path = %places.path.display(),
        kept_as = %places.backup.display(),
        waiting = counts.waiting,
        returned = counts.returned,
        dead = counts.dead,
        completed_skipped = counts.completed,
        cancelled_skipped = counts.cancelled,
        "took over the file of the original queue"
    );
}
