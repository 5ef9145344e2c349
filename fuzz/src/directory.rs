//! A journal's directory as plain bytes: made once, copied and spoilt for every input.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use syncline_core::{
    SecretKey,
    memory::MemoryDisk,
    port::{Disk, OpenMode},
};
use syncline_journal::{
    Config, KeyRing, OnDamage,
    sim::{Log, Submission},
};
use syncline_testkit::SeededRandom;

/// The name of the one stream.
pub const STREAM: &str = "fuzzed";

/// Small, so that an input costs microseconds and rotation is common.
const SEGMENT_BYTES: u64 = 8 * 1_024;
/// Records of a directory, over three lives of its journal.
const RECORDS: u64 = 60;
const LIVES: u64 = 3;

/// Which way of writing a directory is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, arbitrary::Arbitrary)]
pub struct Layout {
    /// Frames are compressed where that helps.
    pub compressed: bool,
    /// Frames are encrypted.
    pub encrypted: bool,
    /// The last life ended in order.
    pub closed: bool,
}

/// The files of a directory.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Contents by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Every record that was acknowledged, the first at 0.
    pub written: Vec<Bytes>,
    layout: Layout,
}

impl Directory {
    /// A directory without records, whose one segment begins with sequence number 1.
    pub fn empty() -> Self {
        let layout = Layout { compressed: false, encrypted: false, closed: false };
        let disk = Arc::new(MemoryDisk::new());
        let (mut log, _) = open_log(&disk, config(layout, OnDamage::Refuse));
        log.register(STREAM).expect("a fresh journal takes a stream");
        drop(log);
        Self { files: read_all(&disk), written: Vec::new(), layout }
    }

    /// A directory that several lives of a journal wrote, each record synced.
    pub fn written(layout: Layout) -> Self {
        let disk = Arc::new(MemoryDisk::new());
        let written: Vec<Bytes> = (0..RECORDS).map(payload).collect();
        let per_life = written.len().div_ceil(LIVES as usize);
        for (life, records) in written.chunks(per_life).enumerate() {
            let (mut log, _) = open_log(&disk, config(layout, OnDamage::Refuse));
            let (stream, _) = log.register(STREAM).expect("the journal takes a stream");
            for batch in records.chunks(1 + life) {
                let records = batch.iter().map(|record| (stream, record.clone())).collect();
                log.write(&[Submission { records, essential: false }]).expect("memory takes a write");
                log.sync().expect("memory syncs");
                log.witness().expect("memory takes a witness");
            }
            if layout.closed {
                log.close().expect("the journal closes");
            }
        }
        Self { files: read_all(&disk), written, layout }
    }

    /// A disk of its own with these files.
    pub fn disk(&self) -> Arc<MemoryDisk> {
        let disk = MemoryDisk::new();
        for (name, bytes) in &self.files {
            let file = disk.open(name, OpenMode::Create).expect("names are distinct");
            file.write_at(bytes, 0).expect("memory takes a write");
        }
        Arc::new(disk)
    }

    /// The configuration that reads it.
    pub fn config(&self, on_damage: OnDamage) -> Config {
        config(self.layout, on_damage)
    }

    /// The name of the newest segment.
    pub fn newest_segment(&self) -> String {
        let segments = self.files.keys().filter(|name| name.ends_with(".seg") && *name != "spare.seg");
        segments.max().cloned().expect("a journal has a segment")
    }
}

fn config(layout: Layout, on_damage: OnDamage) -> Config {
    let key = SecretKey::new([7; 32]).expect("a key of 32 bytes");
    Config {
        segment_bytes: SEGMENT_BYTES,
        compression: layout.compressed.then_some(1),
        keys: KeyRing { current: layout.encrypted.then_some(key), older: Vec::new() },
        on_damage,
        ..Config::default()
    }
}

fn open_log(disk: &Arc<MemoryDisk>, config: Config) -> (Log, syncline_journal::RecoveryReport) {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    Log::open(disk, config, Arc::new(SeededRandom::new(11))).expect("a good directory opens")
}

/// Sizes from nothing to a few blocks; some that compress and some that do not.
fn payload(number: u64) -> Bytes {
    let len = usize::try_from(number * number * 7 % 900).unwrap_or_default();
    let varied = (0..len as u64).map(|at| (number.wrapping_mul(at | 1).wrapping_mul(0x9e37_79b9) >> 24) as u8);
    if number % 3 == 0 { vec![number as u8; len].into() } else { varied.collect() }
}

fn read_all(disk: &MemoryDisk) -> BTreeMap<String, Vec<u8>> {
    let names = disk.list().expect("memory lists its names");
    let read = |name: String| {
        let file = disk.open(&name, OpenMode::Read).expect("a listed file opens");
        let mut bytes = vec![0; usize::try_from(file.len().expect("a file has a length")).expect("it is small")];
        file.read_at(&mut bytes, 0).expect("memory is read");
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}
