//! A journal of numbered records on the simulated disk: record `n` has the sequence number `n` and bytes of its own.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::{Result, port::Disk};
use syncline_journal::{
    Config, OnDamage, RecoveryReport,
    sim::{Log, Submission, replay},
};
use syncline_testkit::{SeededRandom, SimDisk};

/// The stream that the records belong to.
pub(crate) const STREAM: &str = "orders";

pub(crate) fn config() -> Config {
    Config { segment_bytes: 8 * 1_024, ..Config::default() }
}

pub(crate) fn open(disk: &SimDisk, config: Config) -> Result<(Log, RecoveryReport)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, config, Arc::new(SeededRandom::new(11)))
}

/// A journal on a new disk, and the number of its stream.
pub(crate) fn start(config: Config) -> (SimDisk, Log, u32) {
    let disk = SimDisk::new(7);
    let (mut log, _) = open(&disk, config).unwrap();
    let (stream, _) = log.register(STREAM).unwrap();
    (disk, log, stream)
}

pub(crate) fn payload(number: u64) -> Bytes {
    let mut bytes = format!("record {number} ").into_bytes();
    bytes.resize(bytes.len() + (number * 7 % 40) as usize, b'a' + (number % 26) as u8);
    bytes.into()
}

pub(crate) fn submission(stream: u32, number: u64) -> Submission {
    Submission { records: vec![(stream, payload(number))], essential: false }
}

/// Writes the next record, unsynced.
pub(crate) fn write(log: &mut Log, stream: u32) -> Result<u64> {
    let number = log.next_seq();
    log.write(&[submission(stream, number)])
}

/// Writes `count` records, a frame each.
pub(crate) fn write_unsynced(log: &mut Log, stream: u32, count: u64) {
    for _ in 0..count {
        write(log, stream).unwrap();
    }
}

/// Writes `count` records, a frame each, and syncs.
pub(crate) fn write_synced(log: &mut Log, stream: u32, count: u64) {
    write_unsynced(log, stream, count);
    log.sync().unwrap();
}

/// The numbers of the records that stand, each checked byte by byte.
#[track_caller]
pub(crate) fn standing(log: &mut Log) -> Vec<u64> {
    let (stream, from) = log.register(STREAM).unwrap();
    let entries = replay(log, stream, from).unwrap();
    for entry in &entries {
        assert_eq!(entry.payload, payload(entry.seq.get()), "bytes of record {}", entry.seq);
    }
    entries.iter().map(|entry| entry.seq.get()).collect()
}

/// Opens and returns what stands.
#[track_caller]
pub(crate) fn reopened(disk: &SimDisk) -> Vec<u64> {
    standing(&mut open(disk, config()).unwrap().0)
}

/// What was found by opening a damaged directory, if it opened.
#[track_caller]
pub(crate) fn opened_damaged(
    disk: &SimDisk,
    config: Config,
    on_damage: OnDamage,
) -> Option<(Vec<u64>, RecoveryReport)> {
    let (mut log, report) = open(disk, Config { on_damage, ..config }).ok()?;
    Some((standing(&mut log), report))
}

pub(crate) fn is_reported(report: &RecoveryReport, number: u64) -> bool {
    let lost = report.lost.iter().any(|range| range.first.get() <= number && number <= range.last.get());
    lost || report.torn.is_some_and(|torn| torn.possibly_acknowledged && torn.from.get() <= number)
}

pub(crate) fn up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

/// The names of the segments that are in use, in order.
pub(crate) fn segments(disk: &SimDisk) -> Vec<String> {
    let names = disk.files().into_iter().map(|(name, _)| name);
    names.filter(|name| name.ends_with(".seg") && name != "spare.seg").collect()
}

pub(crate) fn manifests(disk: &SimDisk) -> Vec<String> {
    disk.files()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("MANIFEST-"))
        .collect()
}

/// All files and their bytes.
pub(crate) fn snapshot(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    disk.files()
        .into_iter()
        .map(|(name, _)| (name.clone(), disk.contents(&name).unwrap()))
        .collect()
}

/// Bytes of the file up to the last that is not zero.
pub(crate) fn used(disk: &SimDisk, name: &str) -> usize {
    disk.contents(name).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1
}
