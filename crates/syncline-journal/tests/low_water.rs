//! What is truncated stays within what is on disk: a number that is given again after loss of power is not truncated.

use std::sync::Arc;

use syncline_core::port::Disk;
use syncline_journal::{
    Config, RecoveryReport,
    sim::{Log, Submission, replay},
};
use syncline_testkit::{SeededRandom, SimDisk};

fn open(disk: &SimDisk) -> (Log, RecoveryReport) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, Config { segment_bytes: 16 * 1_024, ..Config::default() }, Arc::new(SeededRandom::new(3))).unwrap()
}

fn write(log: &mut Log, stream: u32, text: &str) -> u64 {
    log.write(&[Submission { records: vec![(stream, text.to_owned().into())], essential: false }])
        .unwrap()
}

/// Writes three records of `name` that are on disk, and returns what they hold after the process was killed.
fn written_after(disk: &SimDisk, name: &str) -> Vec<String> {
    let (mut log, _) = open(disk);
    let (stream, _) = log.register(name).unwrap();
    for text in ["one", "two", "three"] {
        write(&mut log, stream, text);
    }
    log.sync().unwrap();
    replayed(&disk.kill_image(), name)
}

fn replayed(disk: &SimDisk, name: &str) -> Vec<String> {
    let (mut log, _) = open(disk);
    let (stream, low_water) = log.register(name).unwrap();
    let entries = replay(&log, stream, low_water).unwrap();
    entries
        .into_iter()
        .map(|entry| String::from_utf8(entry.payload.to_vec()).unwrap())
        .collect()
}

/// A stream was registered from the next number on. Power was lost, numbers below were given again, and acknowledged records
/// of that stream were not replayed.
#[test]
fn a_stream_registered_among_unsynced_records_loses_none_after_power_loss() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let (other, _) = log.register("other").unwrap();
    for _ in 0..10 {
        write(&mut log, other, "never synced");
    }
    log.register("orders").unwrap();
    assert_eq!(written_after(&disk.synced_image(), "orders"), ["one", "two", "three"]);
}

/// The same by a stream that was truncated up to records that no sync covered.
#[test]
fn a_stream_truncated_among_unsynced_records_loses_none_after_power_loss() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let (orders, _) = log.register("orders").unwrap();
    for _ in 0..10 {
        write(&mut log, orders, "never synced");
    }
    log.truncate(orders, log.next_seq());
    log.register("other").unwrap();
    assert_eq!(written_after(&disk.synced_image(), "orders"), ["one", "two", "three"]);
}

/// The same where the last records rotted before anything proved that they had been on disk.
#[test]
fn a_stream_truncated_above_what_is_left_loses_nothing_more() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let (orders, _) = log.register("orders").unwrap();
    for _ in 0..10 {
        write(&mut log, orders, "rots");
    }
    log.sync().unwrap();
    log.truncate(orders, log.next_seq());
    log.register("other").unwrap();
    drop(log);
    let segment = "0000000000000001.seg";
    assert!(disk.flip_bit(segment, (160 + 40) * 8));
    let (mut log, report) = open(&disk);
    assert!(report.torn.is_some_and(|torn| torn.from.get() == 1), "{report:?}");
    write(&mut log, orders, "zero");
    log.sync().unwrap();
    drop(log);
    assert_eq!(written_after(&disk, "orders"), ["zero", "one", "two", "three"]);
}

/// Truncation that is on disk is kept, and a close keeps all of it.
#[test]
fn what_was_truncated_is_not_replayed_after_a_close() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let (orders, _) = log.register("orders").unwrap();
    for text in ["done", "done", "open"] {
        write(&mut log, orders, text);
    }
    log.truncate(orders, 3);
    log.close().unwrap();
    drop(log);
    assert_eq!(replayed(&disk, "orders"), ["open"]);
}

/// A record was moved forward, and the segment of the first copy removed before the second was on disk: loss of power took
/// both.
#[test]
fn a_segment_goes_only_once_what_replaces_its_records_is_on_disk() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let (orders, _) = log.register("orders").unwrap();
    write(&mut log, orders, "first copy");
    while log.has_dead() || disk.contents("0000000000000002.seg").is_none() {
        write(&mut log, orders, &"done".repeat(500));
    }
    log.sync().unwrap();
    let moved = write(&mut log, orders, "second copy");
    log.truncate(orders, moved);
    log.remove_dead().unwrap();
    assert!(disk.contents("0000000000000001.seg").is_none());
    assert_eq!(replayed(&disk.synced_image(), "orders"), ["second copy"]);
}
