//! Rot: every bit of a journal of 50 frames flipped, its files cut at every byte, and its segments swapped. What was
//! acknowledged is there, or opening says which range is not.

#[expect(dead_code, reason = "nothing is held up here")]
mod common;

use std::sync::Arc;

use common::Keeper;
use syncline_core::{ErrorKind, rt::os};
use syncline_journal::{
    Config, OnDamage, Owner, RecoveryReport,
    sim::{Log, Submission, replay},
};
use syncline_testkit::{SeededRandom, SimDisk};

const FRAMES: u64 = 50;

/// How the journal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Killed right after the last acknowledgement: nothing vouches for the last frame.
    Killed,
    /// Killed while idle: a witness vouches for it.
    Idle,
    Closed,
}

fn config(on_damage: OnDamage) -> Config {
    Config { segment_bytes: 4_096, on_damage, ..Config::default() }
}

fn payload(seq: u64) -> Vec<u8> {
    format!("{seq}:{}", "r".repeat(seq as usize % 7)).into_bytes()
}

/// A journal of 50 frames of one record each, every one acknowledged, as it stands after `end`.
fn journal(end: End) -> SimDisk {
    let disk = SimDisk::new(7);
    let random = Arc::new(SeededRandom::new(7));
    let (mut log, _) = Log::open(Arc::new(disk.clone()), config(OnDamage::Refuse), random).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    for seq in 1..=FRAMES {
        let submission = Submission { records: vec![(stream, payload(seq).into())], essential: false };
        assert_eq!(log.write(&[submission]).unwrap(), seq);
        log.sync().unwrap();
    }
    match end {
        End::Killed => {}
        End::Idle => log.witness().unwrap(),
        End::Closed => log.close().unwrap(),
    }
    drop(log);
    disk.kill_image()
}

/// Opens `disk` and reads what stands, or says why not.
fn open(disk: &SimDisk, on_damage: OnDamage) -> syncline_core::Result<(Vec<u64>, RecoveryReport)> {
    let keeper = Arc::new(Keeper::default());
    let owners: [(_, Arc<dyn Owner>); 1] = [("orders", keeper.clone())];
    let random = Arc::new(SeededRandom::new(8));
    let (mut log, report) = Log::open_telling(Arc::new(disk.clone()), config(on_damage), random, &owners)?;
    let (stream, low_water) = log.register("orders")?;
    let entries = replay(&log, stream, low_water)?;
    assert_eq!(keeper.seqs(), entries.iter().map(|entry| entry.seq.get()).collect::<Vec<_>>());
    for entry in &entries {
        assert_eq!(entry.payload, payload(entry.seq.get()), "a record came back changed");
    }
    Ok((entries.iter().map(|entry| entry.seq.get()).collect(), report))
}

/// What became of a journal that was harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    Refused,
    /// Records up to this one are there; the range from the next one on is reported.
    Reported(u64),
}

/// The verdict on a journal that was harmed: all there, refused, or the missing range reported. There is no fourth.
#[track_caller]
fn judge(disk: &SimDisk, harm: &str) -> Verdict {
    let (seqs, report) = match open(disk, OnDamage::Refuse) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid), "{harm}: {error:?}");
            return Verdict::Refused;
        }
    };
    let whole: Vec<u64> = (1..=FRAMES).collect();
    if seqs == whole {
        return Verdict::Same;
    }
    let torn = report.torn.unwrap_or_else(|| panic!("{harm}: {seqs:?} in silence, {report:?}"));
    assert_eq!(seqs, whole[..seqs.len()], "{harm}: what stands is not a prefix");
    assert!(torn.possibly_acknowledged && torn.from.get() == seqs.len() as u64 + 1, "{harm}: {torn:?}");
    Verdict::Reported(seqs.len() as u64)
}

/// With quarantine, what is left and what is reported lost make up the whole.
fn judge_quarantine(disk: &SimDisk, harm: &str) {
    let Ok((mut seqs, report)) = open(disk, OnDamage::Quarantine) else { return };
    if let Some(torn) = &report.torn {
        seqs.extend(torn.from.get()..=FRAMES);
    }
    for lost in &report.lost {
        assert!(disk.contents(&lost.quarantined_as).is_some(), "{harm}: {lost:?} keeps nothing");
        seqs.extend(lost.first.get()..=lost.last.get());
    }
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs, (1..=FRAMES).collect::<Vec<_>>(), "{harm}: {report:?}");
}

/// The bytes of `name` up to the last that is not zero, and a few behind it.
fn used(disk: &SimDisk, name: &str) -> u64 {
    let bytes = disk.contents(name).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1) as u64 + 16).min(bytes.len() as u64)
}

fn files(disk: &SimDisk) -> Vec<String> {
    let names = disk.files().into_iter().map(|(name, _)| name);
    names.filter(|name| name != "spare.seg" && used(disk, name) > 16).collect()
}

#[test]
fn every_flipped_bit_is_harmless_refused_or_reported() {
    let before = os::resident_bytes_peak().unwrap();
    for end in [End::Killed, End::Idle, End::Closed] {
        let whole = journal(end);
        assert_eq!(judge(&whole.kill_image(), "no harm"), Verdict::Same);
        let mut refused = 0;
        for name in files(&whole) {
            for bit in 0..used(&whole, &name) * 8 {
                let harm = format!("bit {bit} of {name}");
                let harmed = whole.kill_image();
                assert!(harmed.flip_bit(&name, bit), "{harm}");
                let again = harmed.kill_image();
                match judge(&harmed, &harm) {
                    Verdict::Same => {}
                    Verdict::Refused => refused += 1,
                    // Only the last frame has nothing to vouch for it, and only where no witness was written.
                    Verdict::Reported(last) => assert_eq!((end, last), (End::Killed, FRAMES - 1), "{harm}"),
                }
                judge_quarantine(&again, &harm);
            }
        }
        assert!(refused > 10_000, "{end:?}: {refused}");
    }
    let grown = os::resident_bytes_peak().unwrap() - before;
    assert!(grown < 256 * 1_024 * 1_024, "a length that rotted cost {grown} bytes");
}

#[test]
fn a_file_cut_at_any_byte_is_refused_or_reported() {
    for end in [End::Killed, End::Idle, End::Closed] {
        let whole = journal(end);
        for name in files(&whole) {
            let bytes = whole.contents(&name).unwrap();
            for len in 0..used(&whole, &name) as usize {
                let harm = format!("{name} cut to {len} bytes");
                let harmed = whole.kill_image();
                harmed.put(&name, &bytes[..len]);
                judge(&harmed, &harm);
            }
        }
    }
}

#[test]
fn a_segment_of_another_place_or_journal_is_refused() {
    let disk = journal(End::Closed);
    let (mut log, _) =
        Log::open(Arc::new(disk.clone()), config(OnDamage::Refuse), Arc::new(SeededRandom::new(9))).unwrap();
    log.close().unwrap();
    drop(log);
    let segments: Vec<String> = disk
        .files()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.ends_with(".seg") && name != "spare.seg")
        .collect();
    let [first, second] = &segments[..] else { panic!("{segments:?}") };
    let swapped = disk.kill_image();
    swapped.put(first, &disk.contents(second).unwrap());
    swapped.put(second, &disk.contents(first).unwrap());
    assert_eq!(open(&swapped, OnDamage::Refuse).unwrap_err().kind(), ErrorKind::Corrupt);

    let stranger = SimDisk::new(1);
    drop(Log::open(Arc::new(stranger.clone()), config(OnDamage::Refuse), Arc::new(SeededRandom::new(10))).unwrap());
    let (name, _) = stranger.files().into_iter().find(|(name, _)| name.starts_with("000")).unwrap();
    let mixed = disk.kill_image();
    mixed.put(first, &stranger.contents(&name).unwrap());
    assert_eq!(open(&mixed, OnDamage::Refuse).unwrap_err().kind(), ErrorKind::Corrupt);
}
