//! Defects that other SQL stores had. Each begins with what went wrong there and what it cost.

use syncline_core::{
    Body, ContentType, ErrorKind, Record, WallTime, limits,
    port::{Archive, Outcome, PrefixScan},
};

use crate::support::{Place, key, put, tombstone, version};

fn scan(prefix: &str) -> PrefixScan {
    PrefixScan { prefix: prefix.to_owned(), after: None, limit: 1_000 }
}

async fn names(archive: &dyn Archive, prefix: &str) -> Vec<String> {
    archive
        .scan(&scan(prefix))
        .await
        .unwrap()
        .iter()
        .map(|record| record.key.to_string())
        .collect()
}

/// A collation folded three acknowledged keys into one row; each then read whatever was written last.
#[tokio::test]
async fn keys_that_differ_in_case_or_accents_are_different_items() {
    let place = Place::new();
    let archive = place.open();
    let names = ["User.A", "user.a", "üser.a", "u\u{308}ser.a", "user.a "];
    let batch = names.map(|name| put(name, 1, &format!("\"{name}\"")));
    archive.apply(&batch).await.unwrap();
    for record in &batch {
        assert_eq!(archive.get(std::slice::from_ref(&record.key)).await.unwrap(), [Some(record.clone())]);
    }
    assert_eq!(archive.stats().await.unwrap().items, names.len() as u64);
}

/// `LIKE` took `_` and `%` of a prefix for wildcards and ignored case: a delete of `a_b` took `axb.1` and `A_B.1` with it.
#[tokio::test]
async fn a_prefix_has_no_wildcards() {
    let place = Place::new();
    let archive = place.open();
    let all = ["A_B.1", "a%b", "a_b", "a_b.1", "axb.1", "uk.nhs.1", "uk.nhs2.1"];
    archive.apply(&all.map(|name| put(name, 1, "1"))).await.unwrap();
    assert_eq!(names(&archive, "a_b").await, ["a_b", "a_b.1"]);
    assert_eq!(names(&archive, "%").await, [""; 0]);
    assert_eq!(names(&archive, "uk.nhs.").await, ["uk.nhs.1"]);
}

/// Text was pasted into statements: a field name with a quote returned every row.
#[tokio::test]
async fn text_in_keys_prefixes_and_content_is_never_sql() {
    let place = Place::new();
    let archive = place.open();
    let nasty = "x'); DROP TABLE item; --";
    archive.apply(&[put(nasty, 1, "\"' OR 1=1 --\""), put("other", 1, "1")]).await.unwrap();
    assert_eq!(names(&archive, "x')").await, [nasty]);
    assert_eq!(names(&archive, "' OR 1=1 --").await, [""; 0]);
    assert_eq!(archive.get(&[key("' OR ''='")]).await.unwrap(), [None]);
}

/// JSON went through a parser and back: keys changed places, a long number lost digits, honest data then failed its hash.
#[tokio::test]
async fn json_comes_back_byte_for_byte() {
    let place = Place::new();
    let archive = place.open();
    let content = "{ \"b\":12345678901234567890123, \"a\" : 1.0e2,\"a\":\"\\u00e9\\/\"}\r\n";
    archive.apply(&[put("a", 1, content)]).await.unwrap();
    match archive.get(&[key("a")]).await.unwrap().remove(0).unwrap().body {
        Body::Put { content: found, content_type, .. } => {
            assert_eq!((found.as_ref(), content_type), (content.as_bytes(), ContentType::Json));
        }
        Body::Deleted => panic!("it was not deleted"),
    }
}

/// One statement for all ids exceeded 32,766 variables and failed; the rows stayed and were replayed over newer data.
#[tokio::test]
async fn the_largest_batch_is_written_read_and_deleted() {
    let place = Place::new();
    let archive = place.open();
    let keys: Vec<_> = (0..limits::ARCHIVE_BATCH_MAX).map(|n| key(&format!("item.{n:05}"))).collect();
    let puts: Vec<Record> = keys.iter().map(|key| put(key, 1, "{}")).collect();
    assert_eq!(archive.apply(&puts).await.unwrap(), vec![Outcome::Written; puts.len()]);
    assert!(archive.get(&keys).await.unwrap().iter().all(Option::is_some));
    assert!(archive.heads(&keys).await.unwrap().iter().all(Option::is_some));
    let deletes: Vec<Record> = keys.iter().map(|key| tombstone(key, 2)).collect();
    archive.apply(&deletes).await.unwrap();
    let stats = archive.stats().await.unwrap();
    assert_eq!((stats.items, stats.tombstones, stats.content_bytes), (0, puts.len() as u64, 0));
}

#[tokio::test]
async fn a_call_beyond_the_largest_batch_is_invalid_and_says_the_bound() {
    let place = Place::new();
    let archive = place.open();
    let keys: Vec<_> = (0..=limits::ARCHIVE_BATCH_MAX).map(|n| key(&format!("item.{n:05}"))).collect();
    let puts: Vec<Record> = keys.iter().map(|key| put(key, 1, "{}")).collect();
    for error in [
        archive.apply(&puts).await.unwrap_err(),
        archive.get(&keys).await.unwrap_err(),
        archive.heads(&keys).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("10001") && error.to_string().ends_with("the most is 10000"), "{error}");
    }
    assert_eq!(archive.stats().await.unwrap().items, 0);
}

/// One row that could not be stored failed its whole batch for ever, and did not say which it was.
#[tokio::test]
async fn a_row_that_cannot_be_stored_is_named_and_its_neighbours_can_go_on_alone() {
    let place = Place::new();
    let archive = place.open();
    let poison = put("poison", 1, &"x".repeat(limits::SUBMISSION_BYTES_MAX));
    let error = archive.apply(&[put("a", 1, "1"), poison, put("z", 1, "1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("\"poison\""), "{error}");
    archive.apply(&[put("a", 1, "1"), put("z", 1, "1")]).await.unwrap();
    assert_eq!(names(&archive, "").await, ["a", "z"]);
}

/// Content at the limit of submissions, and a key at its longest, are stored like any other.
#[tokio::test]
async fn the_largest_item_fits_in_clear_and_encrypted() {
    for place in [Place::new(), Place::with_keys(Some(1), &[])] {
        let archive = place.open();
        let record = put(&"k".repeat(limits::KEY_BYTES_MAX), 1, &"x".repeat(limits::CONTENT_BYTES_MAX));
        archive.apply(std::slice::from_ref(&record)).await.unwrap();
        assert_eq!(archive.get(std::slice::from_ref(&record.key)).await.unwrap(), [Some(record)]);
    }
}

/// Old rows were written over newer ones after an outage: values went back in time, and deleted items returned.
#[tokio::test]
async fn an_old_write_neither_overwrites_a_newer_one_nor_undoes_a_delete() {
    let place = Place::new();
    let archive = place.open();
    archive.apply(&[put("a", 2, "2"), put("b", 1, "1")]).await.unwrap();
    archive.apply(&[tombstone("b", 3)]).await.unwrap();
    let outcomes = archive.apply(&[put("a", 1, "1"), put("b", 2, "2"), tombstone("a", 1)]).await;
    assert_eq!(outcomes.unwrap_err().kind(), ErrorKind::Invalid, "the same key twice");
    let outcomes = archive.apply(&[put("a", 1, "1"), put("b", 2, "2")]).await.unwrap();
    assert_eq!(outcomes, [Outcome::Superseded { by: version(2) }, Outcome::Superseded { by: version(3) }]);
    let rows = archive.scan(&scan("")).await.unwrap();
    assert_eq!(rows, [put("a", 2, "2"), tombstone("b", 3)]);
}

/// Type, expiry and version were lost on the way through a generic driver, and text columns read as nothing.
#[tokio::test]
async fn nothing_beside_the_content_is_lost() {
    let place = Place::new();
    let records = [ContentType::Json, ContentType::Binary].map(|content_type| Record {
        key: key(&format!("{content_type:?}")),
        version: version(u64::MAX >> 17),
        body: Body::put(content_type, "\"text\""),
        expires_at: Some(WallTime::from_millis(u64::MAX)),
    });
    place.open().apply(&records).await.unwrap();
    let keys = records.clone().map(|record| record.key);
    assert_eq!(place.open().get(&keys).await.unwrap(), records.map(Some));
}

/// Errors were read as "absent": a caller then made the value anew and overwrote the only copy.
#[tokio::test]
async fn a_failure_is_never_absence() {
    let place = Place::new();
    let archive = place.open();
    archive.apply(&[put("a", 1, "42")]).await.unwrap();
    place.tamper("ALTER TABLE item RENAME TO elsewhere");
    assert_eq!(archive.get(&[key("a")]).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(archive.heads(&[key("a")]).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(archive.scan(&scan("")).await.unwrap_err().kind(), ErrorKind::Corrupt);
    archive.close().unwrap();
    assert_eq!(archive.get(&[key("a")]).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(archive.stats().await.unwrap_err().kind(), ErrorKind::Closed);
}

/// A pool set the durability of one connection in six; which of them wrote was chance.
#[tokio::test]
async fn the_connection_that_writes_is_the_one_that_syncs() {
    let place = Place::new();
    let archive = place.open();
    archive.check().await.unwrap();
    place.tamper("PRAGMA synchronous = OFF");
    archive.check().await.unwrap();
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    archive.check().await.unwrap();
}

/// Ids named like the store's own tables and counters overwrote them.
#[tokio::test]
async fn no_key_collides_with_what_the_archive_keeps_for_itself() {
    let place = Place::new();
    let archive = place.open();
    let names = ["feed", "state", "item", "sealing_key", "sqlite_schema", "rowid", "NULL", "0"];
    archive.apply(&names.map(|name| put(name, 1, "1"))).await.unwrap();
    assert_eq!(archive.stats().await.unwrap().items, names.len() as u64);
    archive.verify(drop).unwrap();
}
