//! A queue that is opened where its journal has become too large.

use std::{sync::Arc, time::Duration};

use syncline_core::Priority;
use syncline_journal::Config;
use syncline_queue::JournalQueueStorage;
use syncline_testkit::{SimDisk, disk::Event, seed};

use super::{claim, done, item, journal, push, rest, settle};

const ITEMS: usize = 60;
const OPENINGS: usize = 200;
/// The journal does nothing by time.
const NEVER: Duration = Duration::from_secs(3_600);

fn config() -> Config {
    Config { segment_bytes: 8 * 1_024, witness_after: NEVER, ..Config::default() }
}

/// A queue that kept one item, in its second segment, was killed before it gave back any space.
async fn crowded() -> SimDisk {
    let disk = SimDisk::new(seed());
    let journal = journal(Arc::new(disk.clone()), config());
    let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
    for number in 0..ITEMS {
        push(&queue, &[item(number.to_string(), Priority::Normal, 700)], 1).await;
    }
    let mut claimed = claim(&queue, ITEMS, 1).await;
    claimed.retain(|one| one.id != "15");
    settle(&queue, &claimed, done(), 1).await;
    rest(&journal);
    disk.kill_image()
}

/// What an opening asks of the disk.
fn calls(image: &SimDisk) -> Vec<Event> {
    let disk = image.kill_image();
    disk.record();
    let journal = journal(Arc::new(disk.clone()), config());
    let queue = JournalQueueStorage::open(&journal, "jobs").unwrap();
    rest(&journal);
    assert!(disk.files().len() < image.files().len(), "nothing was given back");
    drop(queue);
    journal.close().unwrap();
    disk.events()
}

/// What went wrong: an opening asked for the space of dead segments, and while a thread of the journal gave that back, handed
/// over what was to be moved. Who of the two was first, and how often the disk was synced, was chance: no seed told one history.
#[tokio::test]
async fn an_opening_that_gives_space_back_and_moves_items_does_the_same_every_time() {
    let image = crowded().await;
    let first = calls(&image);
    for _ in 0..OPENINGS {
        assert!(calls(&image) == first, "two openings of one image did not do the same");
    }
}
