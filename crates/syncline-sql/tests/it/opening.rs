//! Opening: what is made, what is refused and left as it is, what survives.

use std::{fs, os::unix::fs::PermissionsExt};

use syncline_core::{ErrorKind, port::Archive};
use syncline_sql::{SqliteArchive, SqliteConfig};

use crate::support::{Place, key, put, ring};

#[tokio::test]
async fn a_new_archive_is_for_its_owner_alone() {
    let mut place = Place::new();
    place.config.path = place.file("deep/down/archive.db");
    let archive = place.open();
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let path = format!("{}{end}", place.path().display());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
    }
    archive.close().unwrap();
    assert!(!place.file("deep/down/archive.db-wal").exists(), "a closed archive is one file");
}

#[tokio::test]
async fn what_was_applied_is_there_after_a_close_and_after_a_drop() {
    for is_closed in [true, false] {
        let place = Place::new();
        let archive = place.open();
        archive.apply(&[put("a", 1, "1")]).await.unwrap();
        if is_closed {
            archive.close().unwrap();
            archive.close().unwrap();
        }
        drop(archive);
        let archive = place.open();
        assert_eq!(archive.get(&[key("a")]).await.unwrap(), [Some(put("a", 1, "1"))]);
        assert_eq!(archive.verify(drop).unwrap().items, 1);
    }
}

/// What a killed process leaves: the files as they stand at that moment, with no connection closed.
#[tokio::test]
async fn the_files_of_a_killed_process_hold_all_that_was_acknowledged() {
    let (place, copy) = (Place::new(), Place::new());
    let archive = place.open();
    for n in 1..=50 {
        archive
            .apply(&[put(&format!("item.{n:02}"), n, "{}"), put("last", n, &n.to_string())])
            .await
            .unwrap();
        if n % 10 > 0 {
            continue;
        }
        for end in ["", "-wal"] {
            let (from, to) = (place.file(&format!("archive.db{end}")), copy.file(&format!("archive.db{end}")));
            fs::copy(from, to).unwrap();
        }
        let found = copy.open();
        assert_eq!(found.get(&[key("last")]).await.unwrap(), [Some(put("last", n, &n.to_string()))]);
        assert_eq!(found.verify(drop).unwrap().items, n + 1);
        found.close().unwrap();
    }
}

#[tokio::test]
async fn two_owners_of_one_file_never_lose_one_another_s_counts() {
    let place = Place::new();
    let (a, b) = (place.open(), place.open());
    for n in 0..10 {
        a.apply(&[put(&format!("a.{n}"), 1, "1")]).await.unwrap();
        b.apply(&[put(&format!("b.{n}"), 1, "1"), put("both", n + 1, "1")]).await.unwrap();
    }
    assert_eq!((a.stats().await.unwrap().items, b.stats().await.unwrap().feed_head), (21, 30));
    a.verify(drop).unwrap();
}

/// Opens what must be refused, and shows that nothing in the directory has changed.
#[track_caller]
fn check_refused(place: &Place, kind: ErrorKind, message: &str) {
    let before = files(place);
    let error = place.open_error();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.to_string(), format!("archive {}: {message}", place.path().display()));
    assert_eq!(files(place), before, "nothing was touched");
}

fn files(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_that_is_not_sqlite_is_refused_untouched() {
    let place = Place::new();
    fs::write(place.path(), "[settings]\nname = \"not a database\"\n").unwrap();
    let message = "it is not an SQLite file; it was left as it is, choose another path";
    check_refused(&place, ErrorKind::Invalid, message);
}

#[test]
fn the_database_of_another_application_is_refused_untouched() {
    let message = "it is a database of another application; it was left as it is, choose another path";
    for sql in [
        "CREATE TABLE item (key BLOB)",
        "PRAGMA application_id = 7",
        "PRAGMA journal_mode=WAL; CREATE TABLE t (x)",
    ] {
        let place = Place::new();
        place.tamper(sql);
        check_refused(&place, ErrorKind::Invalid, message);
    }
}

#[test]
fn an_archive_of_a_newer_version_is_refused_untouched() {
    let place = Place::new();
    place.open().close().unwrap();
    place.tamper("PRAGMA user_version = 2");
    let message = "its schema has version 2 and this program knows up to 1; it was left as it is, use a newer program";
    check_refused(&place, ErrorKind::Invalid, message);
}

#[test]
fn a_newer_version_that_stands_in_the_wal_alone_is_refused_too() {
    let place = Place::new();
    place.open().close().unwrap();
    let newer = place.stranger();
    newer.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 2").unwrap();
    let error = place.open_error();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("its schema has version 2"), "{error}");
}

#[tokio::test]
async fn an_empty_file_and_an_empty_database_become_archives() {
    for sql in ["", "PRAGMA user_version = 0; VACUUM"] {
        let place = Place::new();
        fs::write(place.path(), "").unwrap();
        place.tamper(sql);
        place.open().apply(&[put("a", 1, "1")]).await.unwrap();
    }
}

#[test]
fn a_place_where_no_file_can_be_is_denied() {
    let mut place = Place::new();
    fs::write(place.file("plain"), "").unwrap();
    place.config.path = place.file("plain/archive.db");
    assert_eq!(place.open_error().kind(), ErrorKind::Denied);
    place.config.path = place.dir.path().to_path_buf();
    assert_eq!(place.open_error().kind(), ErrorKind::Denied);
    let config = SqliteConfig { path: "".into(), ..SqliteConfig::default() };
    assert_eq!(SqliteArchive::open(config).unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_path_is_never_a_url() {
    let mut place = Place::new();
    place.config.path = place.file("file:archive.db?mode=memory");
    place.open().apply(&[put("a", 1, "1")]).await.unwrap();
    assert_eq!(place.open().get(&[key("a")]).await.unwrap(), [Some(put("a", 1, "1"))]);
    assert!(place.path().exists());
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_refused_before_anything_is_written() {
    let mut place = Place::with_keys(Some(1), &[]);
    let archive = place.open();
    let id = place.config.keys.current.as_ref().unwrap().id();
    for rows in 0..2 {
        place.config.keys = ring(None, &[]);
        let no_key = format!("it is encrypted with the key {id} and no key was given; {rows} items need it");
        archive.close().unwrap();
        check_refused(&place, ErrorKind::Denied, &no_key);
        place.config.keys = ring(Some(2), &[3]);
        let wrong = format!("it is encrypted with the key {id}, which is not the key given; {rows} items need it");
        check_refused(&place, ErrorKind::Denied, &wrong);
        place.config.keys = ring(Some(1), &[]);
        let again = place.open();
        again.apply(&[put("a", 1, "1")]).await.unwrap();
        // One that is dropped ends by itself, and its files may go while they are compared.
        again.close().unwrap();
    }
}

#[tokio::test]
async fn a_key_that_was_replaced_is_needed_until_no_row_needs_it() {
    let place = Place::with_keys(Some(1), &[]);
    place.open().apply(&[put("a", 1, "1"), put("b", 1, "1")]).await.unwrap();
    let place = place.keys(Some(2), &[1]);
    let archive = place.open();
    archive.apply(&[put("a", 2, "2")]).await.unwrap();
    let rows = archive.get(&[key("a"), key("b")]).await.unwrap();
    assert_eq!(rows, [Some(put("a", 2, "2")), Some(put("b", 1, "1"))]);
    let place = place.keys(Some(2), &[]);
    assert!(place.open_error().to_string().ends_with("1 items need it"));
    archive.apply(&[put("b", 2, "2")]).await.unwrap();
    let rows = place.open().get(&[key("a"), key("b")]).await.unwrap();
    assert_eq!(rows, [Some(put("a", 2, "2")), Some(put("b", 2, "2"))]);
}

#[tokio::test]
async fn a_key_given_later_encrypts_what_is_written_from_then_on() {
    let place = Place::new();
    place
        .open()
        .apply(&[put("a", 1, "\"needle-a\""), put("b", 1, "\"needle-b\"")])
        .await
        .unwrap();
    let place = place.keys(Some(1), &[]);
    let archive = place.open();
    archive.apply(&[put("a", 2, "\"needle-c\"")]).await.unwrap();
    assert_eq!(archive.verify(drop).unwrap().encrypted, 1);
    let rows = archive.get(&[key("a"), key("b")]).await.unwrap();
    assert_eq!(rows, [Some(put("a", 2, "\"needle-c\"")), Some(put("b", 1, "\"needle-b\""))]);
}

#[tokio::test]
async fn no_content_and_no_hash_of_it_stands_in_an_encrypted_archive() {
    let place = Place::with_keys(Some(1), &[]);
    let record = put("visible.key", 1, "\"the needle\"");
    let archive = place.open();
    archive.apply(&[record.clone(), put("other", 1, "\"the needle\"")]).await.unwrap();
    let head = archive.heads(&[key("other")]).await.unwrap()[0].unwrap();
    assert_eq!(head.content.map(|(hash, _)| hash), record.body.hash(), "heads tell the hash itself");
    archive.close().unwrap();
    let bytes = fs::read(place.path()).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"visible.key"), "keys of items are not encrypted");
    assert!(!holds(b"needle"));
    assert!(!holds(record.body.hash().unwrap().as_bytes()));
    assert!(!holds(&[1; 32]), "nor does the key");
}
