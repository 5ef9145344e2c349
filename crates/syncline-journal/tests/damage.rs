//! Rot where it is not the obvious loss: witnesses, evidence, names.

use std::sync::Arc;

use syncline_core::port::Disk;
use syncline_journal::{
    Config, OnDamage, RecoveryReport,
    sim::{Log, Submission, replay},
};
use syncline_testkit::{SeededRandom, SimDisk, disk::Call};

const HEADER: u64 = 160;
const FRAME: u64 = 40;
/// Bytes of a frame that holds one record of eight bytes.
const RECORD: u64 = FRAME + 10;

fn config() -> Config {
    Config { segment_bytes: 16 * 1_024, ..Config::default() }
}

fn open(disk: &SimDisk, config: Config) -> syncline_core::Result<(Log, RecoveryReport)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, config, Arc::new(SeededRandom::new(3)))
}

fn write(log: &mut Log, stream: u32) {
    log.write(&[Submission { records: vec![(stream, "8 bytes!".into())], essential: false }])
        .unwrap();
    log.sync().unwrap();
}

fn segment(id: u64) -> String {
    format!("{id:016x}.seg")
}

/// One record, a witness, and as many records as said; the witness rots.
fn with_a_rotten_witness(records_behind: u64) -> (SimDisk, u32) {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk, config()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    write(&mut log, stream);
    log.witness().unwrap();
    for _ in 0..records_behind {
        write(&mut log, stream);
    }
    drop(log);
    assert!(disk.flip_bit(&segment(1), (HEADER + RECORD + 20) * 8));
    (disk, stream)
}

/// The one acknowledged record behind a rotten witness was cut: nothing after it said that it had been on disk.
#[test]
fn a_rotten_witness_costs_no_record_behind_it() {
    for behind in [1, 2, 5] {
        let (disk, stream) = with_a_rotten_witness(behind);
        // With two and more the journal refused to open, although no record was lost.
        for opening in 0..3 {
            let (log, report) = open(&disk, config()).unwrap();
            assert!(report.lost.is_empty() && report.torn.is_none(), "{opening}: {report:?}");
            let seqs: Vec<u64> = replay(&log, stream, 1).unwrap().iter().map(|entry| entry.seq.get()).collect();
            assert_eq!(seqs, (1..=behind + 1).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_rotten_witness_at_the_end_costs_nothing() {
    let (disk, stream) = with_a_rotten_witness(0);
    let (log, report) = open(&disk, config()).unwrap();
    assert!(report.torn.is_some_and(|torn| torn.from.get() == 2), "{report:?}");
    assert_eq!(replay(&log, stream, 1).unwrap().len(), 1);
}

/// A second incident at the same record overwrote the copy of the first, which was the only evidence.
#[test]
fn evidence_that_was_set_aside_is_never_replaced() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk, config()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    for _ in 0..3 {
        write(&mut log, stream);
    }
    log.close().unwrap();
    drop(log);
    assert!(disk.flip_bit(&segment(1), (HEADER + FRAME) * 8));
    let quarantine = || Config { on_damage: OnDamage::Quarantine, ..config() };
    let (_, report) = open(&disk, quarantine()).unwrap();
    let aside = report.lost[0].quarantined_as.clone();
    let evidence = disk.contents(&aside).unwrap();
    // The gap that stands for the loss rots too.
    assert!(disk.flip_bit(&segment(1), (HEADER + 20) * 8));
    let (_, report) = open(&disk, quarantine()).unwrap();
    assert_eq!((report.lost.len(), &report.lost[0].quarantined_as), (1, &aside));
    assert_eq!(disk.contents(&aside).unwrap(), evidence);
    assert!(disk.list().unwrap().iter().all(|name| !name.ends_with(".tmp")));
}

/// The repaired segment could be durable before the name of the copy was: after loss of power the evidence was gone.
#[test]
fn evidence_is_on_disk_before_the_segment_is_replaced() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk, config()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    for _ in 0..3 {
        write(&mut log, stream);
    }
    log.close().unwrap();
    drop(log);
    assert!(disk.flip_bit(&segment(1), (HEADER + FRAME) * 8));
    let damaged = disk.contents(&segment(1)).unwrap();
    disk.collect_points(true);
    open(&disk, Config { on_damage: OnDamage::Quarantine, ..config() }).unwrap();
    let mut replaced = 0;
    for point in disk.take_points() {
        for image in point.crash_images(64, &SeededRandom::new(2)) {
            let names = image.list().unwrap();
            if image.contents(&segment(1)).unwrap() != damaged {
                replaced += 1;
                assert!(
                    names.iter().any(|name| name.starts_with("quarantine-") && !name.ends_with(".tmp")),
                    "{names:?}"
                );
            }
        }
    }
    assert!(replaced > 0);
}

/// The manifest before the newest listed segments that had been given back since, or did not name a stream that had been
/// registered: where the newest rotted, a journal that had lost nothing was not opened.
#[test]
fn a_rotten_manifest_costs_nothing_whatever_was_written_last() {
    for last in ["a registration", "a removal"] {
        let disk = SimDisk::new(1);
        let (mut log, _) = open(&disk, config()).unwrap();
        let (stream, _) = log.register("orders").unwrap();
        for _ in 0..1_000 {
            write(&mut log, stream);
        }
        if last == "a removal" {
            log.truncate(stream, 1_000);
            log.remove_dead().unwrap();
            assert!(disk.contents(&segment(1)).is_none(), "{last}");
        }
        drop(log);
        let names = disk.list().unwrap();
        let newest = names.iter().rfind(|name| name.starts_with("MANIFEST")).unwrap();
        assert!(disk.flip_bit(newest, 300));
        let (log, report) = open(&disk, config()).unwrap();
        assert!(report.manifest_fell_back, "{last}: {report:?}");
        assert_eq!(replay(&log, stream, 1_000).unwrap().len(), 1, "{last}");
    }
}

/// A frame whose record was full of what looks like the headers of large frames, and which was cut by loss of power, had each
/// of those bodies read and summed up: hours for the few megabytes that anybody may store.
#[test]
fn a_torn_record_full_of_headers_is_judged_soon() {
    let disk = SimDisk::new(1);
    let config = Config { segment_bytes: 24 * 1_024 * 1_024, ..config() };
    let (mut log, _) = open(&disk, config.clone()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    let mut header = b"SLF1".to_vec();
    for field in [(8 * 1_024 * 1_024_u64) | (1 << 32), 0, 1 << 32, 1, 0, 0] {
        header.extend(field.to_le_bytes());
    }
    header.truncate(FRAME as usize);
    let record = header.repeat(4 * 1_024 * 1_024 / header.len());
    log.write(&[Submission { records: vec![(stream, record.into())], essential: false }])
        .unwrap();
    drop(log);
    assert!(disk.flip_bit(&segment(1), (HEADER + FRAME + 2) * 8));
    disk.record();
    let (_, report) = open(&disk, config).unwrap();
    assert!(report.torn.is_some_and(|torn| torn.from.get() == 1), "{report:?}");
    let read: u64 = disk.events().iter().filter(|event| event.call == Call::Read).map(|event| event.len).sum();
    assert!(read < 200 * 1_024 * 1_024, "{read} bytes were read");
}
