//! Keeping an archive: the feed's bounds, a full disk, verification, backups.

use std::{fs, sync::Arc, time::Duration};

use syncline_core::{
    ErrorKind,
    port::{Archive, ChangePage},
    rt::SystemRandom,
};
use syncline_sql::{
    SqliteArchive, SqliteConfig,
    sqlite::{FeedRetention, VerifyProgress},
};
use syncline_testkit::MockClock;

use crate::support::{Place, key, put, tombstone};

fn keep(lines_max: u64, bytes_max: u64, age_max: Duration) -> FeedRetention {
    FeedRetention { lines_max, bytes_max, age_max }
}

const LONG: Duration = Duration::from_secs(1_000_000);

async fn lines(archive: &SqliteArchive, after: u64) -> Option<Vec<u64>> {
    match archive.changes(after, 1_000).await.unwrap() {
        ChangePage::Lines(lines) => Some(lines.iter().map(|line| line.seq).collect()),
        ChangePage::MustRefetch { head } => {
            assert_eq!(head, archive.stats().await.unwrap().feed_head);
            None
        }
    }
}

#[tokio::test]
async fn the_feed_is_bounded_by_lines_and_an_older_cursor_must_refetch() {
    let mut place = Place::new();
    place.config.feed = keep(5, u64::MAX, LONG);
    let archive = place.open();
    for n in 1..=10 {
        archive.apply(&[put("a", n, "1")]).await.unwrap();
    }
    assert_eq!(lines(&archive, 4).await, None);
    assert_eq!(lines(&archive, 5).await, Some(vec![6, 7, 8, 9, 10]));
    assert_eq!(lines(&archive, 10).await, Some(vec![]));
    assert_eq!(lines(&archive, 11).await, None, "a place that was never given");
    archive.verify(drop).unwrap();
    let archive = place.open();
    archive.apply(&[put("a", 11, "1")]).await.unwrap();
    assert_eq!(lines(&archive, 6).await, Some(vec![7, 8, 9, 10, 11]), "no place is given twice");
}

#[tokio::test]
async fn the_feed_is_bounded_by_bytes() {
    let mut place = Place::new();
    // A line of the key "a" is 20 bytes, its chunk has 4 more.
    place.config.feed = keep(u64::MAX, 3 * 24, LONG);
    let archive = place.open();
    for n in 1..=10 {
        archive.apply(&[put("a", n, "1")]).await.unwrap();
    }
    assert_eq!(lines(&archive, 7).await, Some(vec![8, 9, 10]));
    assert_eq!(lines(&archive, 6).await, None);
    archive.verify(drop).unwrap();
}

#[tokio::test]
async fn the_feed_is_bounded_by_age() {
    let (mut place, clock) = (Place::new(), MockClock::new());
    place.config.feed = keep(u64::MAX, u64::MAX, Duration::from_secs(60));
    let archive =
        SqliteArchive::with_parts(place.config.clone(), Arc::new(clock.clone()), Arc::new(SystemRandom)).unwrap();
    archive.apply(&[put("a", 1, "1"), put("b", 1, "1")]).await.unwrap();
    clock.advance(Duration::from_secs(60));
    archive.apply(&[put("a", 2, "1")]).await.unwrap();
    assert_eq!(lines(&archive, 0).await, Some(vec![1, 2, 3]), "as old as allowed");
    clock.advance(Duration::from_secs(1));
    archive.apply(&[put("a", 3, "1")]).await.unwrap();
    assert_eq!(lines(&archive, 1).await, None);
    assert_eq!(lines(&archive, 2).await, Some(vec![3, 4]));
}

#[tokio::test]
async fn a_large_batch_is_several_chunks_and_pages_go_through_them() {
    let place = Place::new();
    let archive = place.open();
    let batch: Vec<_> = (0..3_000).map(|n| put(&format!("{:0>100}", n), 1, "1")).collect();
    archive.apply(&batch).await.unwrap();
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let ChangePage::Lines(page) = archive.changes(after, 700).await.unwrap() else {
            panic!("all is kept")
        };
        let Some(last) = page.last() else { break };
        after = last.seq;
        seen.extend(page);
    }
    assert!(seen.iter().zip(1..).all(|(line, seq)| line.seq == seq));
    let keys: Vec<_> = seen.into_iter().map(|line| line.key).collect();
    assert_eq!(keys, batch.into_iter().map(|record| record.key).collect::<Vec<_>>(), "in the order of the batch");
    assert_eq!(archive.changes(0, 0).await.unwrap(), ChangePage::Lines(vec![]));
}

#[tokio::test]
async fn a_damaged_line_of_the_feed_is_corrupt() {
    let place = Place::new();
    let archive = place.open();
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    place.tamper("UPDATE feed SET lines = zeroblob(length(lines))");
    let error = archive.changes(0, 10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("feed lines 1 to 1: they fail their checksum"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_full_leaves_nothing_behind_and_heals() {
    let mut place = Place::new();
    place.config.disk_bytes_max = Some(256 * 1_024);
    let archive = place.open();
    let batch: Vec<_> = (0..100).map(|n| put(&format!("item.{n}"), 1, &"x".repeat(10_000))).collect();
    archive.apply(&batch[..5]).await.unwrap();
    let error = archive.apply(&batch[5..]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().ends_with("no space is left, free some and try again"), "{error}");
    assert_eq!(archive.verify(drop).unwrap().items, 5);
    archive.apply(&[tombstone("item.0", 2)]).await.unwrap();
    archive.close().unwrap();
    place.config.disk_bytes_max = None;
    assert_eq!(place.open().apply(&batch[5..]).await.unwrap().len(), 95);
}

#[tokio::test]
async fn a_verification_says_what_it_proved() {
    for (place, encrypted) in [(Place::new(), 0), (Place::with_keys(Some(1), &[]), 2_499)] {
        let archive = place.open();
        let batch: Vec<_> = (0..2_500).map(|n| put(&format!("item.{n}"), 1, "1234")).collect();
        archive.apply(&batch).await.unwrap();
        archive.apply(&[tombstone("item.7", 2)]).await.unwrap();
        let mut reports = Vec::new();
        let verified = archive
            .verify(|progress: VerifyProgress| reports.push((progress.rows, progress.of)))
            .unwrap();
        assert_eq!((verified.items, verified.tombstones, verified.content_bytes), (2_499, 1, 2_499 * 4));
        assert_eq!((verified.feed_lines, verified.encrypted), (2_501, encrypted));
        assert_eq!(reports, [(1_024, 2_500), (2_048, 2_500), (2_500, 2_500)]);
    }
}

#[tokio::test]
async fn a_verification_counts_the_damaged_rows_and_names_the_first() {
    let place = Place::new();
    let archive = place.open();
    let batch: Vec<_> = (0..10).map(|n| put(&format!("item.{n}"), 1, "1234")).collect();
    archive.apply(&batch).await.unwrap();
    place.tamper("UPDATE item SET content = CAST('4321' AS BLOB) WHERE id IN (3, 7)");
    let error = archive.verify(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("2 of 10 rows are damaged, the first: item \"item.2\""), "{error}");
}

#[tokio::test]
async fn a_verification_finds_every_counter_that_does_not_add_up() {
    let tampers = [
        "UPDATE state SET items = items + 1",
        "UPDATE state SET tombstones = tombstones + 1",
        "UPDATE state SET content_bytes = 0",
        "UPDATE state SET feed_head = feed_head + 1",
        "UPDATE state SET feed_tail = 1",
        "UPDATE state SET feed_bytes = 0",
        "UPDATE state SET high_water = zeroblob(16)",
        "UPDATE sealing_key SET rows = rows + 1",
        "DELETE FROM item WHERE id = 2",
        "DELETE FROM feed WHERE last = 2",
        "UPDATE item SET key = CAST('elsewhere' AS BLOB) WHERE id = 2",
    ];
    for tamper in tampers {
        let place = Place::with_keys(Some(1), &[]);
        let archive = place.open();
        for n in 1..=3 {
            archive.apply(&[put(&format!("item.{n}"), n, "1")]).await.unwrap();
        }
        archive.verify(drop).unwrap();
        place.tamper(tamper);
        assert_eq!(archive.verify(drop).unwrap_err().kind(), ErrorKind::Corrupt, "{tamper}");
    }
}

/// One byte in every 64 of a closed file is changed, one at a time: reading everything back never passes over it in silence
/// and never panics, or what it reads is what was written.
#[tokio::test]
async fn no_damaged_byte_of_the_file_is_read_as_something_else() {
    let place = Place::with_keys(Some(1), &[]);
    let archive = place.open();
    let batch: Vec<_> = (0..40).map(|n| put(&format!("item.{n}"), n + 1, &"x".repeat(200))).collect();
    archive.apply(&batch).await.unwrap();
    let sound = archive.verify(drop).unwrap();
    archive.close().unwrap();
    let keys: Vec<_> = batch.iter().map(|record| record.key.clone()).collect();
    let expected: Vec<_> = batch.into_iter().map(Some).collect();
    let bytes = fs::read(place.path()).unwrap();
    let mut found = 0;
    for at in (0..bytes.len()).step_by(64) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        for end in ["-wal", "-shm"] {
            fs::remove_file(place.file(&format!("archive.db{end}"))).ok();
        }
        fs::write(place.path(), damaged).unwrap();
        let Ok(archive) = SqliteArchive::open(place.config.clone()) else {
            found += 1;
            continue;
        };
        match archive.verify(drop) {
            Ok(verified) => {
                assert_eq!(verified, sound, "byte {at}");
                assert_eq!(archive.get(&keys).await.unwrap(), expected, "byte {at}");
            }
            Err(_) => found += 1,
        }
        archive.close().ok();
    }
    assert!(found > 50, "{found} were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_batches_are_written_is_one_moment_of_the_archive() {
    let place = Place::with_keys(Some(1), &[]);
    let archive = Arc::new(place.open());
    let batch = |n: u64| (0..200).map(|i| put(&format!("item.{i}"), n, &n.to_string())).collect::<Vec<_>>();
    archive.apply(&batch(1)).await.unwrap();
    let copies = 5;
    let (archive_too, dests) = (Arc::clone(&archive), (0..copies).map(|n| place.file(&format!("copy-{n}.db"))));
    let dests: Vec<_> = dests.collect();
    let to = dests.clone();
    let copier = syncline_core::rt::thread("copier", move || {
        for dest in &to {
            assert_eq!(archive_too.backup(dest).unwrap().items, 200);
        }
    })
    .unwrap();
    let mut n = 1;
    while !dests[copies - 1].exists() {
        n += 1;
        archive.apply(&batch(n)).await.unwrap();
    }
    copier.join().unwrap();
    for dest in dests {
        let copy = SqliteArchive::open(SqliteConfig { path: dest, ..place.config.clone() }).unwrap();
        let keys: Vec<_> = (0..200).map(|i| key(&format!("item.{i}"))).collect();
        let rows = copy.get(&keys).await.unwrap();
        let versions: Vec<_> = rows.into_iter().map(|row| row.unwrap().version).collect();
        assert!(versions.iter().all(|version| *version == versions[0]), "a batch is whole or absent");
        copy.close().unwrap();
    }
    let names: Vec<_> = fs::read_dir(place.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "{names:?}");
}

#[tokio::test]
async fn a_backup_never_overwrites_and_leaves_nothing_when_it_fails() {
    let place = Place::new();
    let archive = place.open();
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    fs::write(place.file("there.db"), "precious").unwrap();
    assert_eq!(archive.backup(&place.file("there.db")).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(fs::read(place.file("there.db")).unwrap(), b"precious");
    assert_eq!(archive.backup(&place.file("there.db/x/copy.db")).unwrap_err().kind(), ErrorKind::Denied);
    place.tamper("UPDATE item SET content = x'00'");
    let error = archive.backup(&place.file("copy.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!place.file("copy.db").exists() && !place.file("copy.db.partial").exists());
    archive.close().unwrap();
    assert_eq!(archive.backup(&place.file("copy.db")).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(archive.verify(drop).unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn the_space_it_takes_is_told() {
    let place = Place::new();
    let archive = place.open();
    let batch: Vec<_> = (0..100).map(|n| put(&format!("item.{n}"), 1, &"x".repeat(4_000))).collect();
    archive.apply(&batch).await.unwrap();
    let space = archive.space().await.unwrap();
    assert!(space.pages > 100 && space.beside_bytes > 100 * 4_096, "{space:?}");
    let disk_bytes = archive.stats().await.unwrap().disk_bytes;
    assert!(disk_bytes >= space.pages * space.page_bytes, "{disk_bytes}");
}
