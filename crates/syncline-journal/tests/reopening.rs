//! What one opening leaves to the next: repeated frames, witnesses, room for the close.

use std::sync::Arc;

use syncline_core::{ErrorKind, port::Disk};
use syncline_journal::{
    Config,
    sim::{Log, Submission, replay},
};
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Fault},
};

const HEADER: u64 = 160;
const FRAME: u64 = 40;

fn config() -> Config {
    Config { segment_bytes: 16 * 1_024, ..Config::default() }
}

fn open(disk: &SimDisk, config: Config) -> syncline_core::Result<Log> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, config, Arc::new(SeededRandom::new(3))).map(|(log, _)| log)
}

fn write(log: &mut Log, stream: u32, bytes: Vec<u8>) {
    log.write(&[Submission { records: vec![(stream, bytes.into())], essential: false }])
        .unwrap();
}

fn segment(id: u64) -> String {
    format!("{id:016x}.seg")
}

/// After a failed sync the cache shows what the disk has not. Its frames were repeated in a new segment, and then still read
/// from the old one: once the cache forgot them, a stream could not be replayed and `verify` called it damage.
#[test]
fn what_was_repeated_is_not_read_from_its_old_place() {
    let disk = SimDisk::new(1);
    let mut log = open(&disk, config()).unwrap();
    let (stream, low_water) = log.register("orders").unwrap();
    write(&mut log, stream, b"on disk".to_vec());
    log.sync().unwrap();
    write(&mut log, stream, b"in the cache".to_vec());
    disk.fail(Fault::eio(Call::Sync));
    assert_eq!(log.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    drop(log);

    let log = open(&disk, config()).unwrap();
    // The second frame, as the disk has it.
    assert!(disk.flip_bit(&segment(1), (HEADER + FRAME + 9 + FRAME) * 8));
    let entries = replay(&log, stream, low_water).unwrap();
    let texts: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(&entry.payload)).collect();
    assert_eq!(texts, ["on disk", "in the cache"]);
    drop(log);
    open(&disk, config()).unwrap();
}

/// Nothing vouched for repeated frames before something new was written: when one rotted, acknowledged records were cut as
/// if they had never been on disk.
#[test]
fn repeated_frames_are_vouched_for() {
    let disk = SimDisk::new(1);
    let mut log = open(&disk, config()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    write(&mut log, stream, b"acknowledged".to_vec());
    log.sync().unwrap();
    drop(log);
    drop(open(&disk, config()).unwrap());
    assert!(disk.flip_bit(&segment(2), (HEADER + FRAME) * 8));
    let refused = open(&disk, config()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
}

/// A witness took the room that is kept for the closing frame, which then found none on a full disk: a journal that had all
/// on disk could not be closed.
#[test]
fn a_witness_leaves_room_for_the_close() {
    let disk = SimDisk::new(1);
    let config = Config { segment_bytes: 4_096, ..config() };
    let mut log = open(&disk, config.clone()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    let left = 60;
    write(&mut log, stream, vec![7; (4_096 - HEADER - FRAME - 3 - left) as usize]);
    disk.set_capacity(Some(disk.used() + 2 * 4_096));
    log.sync().unwrap();
    log.witness().unwrap();
    log.close().unwrap();
    assert_eq!(disk.contents(&segment(1)).unwrap().len(), 4_096, "it did not grow");
}
