//! What passes between users, owners and the journal's threads: close, drop, panic, release.

#[expect(dead_code, reason = "nothing is counted here")]
mod common;

use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
};

use common::{GateDisk, Keeper, small};
use syncline_core::{ErrorKind, memory::MemoryDisk, port::Disk as _};
use syncline_journal::{Config, Durability, Entry, Journal, Owner, Seq, Stream};

/// The second of two callers of `close` did not wait for the first: it gave the directory away and ended the log under the
/// threads, so that a record that was handed over before came back as `Closed`, and the close frame was never written.
#[test]
fn both_of_two_closers_wait_until_all_is_answered() {
    let disk = GateDisk::default();
    let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    disk.hold_syncs();
    let commit = stream.append("held up", Durability::Sync).unwrap();
    disk.await_sync();
    let (started, starts) = mpsc::sync_channel(2);
    thread::scope(|scope| {
        for journal in [journal.clone(), journal.clone()] {
            let started = started.clone();
            scope.spawn(move || {
                started.send(()).unwrap();
                journal.close().unwrap();
            });
        }
        starts.recv().unwrap();
        starts.recv().unwrap();
        // Both are on their way into `close`; the record was handed over before.
        while stream.append("late", Durability::Sync).is_ok() {
            thread::yield_now();
        }
        disk.let_syncs_go();
    });
    commit.wait().unwrap();
    let report = Journal::open(Arc::new(disk), small()).unwrap().report;
    assert!(report.clean_close && report.records >= 1, "{report:?}");
}

struct Panics;

impl Owner for Panics {
    fn apply(&self, _: Entry) {
        panic!("an owner that panics, on purpose");
    }
}

/// A thread that died in its turn to sync never gave it away: the other waited for that turn for ever, and with it whoever
/// waited for an answer or closed the journal.
#[test]
fn an_owner_that_panics_ends_the_journal_and_nobody_waits_for_ever() {
    let disk = GateDisk::default();
    let journal = Journal::open(Arc::new(disk.clone()), Config::default()).unwrap().journal;
    let stream = journal.stream("orders", Arc::new(Panics)).unwrap();
    disk.hold_syncs();
    let first = stream.append("first", Durability::Sync).unwrap();
    disk.await_sync();
    // Large enough to be written while the sync runs, so that its thread waits for the turn behind.
    let second = stream.append(vec![1; 256 * 1_024], Durability::Sync).unwrap();
    while journal.stats().records < 2 {
        thread::yield_now();
    }
    disk.let_syncs_go();
    assert_eq!(first.wait().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(second.wait().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(stream.append("third", Durability::Sync).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(journal.close().unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(journal.stats().is_poisoned, "{:?}", journal.stats());

    let journal = Journal::open(Arc::new(disk), Config::default()).unwrap().journal;
    let keeper = Arc::new(Keeper::default());
    let _stream = journal.stream("orders", keeper.clone()).unwrap();
    assert_eq!(keeper.seqs(), [1, 2], "what was written is there, though its outcome was not known");
}

/// Lets go of what it was given, in `apply`.
struct Dropper(Mutex<Option<Journal>>);

impl Owner for Dropper {
    fn apply(&self, _: Entry) {
        drop(self.0.lock().unwrap().take());
    }
}

/// An owner that dropped the last handle had a journal thread wait for its own end.
#[test]
fn the_last_handle_may_be_dropped_by_an_owner() {
    let disk = GateDisk::default();
    let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let owner = Arc::new(Dropper(Mutex::new(None)));
    let stream = journal.stream("orders", owner.clone()).unwrap();
    disk.hold_syncs();
    let commit = stream.append("the last", Durability::Sync).unwrap();
    *owner.0.lock().unwrap() = Some(journal);
    drop(stream);
    disk.let_syncs_go();
    commit.wait().unwrap();
    let report = loop {
        match Journal::open(Arc::new(disk.clone()), small()) {
            Ok(opened) => break opened.report,
            // Its threads close it, and nobody waits for them.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
        thread::yield_now();
    };
    assert!(report.clean_close && report.records == 1, "{report:?}");
}

/// Closes its journal in `apply`.
#[derive(Default)]
struct Closer(OnceLock<Journal>, OnceLock<ErrorKind>);

impl Owner for Closer {
    fn apply(&self, _: Entry) {
        if let Some(Err(error)) = self.0.get().map(Journal::close) {
            self.1.get_or_init(|| error.kind());
        }
    }
}

#[test]
fn an_owner_that_closes_its_journal_is_told_that_it_cannot_wait_for_that() {
    let journal = Journal::open(Arc::new(MemoryDisk::new()), small()).unwrap().journal;
    let owner = Arc::new(Closer::default());
    let stream = journal.stream("orders", owner.clone()).unwrap();
    owner.0.set(journal.clone()).unwrap();
    stream.append("the last", Durability::Sync).unwrap().wait().unwrap();
    assert_eq!(owner.1.get(), Some(&ErrorKind::Invalid));
    journal.close().unwrap();
    assert_eq!(stream.append("late", Durability::Sync).unwrap_err().kind(), ErrorKind::Closed);
}

/// A record on its way when its stream was released was told to the next owner twice: by the replay and by its answer.
#[test]
fn a_record_on_its_way_reaches_the_next_owner_once() {
    for _ in 0..20 {
        let disk = GateDisk::default();
        let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
        let first = Arc::new(Keeper::default());
        let kept = journal.stream("orders", first.clone()).unwrap();
        disk.hold_syncs();
        let on_its_way = kept.append("on its way", Durability::Sync).unwrap();
        disk.await_sync();
        kept.release();
        let second = Arc::new(Keeper::default());
        thread::scope(|scope| {
            let registering = scope.spawn(|| journal.stream("orders", second.clone()).unwrap());
            disk.let_syncs_go();
            // A handle that was kept goes on writing meanwhile.
            let later: Vec<_> = (0..20).map(|_| kept.append("later", Durability::Buffered).unwrap()).collect();
            registering.join().unwrap();
            for commit in later {
                commit.wait().unwrap();
            }
        });
        on_its_way.wait().unwrap();
        journal.close().unwrap();
        assert_eq!((first.seqs(), second.seqs()), (vec![], (1..=21).collect::<Vec<_>>()));
    }
}

/// Lets go of its stream when it is dropped.
#[derive(Default)]
struct Tidy(OnceLock<Stream>);

impl Owner for Tidy {
    fn apply(&self, _: Entry) {}
}

impl Drop for Tidy {
    fn drop(&mut self) {
        self.0.get().into_iter().for_each(Stream::release);
    }
}

/// Owners were dropped under the lock that `release` takes.
#[test]
fn an_owner_may_release_its_stream_when_it_is_dropped() {
    let journal = Journal::open(Arc::new(MemoryDisk::new()), small()).unwrap().journal;
    for close in [false, true] {
        let owner = Arc::new(Tidy::default());
        let stream = journal.stream("orders", owner.clone()).unwrap();
        assert!(owner.0.set(stream.clone()).is_ok());
        drop(owner);
        if close {
            journal.close().unwrap();
        } else {
            stream.release();
            assert_eq!(journal.unowned_streams(), ["orders"]);
        }
    }
}

/// A segment that was given back while `verify` read was reported as damage.
#[test]
fn a_segment_that_is_given_back_meanwhile_is_no_damage() {
    let disk = GateDisk::default();
    let journal = Journal::open(Arc::new(disk.clone()), small()).unwrap().journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    for _ in 0..100 {
        stream.append(vec![7; 400], Durability::Sync).unwrap().wait().unwrap();
    }
    let (inner, kept) = (disk.inner.clone(), stream.clone());
    disk.on_open(move |name| {
        kept.truncate_below(Seq::new(100));
        while inner.list().unwrap().iter().any(|other| other == name) {
            thread::yield_now();
        }
    });
    let verified = journal.verify().unwrap();
    assert!((1..100).contains(&verified.records), "{verified:?}");
}

/// The lengths of records were not counted: many small ones made a frame that is too large to write, and the journal ended
/// for everybody.
#[test]
fn records_without_bytes_count_too() {
    let journal = Journal::open(Arc::new(MemoryDisk::new()), small()).unwrap().journal;
    let stream = journal.stream("orders", Arc::new(Keeper::default())).unwrap();
    let mut transaction = journal.transaction();
    transaction.stage(&stream, vec![0; 32 * 1_024 * 1_024]).unwrap();
    let refused = (0..5_000_000).find_map(|_| transaction.stage(&stream, "").err()).expect("a bound");
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
    let small = stream.append("small", Durability::Sync).unwrap();
    transaction.commit(Durability::Sync).unwrap().wait().unwrap();
    small.wait().unwrap();
}
