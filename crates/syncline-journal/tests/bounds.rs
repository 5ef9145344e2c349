//! What stays bounded: open files, the manifest, the least space.

#[expect(dead_code, reason = "nothing is held up here")]
mod common;

use std::sync::Arc;

use common::{GateDisk, Keeper, small};
use syncline_core::{
    ErrorKind,
    memory::MemoryDisk,
    port::{Disk, OpenMode},
};
use syncline_journal::{
    Config, Durability, FileDisk, Journal,
    sim::{Log, Submission},
};
use syncline_testkit::{SeededRandom, SimDisk};

/// All segments were kept open while the first was read: a journal of more segments than a process may have files could be
/// written, and then not be opened.
#[test]
fn a_journal_of_many_segments_opens_with_few_open_files() {
    let disk = GateDisk::default();
    let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    for _ in 0..60 {
        stream.append(vec![7; 12 * 1_024], Durability::Buffered).unwrap().wait().unwrap();
    }
    drop((stream, journal));
    let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let keeper = Arc::new(Keeper::default());
    let _stream = journal.stream("orders", keeper.clone()).unwrap();
    assert_eq!(keeper.seqs().len(), 60);
    assert!(journal.stats().segments > 50 && disk.most_open() < 10, "{} were open", disk.most_open());
}

/// A manifest was written that was too large to be read: with it, all the journal was out of reach.
#[test]
fn a_manifest_that_could_not_be_read_again_is_not_written() {
    let disk = MemoryDisk::new();
    let open = || Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let journal = open();
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    journal.set_mark("large", &vec![0; 17 * 1_024 * 1_024]);
    assert_eq!(journal.stream("other", Arc::new(Keeper::default())).unwrap_err().kind(), ErrorKind::Full);
    stream.append("kept", Durability::Sync).unwrap().wait().unwrap();
    assert_eq!(journal.close().unwrap_err().kind(), ErrorKind::Full, "the mark is not kept");
    drop((stream, journal));
    let journal = open();
    assert_eq!((journal.mark("large"), journal.unowned_streams()), (None, vec!["orders".to_owned()]));
    assert_eq!(journal.verify().unwrap().records, 1);
}

/// No space for nothing is an error of the system: such a journal could never be written to.
#[test]
fn segments_of_no_bytes_hold_what_is_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { segment_bytes: 0, ..Config::default() };
    let open = || {
        let disk = FileDisk::open(dir.path()).unwrap();
        Journal::open(Arc::new(disk), config.clone()).unwrap().journal
    };
    let journal = open();
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    for size in [0, 1, 10_000] {
        stream.append(vec![7; size], Durability::Sync).unwrap().wait().unwrap();
    }
    drop((stream, journal));
    let keeper = Arc::new(Keeper::default());
    let _stream = open().stream("orders", keeper.clone()).unwrap();
    assert_eq!(keeper.seqs(), [1, 2, 3]);
}

/// Opening asked for a sixteenth of a segment at least: where there was less, what would have freed space could not run.
#[test]
fn a_disk_nearly_full_still_opens_and_takes_what_frees_space() {
    let disk = SimDisk::new(1);
    let open = || {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Log::open(disk, Config::default(), Arc::new(SeededRandom::new(3))).unwrap().0
    };
    let mut log = open();
    let (stream, _) = log.register("orders").unwrap();
    let submission = |essential| [Submission { records: vec![(stream, "x".into())], essential }];
    log.write(&submission(false)).unwrap();
    log.close().unwrap();
    drop(log);
    let other = disk.open("other", OpenMode::Create).unwrap();
    disk.remove("spare.seg").unwrap();
    let used = disk.used();
    other.allocate(4_096).unwrap();
    disk.set_capacity(Some(used + 200 * 1_024));
    let mut log = open();
    assert_eq!(log.write(&submission(false)).unwrap_err().kind(), ErrorKind::Full);
    log.write(&submission(true)).unwrap();
    log.sync().unwrap();
    log.close().unwrap();
}
