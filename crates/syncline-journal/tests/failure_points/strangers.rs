//! Files that do not belong here, keys that do not fit, openers that are not alone.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use syncline_core::{ErrorKind, SecretKey};
use syncline_journal::{Config, FileDisk, Journal, KeyRing, OnDamage};
use syncline_testkit::SimDisk;

use crate::story::{
    config, is_reported, manifests, open, opened_damaged, reopened, segments, snapshot, standing, start, up_to, write,
    write_synced,
};

/// A journal of several segments, all of it synced.
fn journal() -> (SimDisk, u64) {
    let (disk, mut log, stream) = start(config());
    while segments(&disk).len() < 4 {
        write(&mut log, stream).unwrap();
    }
    log.sync().unwrap();
    (disk.synced_image(), log.next_seq() - 1)
}

#[track_caller]
fn check_refused(disk: &SimDisk, config: Config, kind: ErrorKind, word: &str) {
    let before = snapshot(disk);
    let error = open(disk, config).unwrap_err();
    assert!(error.kind() == kind && error.to_string().contains(word), "{error:?}");
    assert_eq!(snapshot(disk), before, "refused and changed all the same");
}

#[test]
fn a_segment_in_the_place_of_another_is_refused() {
    let (disk, _) = journal();
    let names = segments(&disk);
    let (one, two) = (disk.contents(&names[0]).unwrap(), disk.contents(&names[1]).unwrap());
    disk.put(&names[0], &two);
    disk.put(&names[1], &one);
    check_refused(&disk, config(), ErrorKind::Corrupt, "belongs to another");
}

#[test]
fn a_segment_of_another_journal_is_refused() {
    let (disk, last) = journal();
    let other = {
        let other = SimDisk::new(99);
        let random = Arc::new(syncline_testkit::SeededRandom::new(12));
        let port: Arc<dyn syncline_core::port::Disk> = Arc::new(other.clone());
        let (mut log, _) = syncline_journal::sim::Log::open(port, config(), random).unwrap();
        let (stream, _) = log.register(crate::story::STREAM).unwrap();
        write_synced(&mut log, stream, last);
        other
    };
    let name = segments(&disk).remove(0);
    disk.put(&name, &other.contents(&name).unwrap());
    check_refused(&disk, config(), ErrorKind::Corrupt, "belongs to another");
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    for index in 0..3 {
        let (disk, _) = journal();
        let name = segments(&disk).remove(index);
        syncline_core::port::Disk::remove(&disk, &name).unwrap();
        check_refused(&disk, config(), ErrorKind::Corrupt, "");
    }
}

#[test]
fn an_older_state_of_a_segment_is_refused_or_reported() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 20);
    let name = segments(&disk).remove(0);
    let stale = disk.contents(&name).unwrap();
    while segments(&disk).len() < 3 {
        write(&mut log, stream).unwrap();
    }
    let last = log.sync().unwrap() - 1;
    let image = disk.synced_image();
    image.put(&name, &stale);
    check_refused(&image, config(), ErrorKind::Corrupt, &name);
    let (found, report) = opened_damaged(&image, config(), OnDamage::Quarantine).unwrap();
    assert!(up_to(last).iter().all(|n| found.contains(n) || is_reported(&report, *n)), "{report:?}");
}

#[test]
fn a_damaged_newest_manifest_is_replaced_by_the_one_before() {
    let (disk, last) = journal();
    // Opened once more, so that both manifests know the stream.
    drop(open(&disk, config()).unwrap());
    let names = manifests(&disk);
    assert_eq!(names.len(), 2);
    assert!(disk.flip_bit(&names[1], 100));
    let (mut log, report) = open(&disk, config()).unwrap();
    assert!(report.manifest_fell_back);
    assert_eq!(standing(&mut log), up_to(last));
}

#[test]
fn no_manifest_at_all_is_never_an_empty_journal() {
    let (disk, _) = journal();
    let (damaged, gone) = (disk.kill_image(), disk.kill_image());
    for name in manifests(&disk) {
        assert!(damaged.flip_bit(&name, 100));
        syncline_core::port::Disk::remove(&gone, &name).unwrap();
    }
    check_refused(&damaged, config(), ErrorKind::Corrupt, "MANIFEST");
    check_refused(&gone, config(), ErrorKind::Corrupt, "manifest");
}

#[test]
fn temporary_files_of_a_crash_are_removed_and_strangers_left() {
    let (disk, last) = journal();
    disk.put("MANIFEST-00000000000000ff.tmp", b"half a manif");
    disk.put("notes.txt", b"mine");
    assert_eq!(reopened(&disk), up_to(last));
    let names: Vec<String> = disk.files().into_iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name.ends_with(".tmp")), "{names:?}");
    assert!(names.contains(&"notes.txt".to_owned()));
}

fn key(byte: u8) -> SecretKey {
    SecretKey::new([byte; 32]).unwrap()
}

fn with_key(byte: u8) -> Config {
    Config { keys: KeyRing { current: Some(key(byte)), older: Vec::new() }, ..config() }
}

#[test]
fn a_wrong_key_or_none_is_refused_and_nothing_is_touched() {
    let (disk, mut log, stream) = start(with_key(1));
    write_synced(&mut log, stream, 5);
    let disk = disk.synced_image();
    check_refused(&disk, with_key(2), ErrorKind::Denied, "not the key given");
    check_refused(&disk, config(), ErrorKind::Denied, "no key was given");
    let (mut log, _) = open(&disk, with_key(1)).unwrap();
    assert_eq!(standing(&mut log), up_to(5));
}

#[test]
fn a_key_that_is_no_longer_current_still_reads() {
    let (disk, mut log, stream) = start(with_key(1));
    write_synced(&mut log, stream, 5);
    let rotated = Config { keys: KeyRing { current: Some(key(2)), older: vec![key(1)] }, ..config() };
    let disk = disk.synced_image();
    let (mut log, _) = open(&disk, rotated.clone()).unwrap();
    write_synced(&mut log, stream, 5);
    drop(log);
    let (mut log, _) = open(&disk.synced_image(), rotated).unwrap();
    assert_eq!(standing(&mut log), up_to(10));
}

#[test]
fn other_options_read_what_was_written_before() {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 5);
    drop(log);
    let mut last = 5;
    let compressed = Config { compression: Some(3), ..config() };
    let sealed = Config { compression: Some(1), ..with_key(4) };
    let small = Config { segment_bytes: 2_048, ..with_key(4) };
    for options in [compressed, sealed, small] {
        let (mut log, _) = open(&disk, options).unwrap();
        assert_eq!(standing(&mut log), up_to(last));
        write_synced(&mut log, stream, 5);
        last += 5;
    }
}

/// A byte of the format number and its checksum, as a newer program would write them.
#[test]
fn a_newer_format_is_refused_by_name_and_nothing_is_touched() {
    let (disk, _) = journal();
    let newer = disk.kill_image();
    let name = segments(&newer).remove(0);
    let mut bytes = newer.contents(&name).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..156]);
    bytes[156..160].copy_from_slice(&crc.to_le_bytes());
    newer.put(&name, &bytes);
    check_refused(&newer, config(), ErrorKind::Invalid, "use a newer program");

    let newer = disk.kill_image();
    let name = manifests(&newer).pop().unwrap();
    let mut bytes = newer.contents(&name).unwrap();
    bytes[8] = 2;
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    newer.put(&name, &bytes);
    check_refused(&newer, config(), ErrorKind::Invalid, "use a newer program");
}

#[test]
fn a_second_opener_hears_who_holds_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config {
            lock_patience: std::time::Duration::ZERO,
            segment_bytes: 64 * 1_024,
            ..Config::default()
        };
        Journal::open(Arc::new(FileDisk::open(dir.path()).unwrap()), config)
    };
    let first = open().unwrap();
    let error = open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    first.journal.close().unwrap();
    drop(first);
    open().unwrap();
}

#[test]
fn files_and_directory_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("journal");
    let opened = Journal::open(Arc::new(FileDisk::open(&inner).unwrap()), Config::default()).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for entry in fs::read_dir(&inner).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    opened.journal.close().unwrap();
}
