//! Calls of the disk that fail.

use std::sync::Arc;

use syncline_core::{ErrorKind, port::Disk};
use syncline_journal::{Commit, Config, Durability, Entry, Journal, Owner};
use syncline_testkit::{
    SimDisk,
    disk::{Call, Fault},
};

use crate::story::{config, open, payload, reopened, standing, start, up_to, write, write_unsynced};

/// More than any of these short histories has of one call.
const CALLS: u64 = 40;

/// Writes and syncs records until something fails, goes on all the same, and returns how many were acknowledged.
fn work(disk: &SimDisk) -> Option<u64> {
    let (mut log, _) = open(disk, config()).ok()?;
    let stream = log.register(crate::story::STREAM).ok()?.0;
    let (mut acked, mut failed) = (0, false);
    for _ in 0..30 {
        let written = (0..20).try_for_each(|_| write(&mut log, stream).map(drop));
        let synced = written.and_then(|()| log.sync());
        assert!(!(failed && synced.is_ok()), "a sync went well after a failure");
        match synced {
            Ok(durable) => acked = durable - 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Poisoned, "{error:?}");
                failed = true;
            }
        }
        assert!(log.durable() > acked, "what is acknowledged stays so");
        assert!(!failed || log.durable() - 1 <= acked + 20, "nothing is acknowledged after a failure");
    }
    Some(acked)
}

/// Fails the k-th call for every k; whatever was acknowledged stands after loss of power and after a mere restart.
#[track_caller]
fn check_every_failure(call: Call) {
    let mut struck = 0;
    for k in 0..CALLS {
        let disk = SimDisk::new(k);
        disk.fail(Fault::eio(call).after(k));
        let acked = work(&disk).unwrap_or(0);
        struck += u64::from(!disk.has_faults());
        let lost_power = reopened(&disk.synced_image());
        assert!(
            lost_power.len() as u64 >= acked,
            "{call:?} {k}: {acked} were acknowledged, {} stand",
            lost_power.len()
        );
        assert_eq!(lost_power, up_to(lost_power.len() as u64));
        let restarted = disk.kill_image();
        let found = reopened(&restarted);
        assert!(found.len() as u64 >= acked);
        // What the restarted process was given is on disk, though the cache it came from lied.
        assert_eq!(reopened(&restarted.synced_image()), found, "{call:?} {k}: recovered from the cache alone");
    }
    assert!(struck > 2, "{call:?} was never reached");
}

#[test]
fn a_failed_sync_acknowledges_nothing_more_until_reopening() {
    check_every_failure(Call::Sync);
}

#[test]
fn a_failed_write_acknowledges_nothing_more_until_reopening() {
    check_every_failure(Call::Write);
}

#[test]
fn a_failed_sync_of_the_directory_acknowledges_nothing_more_until_reopening() {
    check_every_failure(Call::SyncDir);
}

#[test]
fn a_failed_rename_acknowledges_nothing_more_until_reopening() {
    check_every_failure(Call::Rename);
}

#[test]
fn a_failed_write_leaves_whole_frames_before_it() {
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let (mut log, _) = open(&disk, config()).unwrap();
        let stream = log.register(crate::story::STREAM).unwrap().0;
        write_unsynced(&mut log, stream, 5);
        disk.fail(Fault::eio(Call::Write));
        assert_eq!(write(&mut log, stream).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(write(&mut log, stream).unwrap_err().kind(), ErrorKind::Poisoned);
        drop(log);
        let found = reopened(&disk.kill_image());
        // The whole frame may have been written before the device failed; it was not acknowledged.
        assert!(found == up_to(5) || found == up_to(6), "{found:?}");
    }
}

#[test]
fn a_failed_read_of_a_recovery_is_an_error_and_changes_nothing_that_stands() {
    let (disk, mut log, stream) = start(config());
    write_unsynced(&mut log, stream, 100);
    log.sync().unwrap();
    for k in 0..12 {
        let disk = disk.synced_image();
        disk.fail(Fault::eio(Call::Read).after(k));
        if let Err(error) = open(&disk, config()) {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "read {k}: {error:?}");
        }
        disk.heal();
        assert_eq!(reopened(&disk.kill_image()), up_to(100), "read {k}");
    }
}

#[test]
fn a_close_that_fails_says_so() {
    for (call, k) in [(Call::Sync, 0), (Call::Sync, 1), (Call::Write, 0), (Call::Write, 1), (Call::Rename, 0)] {
        let (disk, mut log, stream) = start(config());
        write(&mut log, stream).unwrap();
        disk.fail(Fault::eio(call).after(k));
        assert_eq!(log.close().unwrap_err().kind(), ErrorKind::Poisoned, "{call:?} {k}");
        drop(log);
        let (mut log, _) = open(&disk.kill_image(), config()).unwrap();
        assert_eq!(standing(&mut log), [1]);
    }
}

// The same through the threads: every waiter is answered.

struct Ignore;

impl Owner for Ignore {
    fn apply(&self, _entry: Entry) {}
}

fn journal(disk: &SimDisk) -> Journal {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Journal::open(disk, Config { segment_bytes: 64 * 1_024, ..Config::default() })
        .unwrap()
        .journal
}

#[test]
fn every_waiter_hears_of_a_failed_sync_and_later_appends_fail_fast() {
    for k in 0..4 {
        let disk = SimDisk::new(k);
        let journal = journal(&disk);
        let stream = journal.stream("orders", Arc::new(Ignore)).unwrap();
        disk.fail(Fault::eio(Call::Sync).after(k));
        let commits: Vec<Commit> = (0..200).filter_map(|n| stream.append(payload(n), Durability::Sync).ok()).collect();
        let answers: Vec<_> = commits.into_iter().map(Commit::wait).collect();
        let failed: Vec<ErrorKind> = answers.iter().filter_map(|answer| Some(answer.as_ref().err()?.kind())).collect();
        assert!(failed.iter().all(|kind| *kind == ErrorKind::Poisoned), "{failed:?}");
        // A sync for each until one fails: a batch may hold all, so that fewer syncs than `k` were needed.
        while let Ok(commit) = stream.append(payload(1), Durability::Sync) {
            if commit.wait().is_err() {
                break;
            }
        }
        assert!(journal.stats().is_poisoned);
        let late = stream.append(payload(1), Durability::Sync).and_then(Commit::wait);
        assert_eq!(late.unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(journal.close().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}
