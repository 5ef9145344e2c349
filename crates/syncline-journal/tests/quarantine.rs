//! Opening a damaged journal at the caller's word: what is whole stays, every other record is reported.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use syncline_core::{
    ErrorKind,
    memory::MemoryDisk,
    port::{Disk, OpenMode},
};
use syncline_journal::{
    Config, OnDamage,
    sim::{Log, Submission, replay},
};
use syncline_testkit::SeededRandom;

const RECORDS: u64 = 12;

fn config(on_damage: OnDamage) -> Config {
    Config { segment_bytes: 64 * 1_024, on_damage, ..Config::default() }
}

fn random() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(5))
}

/// A record that is found again by its text.
fn payload(number: u64) -> Bytes {
    format!("<record {number:02}>").into()
}

fn written() -> Arc<MemoryDisk> {
    let disk = Arc::new(MemoryDisk::new());
    let (mut log, _) = Log::open(Arc::clone(&disk) as Arc<dyn Disk>, config(OnDamage::Refuse), random()).unwrap();
    let (stream, _) = log.register("orders").unwrap();
    for number in 1..=RECORDS {
        log.write(&[Submission { records: vec![(stream, payload(number))], essential: false }])
            .unwrap();
        log.sync().unwrap();
    }
    log.close().unwrap();
    disk
}

/// Turns one bit of the record, wherever it lies.
fn rot(disk: &MemoryDisk, number: u64) {
    let wanted = payload(number);
    for name in disk.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")) {
        let file = disk.open(&name, OpenMode::Write).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        if let Some(at) = bytes.windows(wanted.len()).position(|window| window == wanted) {
            return file.write_at(&[bytes[at] ^ 1], at as u64).unwrap();
        }
    }
    panic!("record {number} is in no segment");
}

/// A segment with two rotten places was once repaired at the first alone: the records between them were gone, unreported,
/// until the next opening.
#[test]
fn every_damaged_place_is_reported_and_all_between_them_stays() {
    let disk = written();
    for number in [3, 4, 9] {
        rot(&disk, number);
    }
    let shared = || Arc::clone(&disk) as Arc<dyn Disk>;
    let refused = Log::open(shared(), config(OnDamage::Refuse), random()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("acknowledged records 3 to 4"), "{refused}");

    for _opening in ["first", "second"] {
        let (mut log, report) = Log::open(shared(), config(OnDamage::Quarantine), random()).unwrap();
        let (stream, _) = log.register("orders").unwrap();
        let lost: Vec<_> = report.lost.iter().map(|range| (range.first.get(), range.last.get())).collect();
        assert_eq!(lost, [(3, 4), (9, 9)]);
        let found: BTreeSet<_> = replay(&log, stream, 0).unwrap().into_iter().map(|entry| entry.payload).collect();
        let kept: BTreeSet<_> = (1..=RECORDS).filter(|number| ![3, 4, 9].contains(number)).map(payload).collect();
        assert_eq!(found, kept);
    }
}
