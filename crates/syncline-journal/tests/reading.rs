//! Single records are read again as they were appended, whatever is written, moved or damaged around them.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use syncline_core::{
    ErrorKind, SecretKey,
    memory::MemoryDisk,
    port::{DirLock, Disk, DiskFile, OpenMode, Random as _},
};
use syncline_journal::{Config, Durability, Entry, Journal, KeyRing, Owner, Seq, Stream};
use syncline_testkit::{SeededRandom, seed};

/// Needs nothing of what it is told.
struct Nobody;

impl Owner for Nobody {
    fn apply(&self, _entry: Entry) {}
}

/// The first segment.
const FIRST: &str = "0000000000000001.seg";

type OnOpen = Box<dyn FnOnce() + Send>;

/// A disk in memory that counts how often a file is opened for reading, and tells it once.
#[derive(Default)]
struct Watched {
    memory: MemoryDisk,
    opened: Mutex<usize>,
    on_open: Mutex<Option<OnOpen>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl Disk for Watched {
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        if mode == OpenMode::Read {
            *self.opened.lock().unwrap() += 1;
            let hook = self.on_open.lock().unwrap().take();
            hook.into_iter().for_each(|hook| hook());
        }
        self.memory.open(name, mode)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.memory.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.memory.sync_dir()
    }

    fn lock(&self, holder: &str, patience: Duration) -> io::Result<Box<dyn DirLock>> {
        self.memory.lock(holder, patience)
    }

    fn describe(&self) -> String {
        self.memory.describe()
    }
}

fn small() -> Config {
    Config { segment_bytes: 16 * 1_024, ..Config::default() }
}

fn open(disk: &Arc<dyn Disk>, config: Config) -> Journal {
    Journal::open(Arc::clone(disk), config).unwrap().journal
}

fn append(stream: &Stream, payload: impl Into<Bytes>) -> Seq {
    stream.append(payload, Durability::Buffered).unwrap().wait().unwrap().first
}

/// Appends records of several sizes to two streams, some alone and some together; returns what each seq holds.
fn write(streams: &[Stream; 2], random: &SeededRandom, count: usize) -> BTreeMap<u64, (usize, Vec<u8>)> {
    let mut written = BTreeMap::new();
    while written.len() < count {
        let mut transaction = streams[0].transaction();
        let mut records = Vec::new();
        for _ in 0..=random.index(20) {
            let of = random.index(2);
            let mut bytes = vec![0; random.index(if random.once_in(20) { 9_000 } else { 300 })];
            random.fill(&mut bytes);
            transaction.stage(&streams[of], bytes.clone()).unwrap();
            records.push((of, bytes));
        }
        let first = transaction.commit(Durability::Buffered).unwrap().wait().unwrap().first;
        written.extend((first.get()..).zip(records));
    }
    written
}

fn check(streams: &[Stream; 2], written: &BTreeMap<u64, (usize, Vec<u8>)>, seq: u64, random: &SeededRandom) {
    let (of, bytes) = &written[&seq];
    if random.once_in(2)
        && let Some(recalled) = streams[*of].recall(Seq::new(seq))
    {
        assert_eq!(recalled, bytes, "record {seq}");
    }
    assert_eq!(streams[*of].read(Seq::new(seq)).unwrap(), bytes, "record {seq}");
    assert_eq!(streams[*of].recall(Seq::new(seq)).unwrap(), bytes, "it was read just now");
    assert_eq!(streams[1 - *of].recall(Seq::new(seq)), None, "record {seq} is the other's");
    assert_eq!(streams[1 - *of].read(Seq::new(seq)).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn every_record_comes_back_in_any_order_live_and_reopened() {
    let random = SeededRandom::new(seed());
    for encrypted in [false, true] {
        let keys = KeyRing { current: encrypted.then(|| SecretKey::new([7; 32]).unwrap()), older: Vec::new() };
        let config = Config {
            compression: encrypted.then_some(3),
            keys,
            segment_bytes: 256 * 1_024,
            ..Config::default()
        };
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let mut written = BTreeMap::new();
        for _ in 0..3 {
            let journal = open(&disk, config.clone());
            let streams = ["a", "b"].map(|name| journal.stream(name, Arc::new(Nobody)).unwrap());
            written.extend(write(&streams, &random, 2_000));
            written.keys().for_each(|seq| check(&streams, &written, *seq, &random));
            let seqs: Vec<u64> = written.keys().copied().collect();
            for _ in 0..300 {
                check(&streams, &written, seqs[random.index(seqs.len())], &random);
            }
            drop(streams);
            journal.close().unwrap();
        }
        assert!(disk.list().unwrap().iter().filter(|name| name.ends_with(".seg")).count() > 4, "several segments");
    }
}

#[test]
fn what_is_read_in_order_is_read_ahead() {
    let watched = Arc::new(Watched::default());
    let disk: Arc<dyn Disk> = Arc::clone(&watched) as _;
    let journal = open(&disk, Config::default());
    let stream = journal.stream("a", Arc::new(Nobody)).unwrap();
    let seqs: Vec<Seq> = (0..10_000).map(|n| append(&stream, n.to_string().repeat(100))).collect();
    let opened = *watched.opened.lock().unwrap();
    let at_hand = seqs
        .iter()
        .filter(|seq| stream.recall(**seq).is_some() || stream.read(**seq).is_err())
        .count();
    let reads = *watched.opened.lock().unwrap() - opened;
    assert_eq!(at_hand + reads, seqs.len());
    assert!(reads <= 5, "{reads} reads of 4 MB in order");
}

#[test]
fn no_more_than_a_bound_stays_in_memory() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let journal = open(&disk, Config::default());
    let stream = journal.stream("a", Arc::new(Nobody)).unwrap();
    let seqs: Vec<Seq> = (0..40).map(|_| append(&stream, vec![1; 1_000_000])).collect();
    for seq in &seqs {
        stream.read(*seq).unwrap();
    }
    let at_hand = seqs.iter().filter(|seq| stream.recall(**seq).is_some()).count();
    assert!((1..=8).contains(&at_hand), "{at_hand} MB");
    // One that is larger than the bound is read all the same.
    let large = append(&stream, vec![2; 20_000_000]);
    assert_eq!(stream.read(large).unwrap().len(), 20_000_000);
    assert_eq!(seqs.iter().filter(|seq| stream.recall(**seq).is_some()).count(), 0);
}

#[test]
fn what_is_no_record_of_the_stream_is_refused() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let journal = open(&disk, small());
    let stream = journal.stream("a", Arc::new(Nobody)).unwrap();
    let first = append(&stream, "first");
    for seq in [0, first.get() + 1, u64::MAX] {
        assert_eq!(stream.read(Seq::new(seq)).unwrap_err().kind(), ErrorKind::Invalid, "{seq}");
    }
    journal.close().unwrap();
    assert_eq!(stream.read(first).unwrap_err().kind(), ErrorKind::Closed);
}

/// A segment that is given back while one of its records is looked for is no damage.
#[test]
fn a_segment_that_goes_while_it_is_read_is_told_from_damage() {
    let watched = Arc::new(Watched::default());
    let disk: Arc<dyn Disk> = Arc::clone(&watched) as _;
    let journal = open(&disk, small());
    let stream = journal.stream("a", Arc::new(Nobody)).unwrap();
    let seqs: Vec<Seq> = (0..20).map(|_| append(&stream, vec![3; 2_000])).collect();
    let last = seqs[19];
    assert!(journal.stats().segments > 2);
    let (truncating, memory) = (stream.clone(), watched.memory.clone());
    *watched.on_open.lock().unwrap() = Some(Box::new(move || {
        truncating.truncate_below(last);
        while memory.open(FIRST, OpenMode::Write).is_ok() {
            std::thread::yield_now();
        }
    }));
    let error = stream.read(seqs[0]).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Invalid, "the journal does not keep the record 1")
    );
    assert_eq!(stream.read(last).unwrap(), vec![3; 2_000]);
}

/// A flipped byte costs the records of its frame and no others, wherever in the frame it is.
#[test]
fn damage_costs_its_own_frame_alone() {
    let (random, memory) = (SeededRandom::new(seed()), MemoryDisk::new());
    let disk: Arc<dyn Disk> = Arc::new(memory.clone());
    for _ in 0..10 {
        let journal = open(&disk, Config::default());
        let stream = journal.stream("a", Arc::new(Nobody)).unwrap();
        let seqs: Vec<Seq> = (0..200).map(|_| append(&stream, vec![5; 10 + random.index(400)])).collect();
        let name = disk
            .list()
            .unwrap()
            .into_iter()
            .rfind(|name| name.ends_with(".seg") && name != "spare.seg")
            .unwrap();
        let file = memory.open(&name, OpenMode::Write).unwrap();
        // The header of the segment, then frames of one record: its lengths take two or three bytes.
        let mut ends = vec![160];
        for seq in &seqs {
            let len = stream.read(*seq).unwrap().len();
            ends.push(ends[ends.len() - 1] + 40 + 2 + usize::from(len > 127) + len);
        }
        let hit = random.index(seqs.len());
        let at = (ends[hit] + random.index(ends[hit + 1] - ends[hit])) as u64;
        let mut byte = [0];
        file.read_at(&mut byte, at).unwrap();
        file.write_at(&[byte[0] ^ (1 << random.index(8))], at).unwrap();
        // Another reader, which has read nothing yet.
        while stream.recall(seqs[hit]).is_some() {
            stream.read(append(&stream, vec![0; 4_000_000])).unwrap();
        }
        for (n, seq) in seqs.iter().enumerate() {
            match stream.read(*seq) {
                Ok(bytes) => assert!(n != hit && bytes.iter().all(|byte| *byte == 5), "{n}"),
                Err(error) => {
                    assert_eq!((n, error.kind()), (hit, ErrorKind::Corrupt));
                    assert!(error.to_string().contains(&name), "{error}");
                }
            }
        }
        assert!(stream.read(seqs[hit]).is_err());
        stream.truncate_below(Seq::new(u64::MAX));
        drop(stream);
        let _ = journal.close();
        disk.list().unwrap().iter().for_each(|name| disk.remove(name).unwrap());
    }
}
