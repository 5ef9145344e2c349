//! A disk without space.

use syncline_core::ErrorKind;
use syncline_journal::{
    Config,
    sim::{Log, Submission},
};
use syncline_testkit::{
    SeededRandom,
    disk::{Call, Effect, Fault},
};

use crate::story::{STREAM, config, open, payload, reopened, segments, standing, start, up_to, write, write_synced};

const BLOCK: u64 = 4_096;

/// Writes until the disk is full.
fn fill(log: &mut Log, stream: u32) -> u64 {
    loop {
        if let Err(error) = write(log, stream) {
            assert_eq!(error.kind(), ErrorKind::Full, "{error:?}");
            return log.next_seq() - 1;
        }
    }
}

fn essential(log: &mut Log, stream: u32) -> syncline_core::Result<u64> {
    log.write(&[Submission { records: vec![(stream, payload(log.next_seq()))], essential: true }])
}

#[test]
fn a_full_disk_refuses_new_work_and_keeps_the_old() {
    for blocks in 0..12 {
        let (disk, mut log, stream) = start(config());
        disk.set_capacity(Some(disk.used() + blocks * BLOCK));
        let last = fill(&mut log, stream);
        log.sync().unwrap();
        assert!(log.poisoned().is_none(), "{blocks} blocks");
        disk.set_capacity(None);
        assert_eq!(reopened(&disk.synced_image()), up_to(last));
    }
}

#[test]
fn what_frees_space_is_taken_on_a_full_disk() {
    let (disk, mut log, stream) = start(config());
    disk.set_capacity(Some(disk.used() + 2 * BLOCK));
    fill(&mut log, stream);
    for _ in 0..20 {
        essential(&mut log, stream).unwrap();
    }
    assert_eq!(write(&mut log, stream).unwrap_err().kind(), ErrorKind::Full);
    let last = log.sync().unwrap() - 1;
    disk.set_capacity(None);
    assert_eq!(reopened(&disk.synced_image()), up_to(last));
}

/// What an opening on a full disk reserved was a sixteenth of a segment with its header in it, so that less than a sixteenth
/// of acknowledgements and deletes fitted, though a sixteenth is promised.
#[test]
fn what_frees_space_is_taken_after_opening_on_a_full_disk() {
    for free in 1..6 {
        let (disk, mut log, stream) = start(config());
        write(&mut log, stream).unwrap();
        log.sync().unwrap();
        log.witness().unwrap();
        drop(log);
        let disk = disk.kill_image();
        // The segment of the last process and its reserve stay or go; a new whole segment does not fit beside them.
        disk.set_capacity(Some(disk.used() - 2 * BLOCK + free * BLOCK));
        let (mut log, _) = open(&disk, config()).unwrap();
        fill(&mut log, stream);
        let mut bytes = 0;
        while bytes < config().segment_bytes / 16 {
            log.witness().unwrap();
            let seq = essential(&mut log, stream).unwrap_or_else(|error| panic!("{free}: after {bytes}: {error:?}"));
            bytes += payload(seq).len() as u64 + 64;
            log.sync().unwrap();
        }
        let last = log.next_seq() - 1;
        disk.set_capacity(None);
        assert_eq!(reopened(&disk.synced_image()), up_to(last), "{free} blocks");
    }
}

#[test]
fn truncation_on_a_full_disk_frees_space_and_work_goes_on() {
    let (disk, mut log, stream) = start(config());
    disk.set_capacity(Some(disk.used() + 6 * BLOCK));
    let last = fill(&mut log, stream);
    log.sync().unwrap();
    // To the last byte: not even a manifest fits beside what is there.
    disk.set_capacity(Some(disk.used()));
    log.truncate(stream, last);
    log.remove_dead().unwrap();
    assert_eq!(write(&mut log, stream).unwrap(), last + 1);
    log.sync().unwrap();
    disk.set_capacity(None);
    assert!(reopened(&disk.synced_image()).ends_with(&[last, last + 1]));
}

/// An append was refused for want of space while segments that nobody needed waited for a quiet moment to be removed.
#[test]
fn an_append_gives_dead_segments_back_before_it_is_refused() {
    for free in 0..12 {
        let (disk, mut log, stream) = start(config());
        disk.set_capacity(Some(disk.used() + free * BLOCK));
        let last = fill(&mut log, stream);
        // Beside what is there not even a manifest fits.
        disk.set_capacity(Some(disk.used()));
        log.truncate(stream, last + 1);
        assert_eq!(write(&mut log, stream).unwrap(), last + 1, "{free} blocks");
        assert!(!log.has_dead(), "{free} blocks");
        log.sync().unwrap();
        disk.set_capacity(None);
        assert_eq!(reopened(&disk.synced_image()), [last + 1], "{free} blocks");
    }
}

/// The same where what is needed was written again, and no sync covers the second copy yet.
#[test]
fn an_append_gives_no_segment_back_before_what_replaces_it_is_on_disk() {
    let random = SeededRandom::new(syncline_testkit::seed());
    let (disk, mut log, stream) = start(config());
    disk.set_capacity(Some(disk.used() + 6 * BLOCK));
    fill(&mut log, stream);
    log.sync().unwrap();
    let copy = essential(&mut log, stream).unwrap();
    log.truncate(stream, copy);
    disk.collect_points(true);
    write(&mut log, stream).unwrap();
    let points = disk.take_points();
    assert!(segments(&disk).len() < segments(&points[0]).len(), "something was given back");
    for image in points.iter().flat_map(|point| point.crash_images(32, &random)) {
        image.set_capacity(None);
        let standing = reopened(&image);
        assert!(standing.contains(&1) || standing.contains(&copy), "{standing:?} without {copy}");
    }
}

/// A manifest without the dead segments may want the space that is reserved for what frees some.
#[test]
fn an_append_that_cannot_give_dead_segments_back_is_refused_and_costs_no_reserve() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 400);
    let last = log.next_seq() - 1;
    log.truncate(stream, last);
    assert!(log.has_dead());
    disk.set_capacity(Some(disk.used()));
    disk.fail(Fault { call: Some(Call::Sync), skip: 0, effect: Effect::StorageFull, lasts: true });
    let large = || Submission { records: vec![(stream, vec![1; 20 * 1_024].into())], essential: false };
    assert_eq!(log.write(&[large()]).unwrap_err().kind(), ErrorKind::Full);
    assert!(log.has_dead() && disk.contents("spare.seg").is_some());
    disk.heal();
    assert_eq!(log.write(&[large()]).unwrap(), last + 1);
    assert!(!log.has_dead());
}

#[test]
fn space_that_returns_is_used_without_reopening() {
    let (disk, mut log, stream) = start(config());
    disk.set_capacity(Some(disk.used()));
    let last = fill(&mut log, stream);
    disk.set_capacity(None);
    assert_eq!(write(&mut log, stream).unwrap(), last + 1);
}

#[test]
fn a_registration_without_space_is_refused_and_can_be_repeated() {
    let (disk, mut log, stream) = start(config());
    write(&mut log, stream).unwrap();
    disk.set_capacity(Some(disk.used()));
    assert_eq!(log.register("late").unwrap_err().kind(), ErrorKind::Full);
    log.sync().unwrap();
    disk.set_capacity(None);
    let (late, _) = log.register("late").unwrap();
    assert_ne!(late, stream);
    let (mut log, _) = open(&disk.synced_image(), config()).unwrap();
    assert_eq!((log.register("late").unwrap().0, standing(&mut log)), (late, vec![1]));
}

#[test]
fn one_submission_that_is_too_large_for_the_disk_costs_the_others_nothing() {
    let (disk, mut log, stream) = start(config());
    disk.set_capacity(Some(disk.used() + BLOCK));
    let large = Submission { records: vec![(stream, vec![1; 64 * 1_024].into())], essential: false };
    assert_eq!(log.write(&[large]).unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(write(&mut log, stream).unwrap(), 1);
    essential(&mut log, stream).unwrap();
}

#[test]
fn a_directory_without_space_for_a_segment_does_not_open_and_is_not_harmed() {
    let (disk, mut log, stream) = start(config());
    for _ in 0..10 {
        write(&mut log, stream).unwrap();
    }
    log.sync().unwrap();
    drop(log);
    let large = Config { segment_bytes: 1_024 * 1_024, ..config() };
    for spare_blocks in 0..4 {
        let full = disk.kill_image();
        full.set_capacity(Some(spare_blocks * BLOCK));
        assert_eq!(open(&full, large.clone()).unwrap_err().kind(), ErrorKind::Full);
        full.set_capacity(None);
        let (mut log, _) = open(&full, large.clone()).unwrap();
        assert_eq!(log.register(STREAM).unwrap().0, stream);
        assert_eq!(standing(&mut log), up_to(10));
    }
}

/// Opening once removed the manifest before the newest to make room, though the newest one's name was in the cache alone:
/// a crash left a journal without a manifest.
#[test]
fn opening_on_a_full_disk_keeps_the_manifest_whose_name_is_durable() {
    let (disk, mut log, stream) = start(config());
    write(&mut log, stream).unwrap();
    log.sync().unwrap();
    disk.fail(Fault::eio(Call::SyncDir));
    assert!(log.register("late").is_err());
    drop(log);
    let disk = disk.kill_image();
    disk.set_capacity(Some(disk.used() - 4 * BLOCK));
    disk.collect_points(true);
    drop(open(&disk, config()));
    for point in disk.take_points() {
        for image in point.crash_images(64, &SeededRandom::new(1)) {
            image.set_capacity(None);
            assert_eq!(reopened(&image), [1]);
        }
    }
}
