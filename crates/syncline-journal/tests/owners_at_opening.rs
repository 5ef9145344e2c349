//! Owners that are given to the opening: they hear what those hear that come later, and are thrown away where it fails.

#[expect(dead_code, reason = "nothing is held up here")]
mod common;

use std::sync::Arc;

use common::{GateDisk, Keeper};
use syncline_core::{ErrorKind, SecretKey, memory::MemoryDisk, port::Disk};
use syncline_journal::{Config, Durability, Entry, Journal, KeyRing, Owner, Seq};
use syncline_testkit::{SeededRandom, SimDisk};

const NAMES: [&str; 3] = ["orders", "nobody's", "bills"];

/// Frames of some bytes and of some hundred thousand, of three streams, one of them truncated in part; not closed in order.
fn fill(disk: &Arc<dyn Disk>, config: &Config, random: &SeededRandom, bytes: usize) {
    let journal = Journal::open(Arc::clone(disk), config.clone()).unwrap().journal;
    let streams = NAMES.map(|name| journal.stream(name, Arc::new(Keeper::default())).unwrap());
    let mut written = 0;
    while written < bytes {
        let mut transaction = journal.transaction();
        for _ in 0..=random.below(4) {
            let len = if random.once_in(8) { random.below(400_000) } else { random.below(300) };
            let (word, stream) = (random.word().to_le_bytes(), usize::try_from(random.below(3)).unwrap());
            let len = usize::try_from(len).unwrap();
            let record: Vec<u8> = word.iter().copied().cycle().take(len).collect();
            transaction.stage(&streams[stream], record).unwrap();
            written += len;
        }
        let last = transaction.commit(Durability::Buffered).unwrap().wait().unwrap().first;
        if random.once_in(50) {
            streams[0].truncate_below(Seq::new(last.get() * 2 / 3));
        }
    }
    // At least these, whatever was drawn.
    for stream in &streams {
        stream.append("the last", Durability::Sync).unwrap().wait().unwrap();
    }
    journal.close().unwrap();
}

fn check(config: &Config, bytes: usize) {
    let seed = syncline_testkit::seed();
    let random = SeededRandom::new(seed);
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    for _ in 0..2 {
        fill(&disk, config, &random, bytes);
    }
    let given: [Arc<Keeper>; 2] = std::array::from_fn(|_| Arc::default());
    let owners = [(NAMES[0], Arc::clone(&given[0]) as Arc<dyn Owner>), (NAMES[2], Arc::clone(&given[1]) as _)];
    let opened = Journal::open_with(Arc::clone(&disk), config.clone(), &owners).unwrap();
    assert_eq!(opened.streams.iter().map(|stream| stream.name()).collect::<Vec<_>>(), [NAMES[0], NAMES[2]]);
    assert_eq!(opened.journal.stream(NAMES[0], given[0].clone()).unwrap_err().kind(), ErrorKind::Conflict);
    let added = opened.streams[1].append("one more", Durability::Sync).unwrap().wait().unwrap().first;
    assert_eq!(given[1].seqs().last(), Some(&added.get()), "who was told of the past hears of the present");
    drop(opened.streams);
    opened.journal.close().unwrap();

    let journal = Journal::open(disk, config.clone()).unwrap().journal;
    for (name, given) in [NAMES[0], NAMES[2]].into_iter().zip(given) {
        let late = Arc::new(Keeper::default());
        let _stream = journal.stream(name, late.clone()).unwrap();
        let (given, late) = (given.entries(), late.entries());
        assert!(given == late, "{name} of {config:?}: {} and {} records", given.len(), late.len());
        assert!(!given.is_empty(), "{name} of {config:?}");
    }
}

#[test]
fn they_hear_what_those_hear_that_come_later() {
    let key = SecretKey::new([5; 32]).unwrap();
    for compression in [None, Some(1)] {
        for current in [None, Some(key.clone())] {
            let keys = KeyRing { current, older: Vec::new() };
            let config = Config { segment_bytes: 2 * 1_024 * 1_024, compression, keys, ..Config::default() };
            check(&config, 6_000_000);
            check(&Config { segment_bytes: 4_096, ..config }, 600_000);
        }
    }
}

/// What stood there was read once for the opening and once for each owner, and of frames that no window holds two of each was
/// read twice at that.
#[test]
fn it_is_read_once() {
    const MIB: usize = 1_024 * 1_024;
    for len in [300, 70_000, MIB + 50_000] {
        let disk = GateDisk::default();
        let config = Config { segment_bytes: 8 * MIB as u64, ..Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), config.clone()).unwrap().journal;
        let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
        let records = 20 * MIB / len;
        for _ in 0..records {
            drop(stream.append(vec![7; len], Durability::Buffered).unwrap());
        }
        drop(stream);
        journal.close().unwrap();
        let segments = disk.list().unwrap().len();
        let before = disk.bytes_read();
        let keeper = Arc::new(Keeper::default());
        Journal::open_with(Arc::new(disk.clone()), config, &[("orders", keeper.clone())]).unwrap();
        let read = disk.bytes_read() - before;
        assert_eq!(keeper.seqs().len(), records);
        // One window may reach beyond the end of each segment.
        assert!(read <= records * len * 5 / 4 + segments * MIB, "{read} bytes of {records} records of {len}");
    }
}

#[test]
fn a_new_stream_has_nothing_to_tell() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let keeper = Arc::new(Keeper::default());
    let opened = Journal::open_with(disk, Config::default(), &[("orders", keeper.clone())]).unwrap();
    assert!(keeper.seqs().is_empty());
    opened.streams[0].append("first", Durability::Sync).unwrap().wait().unwrap();
    assert_eq!(keeper.seqs(), [1]);
}

#[test]
fn a_stream_has_one_owner_and_a_name() {
    let keeper = || Arc::new(Keeper::default()) as Arc<dyn Owner>;
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let open = |owners: &[(&str, Arc<dyn Owner>)]| Journal::open_with(Arc::clone(&disk), Config::default(), owners);
    let twice = open(&[("orders", keeper()), ("bills", keeper()), ("orders", keeper())]);
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(open(&[("", keeper())]).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(disk.list().unwrap().is_empty(), "nothing is touched before");
}

struct Panics;

impl Owner for Panics {
    fn apply(&self, _: Entry) {
        panic!("an owner that panics, on purpose");
    }
}

#[test]
fn one_that_panics_ends_the_opening_and_nothing_else() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    fill(&disk, &Config::default(), &SeededRandom::new(1), 8_000_000);
    let panics: Arc<dyn Owner> = Arc::new(Panics);
    let failed = Journal::open_with(Arc::clone(&disk), Config::default(), &[("orders", panics)]);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Poisoned);
    let keeper = Arc::new(Keeper::default());
    Journal::open_with(disk, Config::default(), &[("orders", keeper.clone())]).unwrap();
    assert!(!keeper.seqs().is_empty());
}

/// What is told before the last segment is judged is of no use where that refuses; the directory is as it was.
#[test]
fn an_opening_that_is_refused_late_has_changed_nothing() {
    let disk = SimDisk::new(3);
    let config = Config { segment_bytes: 64 * 1_024, ..Config::default() };
    let port: Arc<dyn Disk> = Arc::new(disk.clone());
    fill(&port, &config, &SeededRandom::new(2), 4_000_000);
    let segments = disk.files().into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".seg"));
    let last = segments.filter(|name| name != "spare.seg").max().unwrap();
    // The first frame behind the header of the segment.
    assert!(disk.flip_bit(&last, 170 * 8));
    let before: Vec<_> = disk.files().into_iter().map(|(name, _)| (disk.contents(&name), name)).collect();
    let keeper = Arc::new(Keeper::default());
    let refused = Journal::open_with(port, config.clone(), &[("orders", keeper.clone())]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert!(keeper.seqs().len() > 10, "it was told of what stands before");
    let after: Vec<_> = disk.files().into_iter().map(|(name, _)| (disk.contents(&name), name)).collect();
    assert!(before == after, "a file changed");
    assert_eq!(Arc::strong_count(&keeper), 1, "nobody has it any more");
}
