//! The journal as its users see it: appends, streams, reopening.

use std::sync::{Arc, Mutex};

use syncline_core::{ErrorKind, SecretKey, memory::MemoryDisk, port::Disk};
use syncline_journal::{Config, Durability, Entry, FileDisk, Journal, KeyRing, Opened, Owner, Seq};

/// Keeps what it is told.
#[derive(Default)]
struct Keeper(Mutex<Vec<(u64, Vec<u8>)>>);

impl Owner for Keeper {
    fn apply(&self, entry: Entry) {
        self.0.lock().unwrap().push((entry.seq.get(), entry.payload.to_vec()));
    }
}

impl Keeper {
    fn texts(&self) -> Vec<String> {
        let records = self.0.lock().unwrap();
        records.iter().map(|(_, payload)| String::from_utf8_lossy(payload).into_owned()).collect()
    }
}

fn small() -> Config {
    Config { segment_bytes: 16 * 1_024, ..Config::default() }
}

fn open(disk: &MemoryDisk, config: Config) -> Opened {
    Journal::open(Arc::new(disk.clone()), config).unwrap()
}

#[test]
fn what_was_committed_is_replayed_in_order_after_reopening() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, small()).journal;
    let keeper = Arc::new(Keeper::default());
    let stream = journal.stream("orders", keeper.clone()).unwrap();
    let texts: Vec<String> = (0..500).map(|i| format!("record {i} {}", "x".repeat(i % 97))).collect();
    for text in &texts {
        stream.append(text.clone(), Durability::Sync).unwrap().wait().unwrap();
    }
    assert_eq!(keeper.texts(), texts);
    assert!(journal.stats().segments > 1, "{:?}", journal.stats());
    journal.close().unwrap();

    let Opened { journal, report, .. } = open(&disk, small());
    assert!(report.clean_close && report.torn.is_none() && report.lost.is_empty(), "{report:?}");
    assert_eq!(report.records, 500);
    let keeper = Arc::new(Keeper::default());
    let stream = journal.stream("orders", keeper.clone()).unwrap();
    assert_eq!(keeper.texts(), texts);
    assert_eq!(stream.append("next", Durability::Sync).unwrap().wait().unwrap().first, Seq::new(501));
    assert_eq!(journal.verify().unwrap().records, 501);
}

#[test]
fn a_journal_that_was_killed_opens_with_all_that_was_written() {
    let disk = MemoryDisk::new();
    for round in 0..5_u64 {
        let copy = disk.clone();
        let journal = open(&copy, small()).journal;
        let keeper = Arc::new(Keeper::default());
        let stream = journal.stream("orders", keeper.clone()).unwrap();
        assert_eq!(keeper.texts().len() as u64, round * 10);
        for i in 0..10 {
            stream.append(format!("{round}.{i}"), Durability::Buffered).unwrap().wait().unwrap();
        }
        // Nothing is closed in order: what a killed process leaves is what it wrote.
        std::mem::forget((stream, journal));
        copy.break_lock();
    }
}

#[test]
fn a_transaction_over_two_streams_reaches_both_owners() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, small()).journal;
    let (left, right) = (Arc::new(Keeper::default()), Arc::new(Keeper::default()));
    let a = journal.stream("left", left.clone()).unwrap();
    let b = journal.stream("right", right.clone()).unwrap();
    let mut transaction = journal.transaction();
    transaction.stage(&a, "1").unwrap();
    transaction.stage(&b, "2").unwrap();
    transaction.stage(&a, "3").unwrap();
    let committed = transaction.commit(Durability::Sync).unwrap().wait().unwrap();
    assert_eq!((committed.first.get(), committed.last.get()), (1, 3));
    assert_eq!((left.texts(), right.texts()), (vec!["1".into(), "3".into()], vec!["2".into()]));
}

#[test]
fn a_truncated_prefix_gives_its_segments_back() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, small()).journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    let mut last = Seq::default();
    for _ in 0..400 {
        last = stream.append(vec![7; 400], Durability::Buffered).unwrap().wait().unwrap().last;
    }
    let before = journal.stats().segments;
    stream.truncate_below(last);
    stream.append("one more", Durability::Sync).unwrap().wait().unwrap();
    journal.close().unwrap();
    let journal = open(&disk, small()).journal;
    let keeper = Arc::new(Keeper::default());
    let _stream = journal.stream("orders", keeper.clone()).unwrap();
    assert!(before > 8 && journal.stats().segments <= 3, "{before} then {:?}", journal.stats());
    assert_eq!(keeper.0.lock().unwrap().first().unwrap().0, last.get());
}

#[test]
fn a_second_opener_hears_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let disk = FileDisk::open(dir.path().join("journal")).unwrap();
        Journal::open(Arc::new(disk), Config { lock_patience: std::time::Duration::ZERO, ..Config::default() })
    };
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    first.journal.close().unwrap();
    open().unwrap();
}

#[test]
fn encrypted_records_open_with_any_key_on_the_ring_and_with_no_other() {
    let [first, second, stranger] = [1, 2, 3].map(|byte| SecretKey::new([byte; 32]).unwrap());
    let disk = MemoryDisk::new();
    let with = |current: &SecretKey, older: &[&SecretKey]| {
        let keys = KeyRing {
            current: Some(current.clone()),
            older: older.iter().map(|key| (*key).clone()).collect(),
        };
        Journal::open(Arc::new(disk.clone()), Config { keys, compression: Some(1), ..small() })
    };
    let journal = with(&first, &[]).unwrap().journal;
    let stream = journal.stream("secrets", Arc::new(Keeper::default())).unwrap();
    for i in 0..40 {
        stream
            .append(format!("the secret number {i}").repeat(20), Durability::Sync)
            .unwrap()
            .wait()
            .unwrap();
    }
    journal.close().unwrap();
    drop((stream, journal));

    let before = snapshot(&disk);
    assert!(before.iter().all(|(_, bytes)| memchr::memmem::find(bytes, b"secret number").is_none()));
    let error = with(&stranger, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let error = Journal::open(Arc::new(disk.clone()), small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(snapshot(&disk), before, "a wrong key changes nothing");

    let journal = with(&second, &[&first]).unwrap().journal;
    let keeper = Arc::new(Keeper::default());
    let _stream = journal.stream("secrets", keeper.clone()).unwrap();
    assert_eq!(keeper.texts().len(), 40);
}

fn snapshot(disk: &MemoryDisk) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let file = disk.open(&name, syncline_core::port::OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        (name, bytes)
    };
    disk.list().unwrap().into_iter().map(read).collect()
}

#[test]
fn many_threads_share_syncs_and_every_answer_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FileDisk::open(dir.path()).unwrap());
    let journal = Journal::open(disk.clone(), Config::default()).unwrap().journal;
    let keeper = Arc::new(Keeper::default());
    let stream = journal.stream("orders", keeper.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let stream = &stream;
            let keeper = &keeper;
            scope.spawn(move || {
                for i in 0..50 {
                    let text = format!("{thread}.{i}");
                    let committed = stream.append(text.clone(), Durability::Sync).unwrap().wait().unwrap();
                    let records = keeper.0.lock().unwrap();
                    assert!(records.contains(&(committed.first.get(), text.into_bytes())), "answered before applied");
                }
            });
        }
    });
    let stats = journal.stats();
    assert_eq!(stats.records, 400);
    assert!(stats.syncs < 400, "{stats:?}");
    let seqs: Vec<u64> = keeper.0.lock().unwrap().iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=400).collect::<Vec<_>>());
    drop((stream, journal));
    let Opened { report, .. } = Journal::open(disk, Config::default()).unwrap();
    assert!(report.clean_close && report.records == 400, "{report:?}");
}

#[test]
fn wrong_uses_are_refused_by_name() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, Config { queue_bytes_max: 1, ..small() }).journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    assert_eq!(journal.stream("orders", Arc::new(Keeper::default())).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(journal.stream("", Arc::new(Keeper::default())).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(journal.transaction().commit(Durability::Sync).unwrap_err().kind(), ErrorKind::Invalid);
    let too_large = vec![0; 32 * 1_024 * 1_024 + 1];
    assert_eq!(stream.append(too_large, Durability::Sync).unwrap_err().kind(), ErrorKind::Invalid);
    let other = open(&MemoryDisk::new(), small()).journal;
    assert_eq!(other.transaction().stage(&stream, "x").unwrap_err().kind(), ErrorKind::Invalid);
    journal.close().unwrap();
    assert_eq!(stream.append("late", Durability::Sync).unwrap_err().kind(), ErrorKind::Closed);
    stream.release();
}

#[test]
fn marks_survive_a_close() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, small()).journal;
    let id = journal.id();
    journal.set_mark("hlc", b"12");
    journal.close().unwrap();
    let journal = open(&disk, small()).journal;
    assert_eq!((journal.id(), journal.mark("hlc").as_deref()), (id, Some(b"12".as_slice())));
    assert_eq!(journal.mark("other"), None);
}

#[test]
fn one_large_submission_gets_a_segment_of_its_size() {
    let disk = MemoryDisk::new();
    let journal = open(&disk, small()).journal;
    let keeper = Arc::new(Keeper::default());
    let stream = journal.stream("orders", keeper.clone()).unwrap();
    for _ in 0..3 {
        stream.append(vec![9; 1_000_000], Durability::Sync).unwrap().wait().unwrap();
    }
    drop((stream, journal));
    let journal = open(&disk, small()).journal;
    let again = Arc::new(Keeper::default());
    let _stream = journal.stream("orders", again.clone()).unwrap();
    assert_eq!(again.0.lock().unwrap().len(), 3);
    assert!(again.0.lock().unwrap().iter().all(|(_, payload)| payload == &vec![9; 1_000_000]));
}

#[test]
fn an_interval_bounds_how_long_buffered_records_stay_unsynced() {
    let journal =
        open(&MemoryDisk::new(), Config { flush_interval: Some(std::time::Duration::ZERO), ..small() }).journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    for _ in 0..20 {
        stream.append("x", Durability::Buffered).unwrap().wait().unwrap();
    }
    journal.close().unwrap();
    let stats = journal.stats();
    assert!(stats.syncs > 1 && stats.durable_seq == 21, "{stats:?}");
}
