//! The contract of the port, on a file in clear and on an encrypted one, and the clauses that need hands on the file.

use std::{sync::Arc, time::Duration};

use syncline_core::{
    ErrorKind,
    port::{Archive, PrefixScan},
    rt::SystemRandom,
};
use syncline_sql::{SqliteArchive, SqliteConfig};
use syncline_testkit::{MockClock, contract::archive::Subject};

use crate::support::{Place, key, put};

fn subject(place: Place) -> Subject {
    let archive = Arc::new(place.open());
    Subject::new(archive, move || {
        let again: Arc<dyn Archive> = Arc::new(place.open());
        async move { again }
    })
}

mod in_clear {
    use super::*;

    syncline_testkit::archive_contract!(|| async { subject(Place::new()) });
}

mod encrypted {
    use super::*;

    syncline_testkit::archive_contract!(|| async { subject(Place::with_keys(Some(1), &[])) });
}

#[tokio::test]
async fn clause_4_every_damaged_column_is_corrupt_and_names_the_key() {
    let damages = [
        "content = CAST(x'00' || substr(content, 2) AS BLOB)",
        "content = substr(content, 2)",
        "content = NULL",
        "hash = zeroblob(32)",
        "hash = NULL",
        "version = zeroblob(16)",
        "version = x'00'",
        "content_type = 2",
        "content_type = 0",
        "codec = 1",
        "sealed_by = 9",
        "expires_at = 1",
        "size = 1",
        "checksum = 1",
    ];
    for damage in damages {
        for place in [Place::new(), Place::with_keys(Some(1), &[])] {
            let archive = place.open();
            archive.apply(&[put("sound", 1, "{}"), put("victim", 1, "{\"a\": 1}")]).await.unwrap();
            place.tamper(&format!("UPDATE item SET {damage} WHERE key = CAST('victim' AS BLOB)"));
            let error = archive.get(&[key("sound"), key("victim")]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}: {error}");
            assert!(error.to_string().contains("item \"victim\""), "{damage}: {error}");
            let scan = PrefixScan { prefix: String::new(), after: None, limit: 9 };
            assert_eq!(archive.scan(&scan).await.unwrap_err().kind(), ErrorKind::Corrupt, "{damage}");
            assert!(archive.get(&[key("sound")]).await.unwrap()[0].is_some(), "{damage}: its neighbour is read");
            if !damage.starts_with("content =") {
                assert_eq!(archive.heads(&[key("victim")]).await.unwrap_err().kind(), ErrorKind::Corrupt, "{damage}");
            }
        }
    }
}

#[tokio::test]
async fn clause_4_content_moved_to_another_item_is_corrupt() {
    let place = Place::with_keys(Some(1), &[]);
    let archive = place.open();
    archive.apply(&[put("a", 1, "1"), put("b", 1, "2")]).await.unwrap();
    place.tamper(
        "UPDATE item SET (content, hash, checksum) = \
         (SELECT content, hash, checksum FROM item WHERE key = CAST('a' AS BLOB)) WHERE key = CAST('b' AS BLOB)",
    );
    assert_eq!(archive.get(&[key("b")]).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

/// The writing thread hangs on a lock that another process holds and never releases, longer than any caller waits.
#[tokio::test]
async fn clause_10_a_write_that_hangs_is_unknown_and_reads_go_on() {
    let place = Place::new();
    let clock = MockClock::new();
    let config = SqliteConfig { busy_timeout: Duration::from_secs(3_600), ..place.config.clone() };
    let deadline = config.deadline;
    let archive = SqliteArchive::with_parts(config, Arc::new(clock.clone()), Arc::new(SystemRandom)).unwrap();
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    let stranger = place.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = [put("a", 2, "2")];
    let hangs = async {
        let error = archive.apply(&batch).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unknown, "{error}");
        assert!(error.to_string().contains("no answer within 30s"), "{error}");
    };
    let meanwhile = async {
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(archive.get(&[key("a")]).await.unwrap(), [Some(put("a", 1, "1"))]);
        clock.advance(deadline);
    };
    tokio::join!(hangs, meanwhile);
    stranger.execute_batch("ROLLBACK").unwrap();
    let outcomes = archive.apply(&batch).await.unwrap();
    assert_eq!(outcomes.len(), 1, "a repeat of what is unknown is safe");
    assert_eq!(archive.get(&[key("a")]).await.unwrap(), [Some(put("a", 2, "2"))]);
}

#[tokio::test]
async fn clause_10_a_lock_that_stays_is_unavailable_and_nothing_is_written() {
    let place = Place::new();
    let archive = SqliteArchive::open(SqliteConfig { busy_timeout: Duration::ZERO, ..place.config.clone() }).unwrap();
    let stranger = place.stranger();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = archive.apply(&[put("a", 1, "1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().ends_with("another process holds it locked, stop that one or try again"),
        "{error}"
    );
    stranger.execute_batch("ROLLBACK").unwrap();
    assert_eq!(archive.get(&[key("a")]).await.unwrap(), [None]);
}

#[tokio::test]
async fn clause_1_a_batch_that_fails_leaves_nothing_behind() {
    let place = Place::new();
    let archive = place.open();
    archive.apply(&[put("b", 1, "1")]).await.unwrap();
    let before = archive.stats().await.unwrap();
    let too_large = put("c", 1, &"x".repeat(40 * 1_024 * 1_024));
    let error = archive.apply(&[put("a", 1, "1"), put("b", 2, "2"), too_large]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("content of \"c\" has 41943040 bytes"), "{error}");
    let rows = archive.get(&[key("a"), key("b"), key("c")]).await.unwrap();
    assert_eq!(rows, [None, Some(put("b", 1, "1")), None]);
    assert_eq!(archive.stats().await.unwrap().feed_head, before.feed_head);
}

#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: &T) {}
    let place = Place::new();
    let archive = place.open();
    is_send(&archive.check());
    is_send(&archive.space());
    is_send(&archive.apply(&[]));
}
