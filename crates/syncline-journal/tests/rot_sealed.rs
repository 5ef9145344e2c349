//! Fifty frames, encrypted and compressed: each bit of each file flipped alone, and each file cut at each byte. The same
//! data, a clear error, or a reported range; never silence, never a panic, never a large allocation.

#[expect(dead_code, reason = "this test needs a part of the story")]
mod story;

use story::{
    config, is_reported, manifests, open, opened_damaged, reopened, segments, start, up_to, used, write, write_synced,
};
use syncline_core::{ErrorKind, SecretKey, rt};
use syncline_journal::{Config, KeyRing, OnDamage};
use syncline_testkit::SimDisk;

const FRAMES: u64 = 50;
/// More than any opening of so small a journal may take, far less than the lengths that a flipped bit can claim.
const MEMORY_MAX: u64 = 64 * 1_024 * 1_024;

/// How the process that wrote the journal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Killed right after the last sync: nothing vouches for the last frames.
    Killed,
    /// Killed after it had gone idle: a witness vouches for all.
    Idle,
}

fn journal(config: Config, end: End) -> SimDisk {
    let (disk, mut log, stream) = start(config);
    for _ in 0..FRAMES / 10 {
        write_synced(&mut log, stream, 10);
    }
    match end {
        End::Killed => {}
        End::Idle => log.witness().unwrap(),
    }
    disk.kill_image()
}

/// Opens the damaged copy both ways and checks what they say. `strict`: what stands must be all, where it opens.
#[track_caller]
fn check(damaged: &SimDisk, config: &Config, strict: bool, what: &str) {
    let copy = damaged.kill_image();
    damaged.collect_points(true);
    match open(damaged, config.clone()) {
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Denied), "{what}: {error:?}");
            assert!(damaged.take_points().is_empty(), "{what}: refused and changed all the same");
        }
        Ok((mut log, report)) => {
            let found = story::standing(&mut log);
            assert!(!strict || found == up_to(FRAMES), "{what}: only {found:?} stand, {report:?}");
            assert!(up_to(FRAMES).iter().all(|n| found.contains(n) || is_reported(&report, *n)), "{what}: {report:?}");
        }
    }
    if let Some((found, report)) = opened_damaged(&copy, config.clone(), OnDamage::Quarantine) {
        assert!(up_to(FRAMES).iter().all(|n| found.contains(n) || is_reported(&report, *n)), "{what}: {report:?}");
    }
}

#[track_caller]
fn check_every_bit(config: &Config, end: End) {
    let disk = journal(config.clone(), end);
    let before = rt::os::resident_bytes_peak().unwrap();
    for name in segments(&disk).into_iter().chain(manifests(&disk)) {
        for bit in 0..used(&disk, &name) as u64 * 8 {
            let damaged = disk.kill_image();
            assert!(damaged.flip_bit(&name, bit));
            check(&damaged, config, end != End::Killed, &format!("{end:?}: bit {bit} of {name}"));
        }
    }
    let grown = rt::os::resident_bytes_peak().unwrap() - before;
    assert!(grown < MEMORY_MAX, "opening took {grown} bytes");
}

#[track_caller]
fn check_every_cut(config: &Config, end: End) {
    let disk = journal(config.clone(), end);
    for name in segments(&disk).into_iter().chain(manifests(&disk)) {
        let bytes = disk.contents(&name).unwrap();
        for len in 0..used(&disk, &name) {
            let damaged = disk.kill_image();
            damaged.put(&name, &bytes[..len]);
            check(&damaged, config, false, &format!("{end:?}: {name} cut at {len}"));
        }
    }
}

fn sealed_and_packed() -> Config {
    let current = Some(SecretKey::new([5; 32]).unwrap());
    Config { keys: KeyRing { current, older: Vec::new() }, compression: Some(1), ..config() }
}

#[test]
fn every_flipped_bit_of_an_encrypted_and_compressed_journal_is_noticed() {
    check_every_bit(&sealed_and_packed(), End::Idle);
}

#[test]
fn every_cut_of_an_encrypted_and_compressed_journal_is_noticed() {
    check_every_cut(&sealed_and_packed(), End::Killed);
}

#[test]
fn a_flipped_bit_in_an_older_segment_is_refused_and_quarantined_by_range() {
    let (disk, mut log, stream) = start(config());
    while segments(&disk).len() < 3 {
        write(&mut log, stream).unwrap();
    }
    log.sync().unwrap();
    let last = log.next_seq() - 1;
    let first_segment = segments(&disk).remove(0);
    let disk = disk.kill_image();
    assert_eq!(reopened(&disk.kill_image()), up_to(last));
    assert!(disk.flip_bit(&first_segment, 1_000 * 8));
    let error = open(&disk, config()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains(&first_segment), "{error}");
    let (found, report) = opened_damaged(&disk, config(), OnDamage::Quarantine).unwrap();
    let [lost] = report.lost.as_slice() else { panic!("{report:?}") };
    assert_eq!((lost.first, lost.first), (lost.last, lost.last), "one frame of one record");
    assert_eq!(found, up_to(last).into_iter().filter(|n| *n != lost.first.get()).collect::<Vec<_>>());
    assert!(disk.files().iter().any(|(name, _)| *name == lost.quarantined_as), "the evidence is kept");
}
