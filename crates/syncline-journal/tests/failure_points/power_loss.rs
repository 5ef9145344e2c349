//! Loss of power and death of the process, at every moment.

use syncline_journal::sim::{Log, Submission};
use syncline_testkit::{SeededRandom, SimDisk};

use crate::story::{
    STREAM, config, open, payload, reopened, segments, standing, start, submission, up_to, used, write, write_synced,
    write_unsynced,
};

/// Images of one moment.
const IMAGES: usize = 32;

/// Opens every image of every moment that passed since the last time: all before `acked` stand, and nothing is invented.
#[track_caller]
fn check_moments(disk: &SimDisk, random: &SeededRandom, acked: u64, written: u64) {
    for point in disk.take_points() {
        for image in point.crash_images(IMAGES, random) {
            let (mut log, report) = open(&image, config()).unwrap();
            assert_eq!(report.lost, []);
            let (_, low_water) = log.register(STREAM).unwrap();
            let (found, next) = (standing(&mut log), log.next_seq());
            assert!(acked <= next && next <= written, "{acked} were acknowledged, {next} come next, {written} written");
            assert_eq!(found, (low_water..next).collect::<Vec<_>>());
        }
    }
}

/// A journal whose moments are collected from its first call on, and all that `work` does with it.
#[track_caller]
fn no_moment_loses(work: impl Fn(&mut Log, u32, &mut dyn FnMut(&Log))) {
    let random = SeededRandom::new(syncline_testkit::seed());
    let (disk, mut log, stream) = start(config());
    disk.collect_points(true);
    let mut acked = log.durable();
    work(&mut log, stream, &mut |log| {
        check_moments(&disk, &random, acked, log.next_seq());
        acked = log.durable();
    });
}

#[test]
fn no_moment_of_writing_and_syncing_loses_what_was_acknowledged() {
    no_moment_loses(|log, stream, check| {
        for _ in 0..20 {
            write(log, stream).unwrap();
            check(log);
            log.sync().unwrap();
            check(log);
        }
    });
}

#[test]
fn no_moment_of_a_rotation_loses_what_was_acknowledged() {
    no_moment_loses(|log, stream, check| {
        for round in 0..20 {
            write_synced(log, stream, 20);
            check(log);
            write_unsynced(log, stream, round % 3);
            check(log);
        }
    });
}

#[test]
fn no_moment_of_a_truncation_loses_what_was_not_truncated() {
    no_moment_loses(|log, stream, check| {
        for _ in 0..12 {
            write_synced(log, stream, 60);
            check(log);
            log.truncate(stream, log.durable() - 10);
            log.remove_dead().unwrap();
            check(log);
        }
    });
}

#[test]
fn no_moment_of_a_registration_or_a_close_loses_what_was_acknowledged() {
    no_moment_loses(|log, stream, check| {
        for name in ["a", "b", "c"] {
            write_synced(log, stream, 2);
            check(log);
            log.register(name).unwrap();
            check(log);
        }
        log.close().unwrap();
        check(log);
    });
}

#[test]
fn no_moment_of_an_opening_loses_what_was_acknowledged() {
    let random = SeededRandom::new(syncline_testkit::seed());
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 10);
    write_unsynced(&mut log, stream, 5);
    // Killed: what was not synced is in the cache, and opening must not build on it.
    let disk = disk.kill_image();
    disk.collect_points(true);
    let (mut log, report) = open(&disk, config()).unwrap();
    assert_eq!((standing(&mut log), report.torn), (up_to(15), None));
    check_moments(&disk, &random, 11, 16);
    assert_eq!(reopened(&disk.synced_image()), up_to(15), "what was given out stays");
}

#[test]
fn a_directory_is_made_in_one_step_at_every_moment() {
    let disk = SimDisk::new(3);
    disk.collect_points(true);
    drop(open(&disk, config()).unwrap());
    for point in disk.take_points() {
        for image in point.crash_images(IMAGES, &SeededRandom::new(1)) {
            let (mut log, report) = open(&image, config()).unwrap();
            assert_eq!((log.next_seq(), report.records, standing(&mut log)), (1, 0, vec![]));
        }
    }
}

/// Every tail that a crash may leave in the last three frames, and some that only a broken disk would.
#[test]
fn a_tail_cut_at_any_byte_is_cut_at_a_frame_and_reported() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 10);
    let name = segments(&disk).remove(0);
    let synced = used(&disk, &name);
    write_unsynced(&mut log, stream, 3);
    let (whole, bytes) = (used(&disk, &name), disk.contents(&name).unwrap());
    let stale: Vec<u8> = bytes[160..160 + whole - synced].to_vec();
    let random = SeededRandom::new(9);
    for end in synced..whole {
        for tail in ["zeros", "random", "stale"] {
            let mut torn = bytes.clone();
            for (index, byte) in torn[end..whole].iter_mut().enumerate() {
                *byte = match tail {
                    "zeros" => 0,
                    "random" => random.word() as u8,
                    _ => stale[index],
                };
            }
            let image = disk.synced_image();
            image.put(&name, &torn);
            let (mut log, report) = open(&image, config()).unwrap();
            let found = standing(&mut log);
            assert!((10..=13).contains(&found.len()), "{tail} from {end}: {found:?}");
            assert_eq!(found, up_to(found.len() as u64));
            let nothing_left = torn[end..].iter().all(|byte| *byte == 0) && report.torn.is_none();
            assert!(
                found.len() == 13 || nothing_left || report.torn.is_some_and(|torn| torn.bytes > 0),
                "{tail} from {end}"
            );
            drop(log);
            let (mut again, second) = open(&image, config()).unwrap();
            assert_eq!((standing(&mut again), second.torn), (found, None), "cutting is done once");
        }
    }
}

#[test]
fn frames_written_out_of_order_are_no_damage() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 3);
    for _ in 0..4 {
        // Larger than a sector, so that each frame has sectors of its own.
        let records = vec![(stream, vec![7; 700].into())];
        log.write(&[Submission { records, essential: false }]).unwrap();
    }
    let images = disk.crash_images(4_096, &SeededRandom::new(2));
    let mut holes = 0;
    for image in images {
        let (log, report) = open(&image, config()).unwrap();
        assert!((4..=8).contains(&log.next_seq()) && report.lost.is_empty(), "{report:?}");
        holes += u64::from(log.next_seq() == 4 && report.torn.is_some_and(|torn| torn.bytes > 1_000));
    }
    assert!(holes > 0, "no image had a later frame without an earlier one");
}

#[test]
fn a_transaction_stands_whole_or_not_at_all() {
    let (disk, mut log, stream) = start(config());
    for first in [1_u64, 6, 11] {
        let records = (first..first + 5).map(|number| (stream, payload(number))).collect();
        log.write(&[Submission { records, essential: false }]).unwrap();
    }
    for image in disk.crash_images(2_000, &SeededRandom::new(4)) {
        assert!(matches!(reopened(&image).len(), 0 | 5 | 10 | 15));
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_written() {
    let (disk, mut log, stream) = start(config());
    for number in 1..=200 {
        log.write(&[submission(stream, number)]).unwrap();
        let killed = disk.kill_image();
        assert_eq!(reopened(&killed), up_to(number));
    }
}

#[test]
fn the_first_sync_of_a_segment_makes_its_length_durable_too() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 1);
    let name = segments(&disk).remove(0);
    let len = |disk: &SimDisk| disk.contents(&name).map(|bytes| bytes.len());
    assert_eq!(len(&disk.synced_image()), len(&disk));
}
