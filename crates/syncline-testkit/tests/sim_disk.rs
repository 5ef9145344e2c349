//! What the simulated disk keeps, loses and refuses.

use std::{collections::BTreeSet, io};

use syncline_core::port::{Disk as _, DiskFile, OpenMode};
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Fault},
};

const FILE: &str = "a";

/// A file that exists whatever happens, with these bytes synced.
fn file(disk: &SimDisk, bytes: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(FILE, OpenMode::Create).unwrap();
    disk.sync_dir().unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    file
}

fn images(disk: &SimDisk, bound: usize) -> Vec<SimDisk> {
    disk.crash_images(bound, &SeededRandom::new(5)).collect()
}

fn found(disk: &SimDisk, bound: usize) -> BTreeSet<Option<Vec<u8>>> {
    images(disk, bound).iter().map(|image| image.contents(FILE)).collect()
}

#[test]
fn every_subset_of_unsynced_sectors_is_an_image() {
    let disk = SimDisk::new(1);
    let file = file(&disk, &[1; 1_536]);
    file.write_at(&[2; 1_536], 0).unwrap();
    let images = disk.crash_images(64, &SeededRandom::new(5));
    assert!(images.is_complete());
    let found: BTreeSet<Vec<u8>> = images.map(|image| image.contents(FILE).unwrap()).collect();
    // Each of three sectors is old, new or zeros.
    assert_eq!(found.len(), 27);
    assert!(
        found
            .iter()
            .all(|bytes| bytes.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])))
    );
}

#[test]
fn a_length_may_survive_without_its_bytes() {
    let disk = SimDisk::new(1);
    let file = file(&disk, b"");
    file.write_at(b"x", 0).unwrap();
    let expected = [Some(b"".to_vec()), Some(b"\0".to_vec()), Some(b"x".to_vec())];
    assert_eq!(found(&disk, 64), BTreeSet::from(expected));
}

#[test]
fn samples_tear_and_zero_and_begin_with_the_extremes() {
    let disk = SimDisk::new(1);
    let file = file(&disk, &[1; 65_536]);
    file.write_at(&[2; 65_536], 0).unwrap();
    let images = disk.crash_images(500, &SeededRandom::new(5));
    assert!(!images.is_complete());
    let found: Vec<Vec<u8>> = images.map(|image| image.contents(FILE).unwrap()).collect();
    assert_eq!((found.len(), &found[0], &found[1]), (500, &vec![1; 65_536], &vec![2; 65_536]));
    let has = |wanted: &dyn Fn(&[u8]) -> bool| found.iter().any(|bytes| bytes.chunks(512).any(wanted));
    assert!(has(&|sector| sector.contains(&1) && sector.contains(&2)), "no sector was torn");
    assert!(has(&|sector| sector[0] == 0), "no sector was zeroed");
}

#[test]
fn what_is_synced_is_in_every_image() {
    let disk = SimDisk::new(1);
    let file = file(&disk, b"old");
    file.write_at(b"new", 0).unwrap();
    file.allocate(100).unwrap();
    file.sync().unwrap();
    let mut expected = b"new".to_vec();
    expected.resize(100, 0);
    assert_eq!(found(&disk, 64), BTreeSet::from([Some(expected)]));
}

#[test]
fn a_name_survives_only_once_its_directory_is_synced() {
    let disk = SimDisk::new(1);
    let file = disk.open(FILE, OpenMode::Create).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(found(&disk, 64), BTreeSet::from([None, Some(b"x".to_vec())]));
    disk.sync_dir().unwrap();
    assert_eq!(found(&disk, 64), BTreeSet::from([Some(b"x".to_vec())]));
}

#[test]
fn a_rename_is_one_step() {
    let disk = SimDisk::new(1);
    drop(file(&disk, b"one"));
    disk.put("b", b"two");
    disk.rename("b", FILE).unwrap();
    let names: BTreeSet<_> = images(&disk, 64)
        .iter()
        .map(|image| (image.contents(FILE), image.contents("b")))
        .collect();
    let before = (Some(b"one".to_vec()), Some(b"two".to_vec()));
    assert_eq!(names, BTreeSet::from([before, (Some(b"two".to_vec()), None)]));
}

#[test]
fn a_removed_file_may_come_back_until_the_directory_is_synced() {
    let disk = SimDisk::new(1);
    drop(file(&disk, b"x"));
    disk.remove(FILE).unwrap();
    assert_eq!(found(&disk, 64), BTreeSet::from([None, Some(b"x".to_vec())]));
    disk.sync_dir().unwrap();
    assert_eq!(found(&disk, 64), BTreeSet::from([None]));
}

#[test]
fn a_failed_sync_loses_the_pages_and_no_later_one_brings_them_back() {
    let lost = (0..32).filter(|seed| {
        let disk = SimDisk::new(*seed);
        let file = file(&disk, &[1; 8_192]);
        file.write_at(&[2; 8_192], 0).unwrap();
        disk.fail(Fault::eio(Call::Sync));
        assert!(file.sync().is_err() && file.sync().is_ok());
        assert_eq!(disk.contents(FILE).unwrap(), [2; 8_192], "readable from the cache");
        file.write_at(b"later", 8_192).unwrap();
        file.sync().unwrap();
        let images = found(&disk, 64);
        let only = images.first().unwrap().as_ref().unwrap();
        assert_eq!((images.len(), only.len(), &only[8_192..]), (1, 8_197, &b"later"[..]));
        only[..8_192] == [0; 8_192]
    });
    assert!(lost.count() > 8, "mostly they are zeros");
}

#[test]
fn a_failed_sync_of_the_directory_is_not_mended_by_the_next() {
    let absent = (0..32).filter(|seed| {
        let disk = SimDisk::new(*seed);
        drop(disk.open(FILE, OpenMode::Create).unwrap());
        disk.fail(Fault::eio(Call::SyncDir));
        assert!(disk.sync_dir().is_err() && disk.sync_dir().is_ok());
        disk.open(FILE, OpenMode::Read).unwrap();
        disk.synced_image().contents(FILE).is_none()
    });
    assert!(absent.count() > 8);
}

#[test]
fn a_failed_write_leaves_a_part_behind() {
    let lengths: BTreeSet<usize> = (0..64)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            let file = file(&disk, b"");
            disk.fail(Fault::eio(Call::Write));
            assert_eq!(file.write_at(&[7; 100], 0).unwrap_err().raw_os_error(), Some(5));
            let left = disk.contents(FILE).unwrap();
            assert!(left.iter().all(|byte| *byte == 7));
            left.len()
        })
        .collect();
    assert!(lengths.len() > 10 && lengths.iter().all(|len| *len <= 100), "{lengths:?}");
}

#[test]
fn a_killed_process_leaves_all_it_wrote_and_nothing_more_synced() {
    let disk = SimDisk::new(1);
    let lock = disk.lock("first", std::time::Duration::ZERO).unwrap();
    assert_eq!(disk.lock("second", std::time::Duration::ZERO).unwrap_err().to_string(), "first");
    let file = file(&disk, b"old");
    file.write_at(b"new", 0).unwrap();
    let image = disk.kill_image();
    drop(image.lock("second", std::time::Duration::ZERO).unwrap());
    assert_eq!(image.contents(FILE).unwrap(), b"new");
    assert_eq!(image.synced_image().contents(FILE).unwrap(), b"old");
    drop(lock);
    disk.lock("third", std::time::Duration::ZERO).unwrap();
}

#[test]
fn space_is_counted_in_blocks_and_what_is_reserved_is_there() {
    let disk = SimDisk::new(1);
    disk.set_capacity(Some(3 * 4_096));
    let file = file(&disk, b"x");
    file.allocate(8_192).unwrap();
    assert_eq!(file.allocate(12_289).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 8_192);
    let other = disk.open("b", OpenMode::Create).unwrap();
    assert_eq!(other.write_at(&[1; 5_000], 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(other.len().unwrap(), 4_096, "what fits is written");
    file.write_at(&[2; 8_192], 0).unwrap();
    drop(other);
    disk.remove("b").unwrap();
    file.allocate(12_288).unwrap();
}

#[test]
fn a_misdirected_read_says_nothing() {
    let wrong = (0..32).filter(|seed| {
        let disk = SimDisk::new(*seed);
        let bytes: Vec<u8> = (0..4_096_u32).map(|n| (n / 512) as u8 + 1).collect();
        let file = file(&disk, &bytes);
        disk.fail(Fault::misdirected());
        let mut buf = [0; 512];
        assert_eq!(file.read_at(&mut buf, 1_024).unwrap(), 512);
        buf != [3; 512]
    });
    assert!(wrong.count() > 16);
}

#[test]
fn a_read_can_fail_and_then_go_well() {
    let disk = SimDisk::new(1);
    let file = file(&disk, b"x");
    disk.fail(Fault::eio(Call::Read).after(1));
    let read = || file.read_at(&mut [0; 1], 0).is_ok();
    assert_eq!([read(), read(), read()], [true, false, true]);
    disk.fail(Fault::gone());
    assert!(file.sync().is_err() && disk.list().is_err() && disk.has_faults());
    disk.heal();
    assert!(disk.list().is_ok());
}

#[test]
fn a_flipped_bit_stays_flipped_after_a_sync() {
    let disk = SimDisk::new(1);
    let file = file(&disk, &[0; 4]);
    assert!(disk.flip_bit(FILE, 9) && !disk.flip_bit(FILE, 32) && !disk.flip_bit("b", 0));
    file.sync().unwrap();
    assert_eq!(disk.synced_image().contents(FILE).unwrap(), [0, 2, 0, 0]);
}

#[test]
fn every_changing_call_is_a_point_at_which_power_may_be_lost() {
    let disk = SimDisk::new(1);
    disk.collect_points(true);
    let file = file(&disk, b"x");
    file.write_at(b"y", 0).unwrap();
    file.read_at(&mut [0], 0).unwrap();
    let points = disk.take_points();
    let contents: Vec<_> = points.iter().map(|point| point.synced_image().contents(FILE)).collect();
    let text = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(contents, [None, text(""), text(""), text("x"), text("x")]);
    assert!(disk.take_points().is_empty());
}

#[test]
fn the_same_calls_have_the_same_trace_and_others_another() {
    let run = |bytes: &[u8]| {
        let disk = SimDisk::new(1);
        disk.record();
        drop(file(&disk, bytes));
        (disk.trace_hash(), disk.calls(), disk.events().last().map(ToString::to_string))
    };
    assert_eq!(run(b"x"), run(b"x"));
    assert_ne!(run(b"x").0, run(b"y").0);
    assert_eq!((run(b"x").1, run(b"x").2.unwrap().as_str()), (4, "Sync a 0+0"));
}
