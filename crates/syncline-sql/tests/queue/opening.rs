//! Opening: what is made, what is refused and left as it is, what survives.

use std::{fs, os::unix::fs::PermissionsExt};

use syncline_core::{ErrorKind, port::QueueStorage, rt};
use syncline_sql::{SqliteArchive, SqliteConfig, queue::SqliteQueueStorage};

use crate::support::{Place, ROOM, at, claim, claimed_ids, done, item, push, settle};

#[tokio::test]
async fn a_new_file_is_for_its_owner_alone_and_one_file_when_it_is_closed() {
    let mut place = Place::new();
    place.config.path = place.file("deep/down/queue.db");
    let storage = place.open();
    push(&storage, &[item("a")], at(0)).await;
    for end in ["", "-wal", "-shm"] {
        let path = format!("{}{end}", place.path().display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
    storage.check().await.unwrap();
    storage.close().unwrap();
    storage.close().unwrap();
    assert!(!place.file("deep/down/queue.db-wal").exists());
    assert_eq!(storage.push(&[item("b")], ROOM, at(0)).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn queues_of_one_file_know_nothing_of_each_other() {
    let place = Place::new();
    let (jobs, mails) = (place.open_queue("jobs"), place.open_queue("mails"));
    push(&jobs, &[item("a"), item("b")], at(0)).await;
    push(&mails, &[item("a")], at(0)).await;
    assert_eq!(claimed_ids(&mails, 9, at(0)).await, ["a"]);
    assert_eq!(mails.stats(at(0)).await.unwrap().waiting.iter().sum::<u64>(), 0);
    assert_eq!(jobs.cancel(&["a".to_owned()], at(0)).await.unwrap(), [true]);
    assert_eq!(claimed_ids(&jobs, 9, at(0)).await, ["b"]);
    assert!(mails.get("a", at(0)).await.unwrap().is_some());
    assert_eq!(mails.get("b", at(0)).await.unwrap(), None);
}

/// Everything that asks before it makes is asked by all of them at once.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_make_one_file() {
    let place = Place::new();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            let config = place.config.clone();
            rt::spawn("opener", async move { SqliteQueueStorage::open(config) })
        })
        .collect();
    let mut opened = Vec::new();
    for one in opening {
        opened.push(one.await.unwrap().unwrap());
    }
    for (n, storage) in opened.iter().enumerate() {
        push(storage, &[item(&n.to_string())], at(0)).await;
    }
    assert_eq!(claimed_ids(&opened[5], 9, at(0)).await, ["0", "1", "2", "3", "4", "5"]);
}

/// Opens what must be refused, and shows that the file has not changed.
#[track_caller]
fn check_refused(place: &Place, kind: ErrorKind, part: &str) {
    let before = fs::read(place.path()).unwrap();
    let error = place.open_error();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("queue \"default\" in {}: ", place.path().display())),
        "{error}"
    );
    assert_eq!(fs::read(place.path()).unwrap(), before, "nothing was touched");
}

/// An old program wrote into the tables of a newer one, and destroyed what it did not know.
#[test]
fn tables_of_a_newer_version_are_refused_untouched() {
    let place = Place::new();
    place.open().close().unwrap();
    place.tamper("PRAGMA user_version = 9");
    let part = "its tables have version 9 and this program knows up to 4; it was left as it is, use a newer program";
    check_refused(&place, ErrorKind::Invalid, part);
}

#[test]
fn what_holds_no_queues_is_refused_untouched() {
    let place = Place::new();
    fs::write(place.path(), "[settings]\nname = \"not a database\"\n").unwrap();
    check_refused(&place, ErrorKind::Invalid, "it is not an SQLite file");
    for sql in ["CREATE TABLE item (key BLOB)", "PRAGMA application_id = 7"] {
        let place = Place::new();
        place.tamper(sql);
        check_refused(&place, ErrorKind::Invalid, "it is a database of another application");
    }
    let place = Place::new();
    let config = SqliteConfig { path: place.path().to_path_buf(), ..SqliteConfig::default() };
    SqliteArchive::open(config).unwrap().close().unwrap();
    check_refused(&place, ErrorKind::Invalid, "it is an archive");
}

#[test]
fn a_queue_has_a_name() {
    for (name, is_fit) in [("", false), ("q", true), (&*"q".repeat(255), true), (&*"q".repeat(256), false)] {
        let mut place = Place::new();
        place.config.queue = name.to_owned();
        let opened = SqliteQueueStorage::open(place.config.clone());
        assert_eq!(opened.as_ref().map_err(|error| error.kind()).err(), (!is_fit).then_some(ErrorKind::Invalid));
    }
}

/// What a killed process leaves: the files as they stand at that moment, with no connection closed. Somebody was in the
/// middle of a transaction, which had grown beyond memory into the WAL.
#[tokio::test]
async fn of_a_writer_that_was_killed_in_the_middle_nothing_is_there() {
    let (place, copy) = (Place::new(), Place::new());
    let storage = place.open();
    push(&storage, &[item("a"), item("b")], at(0)).await;
    let a = claim(&storage, 1, at(0)).await.remove(0);
    let killed = place.stranger();
    killed
        .execute_batch(
            "PRAGMA cache_size = 2; PRAGMA cache_spill = 1; BEGIN IMMEDIATE; UPDATE queue SET time = 1, token = 1000; \
             UPDATE item SET phase = 3, dead = 0, lease_until = NULL; UPDATE tally SET items = 77; \
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500) \
             INSERT INTO content SELECT 1000 + n, x'00', zeroblob(5000) FROM n",
        )
        .unwrap();
    let wal = fs::metadata(place.file("queue.db-wal")).unwrap().len();
    assert!(wal > 1_000_000, "the half of it stands in the WAL, which has {wal} bytes");
    for end in ["", "-wal"] {
        fs::copy(place.file(&format!("queue.db{end}")), copy.file(&format!("queue.db{end}"))).unwrap();
    }
    let found = copy.open();
    let stats = found.stats(at(0)).await.unwrap();
    assert_eq!((stats.waiting[2], stats.leased[2], stats.dead[2]), (1, 1, 0));
    assert_eq!(settle(&found, &a, done(), at(0)).await, syncline_core::port::Settled::Completed);
    let b = claim(&found, 9, at(0)).await.remove(0);
    assert_eq!((b.id.as_str(), b.token), ("b", a.token + 1));
    // Dropped instead of killed: the file goes on as well.
    drop(killed);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["b"]);
}

#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let storage = Place::new().open();
    is_send(&storage.check());
    is_send(&storage.push(&[], ROOM, at(0)));
}
