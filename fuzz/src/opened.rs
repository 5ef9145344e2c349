//! Opening a directory and reading what it holds.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::{Error, memory::MemoryDisk, port::Disk};
use syncline_journal::{
    Config, RecoveryReport,
    sim::{Log, Submission, replay},
};
use syncline_testkit::SeededRandom;

use crate::STREAM;

/// What an opened journal holds.
#[derive(Debug)]
pub struct Opened {
    /// Sequence numbers and payloads, in order.
    pub records: Vec<(u64, Bytes)>,
    /// What opening found.
    pub report: RecoveryReport,
    /// The sequence number of the next record.
    pub next_seq: u64,
}

/// Opens the journal in `disk`, reads it, and sees that it takes one more record and keeps it.
///
/// # Errors
///
/// Why it does not open: what the caller has to judge.
///
/// # Panics
///
/// When a journal that opened breaks a promise, whatever stood in its files: that is a finding.
pub fn open(disk: &Arc<MemoryDisk>, config: &Config) -> Result<Opened, Error> {
    let (mut log, report) = open_log(disk, config)?;
    let (stream, _) = log.register(STREAM)?;
    let opened = Opened { records: read(&log, stream), report, next_seq: log.next_seq() };
    check_order(&opened);
    let more = Bytes::from_static(b"one more");
    let written = log.write(&[Submission { records: vec![(stream, more.clone())], essential: false }]);
    // The last sequence numbers are spoken for when the generated ones were huge: a refusal is fine, a loss is not.
    let added = written.is_ok_and(|_| log.sync().is_ok());
    drop(log);
    let (again, report) = open_log(disk, config).expect("what was opened once opens again");
    let mut expected = opened.records.clone();
    expected.extend(added.then_some((opened.next_seq, more)));
    let found = read(&again, stream);
    let seqs = |records: &[(u64, Bytes)]| records.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
    let (one, two) = (seqs(&expected), seqs(&found));
    assert_eq!(one, two, "a second opening reads the same: {:?}, then {report:?}", opened.report);
    assert!(found == expected, "a second opening reads other bytes");
    Ok(opened)
}

fn open_log(disk: &Arc<MemoryDisk>, config: &Config) -> Result<(Log, RecoveryReport), Error> {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    Log::open(disk, config.clone(), Arc::new(SeededRandom::new(23)))
}

fn read(log: &Log, stream: u32) -> Vec<(u64, Bytes)> {
    let entries = replay(log, stream, 0).expect("what opening accepted can be read");
    entries.into_iter().map(|entry| (entry.seq.get(), entry.payload)).collect()
}

fn check_order(opened: &Opened) {
    let seqs = opened.records.iter().map(|(seq, _)| *seq);
    let ascending = seqs.clone().zip(seqs.skip(1)).all(|(one, next)| one < next);
    assert!(ascending, "records are not in order: {:?}", opened.records);
    let last = opened.records.last().map_or(0, |(seq, _)| *seq);
    assert!(last < opened.next_seq, "record {last} stands behind the next, {}", opened.next_seq);
}
