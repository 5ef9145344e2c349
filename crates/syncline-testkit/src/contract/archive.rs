//! The clauses of [`Archive`].
//!
//! Two need hands that only an adapter has, and are its own tests: damaged bytes (clause 4) and a backend that hangs
//! (clause 10; here every call has to answer in time).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::{fmt, future, pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use syncline_core::{
    Body, ContentType, ErrorKind, Key, NodeId, Record, Version, WallTime,
    limits::ARCHIVE_BATCH_MAX,
    port::{Archive, BoxFuture, Change, ChangePage, Clock as _, Outcome, PrefixScan},
    rt::SystemClock,
};

/// An archive under test, empty, and how to open it again.
pub struct Subject {
    archive: Arc<dyn Archive>,
    reopen: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Archive>> + Send + Sync>,
}

impl Subject {
    /// `archive`, which `reopen` opens again beside it, as another process finds it.
    pub fn new<F>(archive: Arc<dyn Archive>, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Archive>> + Send + 'static,
    {
        Self { archive, reopen: Box::new(move || Box::pin(reopen())) }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("archive", &self.archive).finish_non_exhaustive()
    }
}

/// One test a clause for the archive that the given function makes: `archive_contract!(async fn() -> Subject)`.
///
/// The caller's crate needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! archive_contract {
    ($make:expr) => {
        $crate::archive_contract! { $make =>
            clause_1_a_batch_is_kept_as_a_whole,
            clause_2_only_newer_rows_are_written,
            clause_3_a_key_twice_is_invalid_and_changes_nothing,
            clause_4_content_comes_back_byte_for_byte,
            clause_5_keys_are_compared_as_bytes,
            clause_5_scans_are_paged_by_prefix,
            clause_6_tombstones_are_rows,
            clause_7_the_feed_has_one_line_per_written_row,
            clause_8_the_high_water_mark_is_never_behind,
            clause_9_absent_is_none,
            clause_10_every_call_answers_in_time,
            clause_11_a_cursor_that_leads_nowhere_begins_anew,
            clause_12_too_many_at_once_is_invalid,
        }
    };
    ($make:expr => $($clause:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $clause() {
                $crate::contract::archive::$clause(&($make)().await).await;
            }
        )+
    };
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

fn version(millis: u64) -> Version {
    Version::new(WallTime::from_millis(millis), 3, NodeId::new(0xfeed_beef_dead_cafe))
}

fn put(name: &str, millis: u64, content: &'static str) -> Record {
    let body = Body::put(ContentType::Json, content);
    Record { key: key(name), version: version(millis), body, expires_at: None }
}

fn tombstone(name: &str, millis: u64) -> Record {
    Record { key: key(name), version: version(millis), body: Body::Deleted, expires_at: None }
}

fn everything() -> PrefixScan {
    PrefixScan { prefix: String::new(), after: None, limit: 1_000 }
}

async fn names(archive: &dyn Archive, prefix: &str) -> Vec<String> {
    let scan = PrefixScan { prefix: prefix.to_owned(), ..everything() };
    archive.scan(&scan).await.unwrap().iter().map(|record| record.key.to_string()).collect()
}

async fn feed(archive: &dyn Archive, after: u64) -> Vec<Change> {
    match archive.changes(after, 1_000).await.unwrap() {
        ChangePage::Lines(lines) => lines,
        other @ ChangePage::MustRefetch { .. } => {
            assert_eq!(other, ChangePage::Lines(Vec::new()), "so short a feed is kept");
            Vec::new()
        }
    }
}

/// After `Ok` the whole batch is there for every opener.
pub async fn clause_1_a_batch_is_kept_as_a_whole(subject: &Subject) {
    let batch: Vec<Record> = (0..100).map(|n| put(&format!("key-{n:03}"), 1_000 + n, "{}")).collect();
    let outcomes = subject.archive.apply(&batch).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Written; 100]);
    let found = (subject.reopen)().await.scan(&everything()).await.unwrap();
    assert_eq!(found, batch);
}

/// Older rows are refused by name, equal ones change nothing, and outcomes stand in the order of the batch.
pub async fn clause_2_only_newer_rows_are_written(subject: &Subject) {
    let archive = &subject.archive;
    archive.apply(&[put("a", 10, "1"), put("b", 10, "1")]).await.unwrap();
    let outcomes = archive.apply(&[put("b", 9, "2"), put("c", 1, "2"), put("a", 11, "2")]).await.unwrap();
    let superseded = Outcome::Superseded { by: version(10) };
    assert_eq!(outcomes, [superseded, Outcome::Written, Outcome::Written]);
    let lines = feed(&**archive, 0).await.len();
    assert_eq!(archive.apply(&[put("a", 11, "2"), put("b", 10, "1")]).await.unwrap(), [Outcome::Written; 2]);
    let rows = archive.scan(&everything()).await.unwrap();
    assert_eq!(rows, [put("a", 11, "2"), put("b", 10, "1"), put("c", 1, "2")]);
    assert_eq!(feed(&**archive, 0).await.len(), lines, "a repeat adds no line");
}

/// A batch that holds a key twice is refused as a whole.
pub async fn clause_3_a_key_twice_is_invalid_and_changes_nothing(subject: &Subject) {
    let batch = [put("a", 1, "1"), put("b", 1, "1"), put("a", 2, "2")];
    let error = subject.archive.apply(&batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(subject.archive.scan(&everything()).await.unwrap(), []);
    assert_eq!(feed(&*subject.archive, 0).await, []);
}

/// Any bytes come back, with type, hash, version and expiry.
pub async fn clause_4_content_comes_back_byte_for_byte(subject: &Subject) {
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let contents = [
        (ContentType::Json, Bytes::from_static(b" {\"b\":1.0, \"a\" : 1e2,\"a\":\"\\u00e9\"}\n")),
        (ContentType::Binary, Bytes::from(all_bytes)),
        (ContentType::Binary, Bytes::new()),
        (ContentType::Binary, Bytes::from_static(b"\xff\xfe\0")),
        (ContentType::Json, Bytes::from(format!("\"{}\"", "x".repeat(1_000_000)))),
    ];
    let expiries = [None, Some(WallTime::from_millis(0)), Some(WallTime::from_millis(1 << 47))];
    let mut batch = Vec::new();
    for (index, (content_type, content)) in contents.into_iter().enumerate() {
        let body = Body::put(content_type, content);
        let expires_at = expiries[index % expiries.len()];
        batch.push(Record { key: key(&format!("key-{index}")), version: version(9), body, expires_at });
    }
    subject.archive.apply(&batch).await.unwrap();
    let keys: Vec<Key> = batch.iter().rev().map(|record| record.key.clone()).collect();
    let found = (subject.reopen)().await.get(&keys).await.unwrap();
    let expected: Vec<_> = batch.into_iter().rev().map(Some).collect();
    assert_eq!(found, expected);
    let heads = subject.archive.heads(&keys).await.unwrap();
    for (head, record) in heads.iter().zip(expected.iter()) {
        let (head, record) = (head.unwrap(), record.as_ref().unwrap());
        assert_eq!((head.version, head.expires_at), (record.version, record.expires_at));
        assert_eq!(head.content.map(|(hash, _)| hash), record.body.hash());
    }
}

/// No collation folds keys together, and they sort by their bytes.
pub async fn clause_5_keys_are_compared_as_bytes(subject: &Subject) {
    let long = "k".repeat(1_024);
    let names = [
        "A",
        "a",
        "a ",
        "a%",
        "a.b",
        "aa",
        "ae",
        "e\u{301}",
        "z",
        &long,
        "ß",
        "ä",
        "é",
        "\u{ffff}",
        "\u{10ffff}",
    ];
    let batch: Vec<Record> = names.iter().map(|name| put(name, 1, "1")).collect();
    subject.archive.apply(&batch).await.unwrap();
    let mut sorted: Vec<String> = names.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(self::names(&*subject.archive, "").await, sorted);
    for name in names {
        assert_eq!(subject.archive.get(&[key(name)]).await.unwrap(), [Some(put(name, 1, "1"))]);
    }
}

/// A prefix is bytes, not a pattern; pages go on after a key and end where the prefix does.
pub async fn clause_5_scans_are_paged_by_prefix(subject: &Subject) {
    let archive = &*subject.archive;
    let names_in = ["a", "a%b", "a_b", "ab", "ab.1", "ab.2", "ab.3", "b", "\u{10ffff}", "\u{10ffff}x"];
    let batch = names_in.map(|name| put(name, 1, "1"));
    archive.apply(&batch).await.unwrap();
    assert_eq!(names(archive, "a%").await, ["a%b"]);
    assert_eq!(names(archive, "a_").await, ["a_b"]);
    assert_eq!(names(archive, "ab.").await, ["ab.1", "ab.2", "ab.3"]);
    assert_eq!(names(archive, "\u{10ffff}").await, ["\u{10ffff}", "\u{10ffff}x"]);
    assert_eq!(names(archive, "c").await, [""; 0]);
    let page = async |after: Option<&str>, limit| {
        let scan = PrefixScan { prefix: "ab".to_owned(), after: after.map(key), limit };
        archive
            .scan(&scan)
            .await
            .unwrap()
            .iter()
            .map(|record| record.key.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ["ab", "ab.1"]);
    assert_eq!(page(Some("ab.1"), 2).await, ["ab.2", "ab.3"]);
    assert_eq!(page(Some("ab.3"), 2).await, [""; 0]);
    assert_eq!(page(Some("a"), 1).await, ["ab"]);
    assert_eq!(page(Some("b"), 1).await, [""; 0]);
}

/// A delete is a row with a version, seen by every read, and counted.
pub async fn clause_6_tombstones_are_rows(subject: &Subject) {
    let archive = &subject.archive;
    archive.apply(&[put("a", 1, "12"), put("b", 1, "345")]).await.unwrap();
    archive.apply(&[tombstone("a", 2), tombstone("c", 2)]).await.unwrap();
    let rows = [tombstone("a", 2), put("b", 1, "345"), tombstone("c", 2)];
    assert_eq!(archive.scan(&everything()).await.unwrap(), rows);
    assert_eq!(archive.get(&[key("c")]).await.unwrap(), [Some(tombstone("c", 2))]);
    let head = archive.heads(&[key("a")]).await.unwrap()[0].unwrap();
    assert_eq!((head.version, head.content), (version(2), None));
    let stats = archive.stats().await.unwrap();
    assert_eq!((stats.items, stats.tombstones, stats.content_bytes), (1, 2, 3));
    archive.apply(&[put("a", 3, "1")]).await.unwrap();
    assert_eq!(archive.get(&[key("a")]).await.unwrap(), [Some(put("a", 3, "1"))]);
}

/// One line a written row, in order, for every reader; pages go on after a cursor.
pub async fn clause_7_the_feed_has_one_line_per_written_row(subject: &Subject) {
    let archive = &subject.archive;
    archive.apply(&[put("a", 5, "1"), put("b", 5, "1")]).await.unwrap();
    archive.apply(&[put("a", 4, "2"), tombstone("b", 6)]).await.unwrap();
    archive.apply(&[put("a", 5, "1")]).await.unwrap();
    let lines = feed(&*(subject.reopen)().await, 0).await;
    assert!(lines.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{lines:?}");
    let mut told: Vec<_> = lines.iter().map(|line| (line.key.to_string(), line.version, line.deleted)).collect();
    assert_eq!(told.pop(), Some(("b".to_owned(), version(6), true)));
    told.sort();
    assert_eq!(told, [("a".to_owned(), version(5), false), ("b".to_owned(), version(5), false)]);
    assert_eq!(feed(&**archive, lines[0].seq).await, lines[1..]);
    let page = archive.changes(0, 2).await.unwrap();
    assert_eq!(page, ChangePage::Lines(lines[..2].to_vec()));
    assert_eq!(feed(&**archive, lines[2].seq).await, []);
    assert_eq!(archive.stats().await.unwrap().feed_head, lines[2].seq);
}

/// No row was ever written with a greater version, also by a process before.
pub async fn clause_8_the_high_water_mark_is_never_behind(subject: &Subject) {
    let archive = &subject.archive;
    archive.apply(&[put("a", 70, "1"), put("b", 50, "1")]).await.unwrap();
    assert!(archive.high_water().await.unwrap() >= version(70));
    archive.apply(&[tombstone("c", 90)]).await.unwrap();
    assert!((subject.reopen)().await.high_water().await.unwrap() >= version(90));
}

/// What was never written is `None`, in its place among what was.
pub async fn clause_9_absent_is_none(subject: &Subject) {
    let archive = &subject.archive;
    assert_eq!(archive.get(&[]).await.unwrap(), []);
    assert_eq!(archive.apply(&[]).await.unwrap(), []);
    archive.apply(&[put("b", 1, "1")]).await.unwrap();
    let keys = [key("a"), key("b"), key("B"), key("b")];
    let stands = Some(put("b", 1, "1"));
    assert_eq!(archive.get(&keys).await.unwrap(), [None, stands.clone(), None, stands]);
    let heads = archive.heads(&keys).await.unwrap();
    assert_eq!(heads.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true]);
}

/// A cursor beyond the head was given by another archive: what its reader has seen is not known.
pub async fn clause_11_a_cursor_that_leads_nowhere_begins_anew(subject: &Subject) {
    let archive = &subject.archive;
    assert_eq!(archive.changes(1, 10).await.unwrap(), ChangePage::MustRefetch { head: 0 });
    archive.apply(&[put("a", 1, "1")]).await.unwrap();
    let head = archive.stats().await.unwrap().feed_head;
    assert_eq!(archive.changes(head, 10).await.unwrap(), ChangePage::Lines(Vec::new()));
    assert_eq!(archive.changes(head + 1, 10).await.unwrap(), ChangePage::MustRefetch { head });
}

/// A call has a bound, and one beyond it changes nothing.
pub async fn clause_12_too_many_at_once_is_invalid(subject: &Subject) {
    let archive = &subject.archive;
    let batch: Vec<_> = (0..=ARCHIVE_BATCH_MAX).map(|n| tombstone(&format!("item.{n:05}"), 1)).collect();
    let keys: Vec<_> = batch.iter().map(|record| record.key.clone()).collect();
    assert_eq!(archive.apply(&batch).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(archive.get(&keys).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(archive.heads(&keys).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(archive.scan(&everything()).await.unwrap(), []);
}

/// Longest that a call on a healthy backend may take.
const CALL_MAX: Duration = Duration::from_secs(30);

/// Every call answers, one way or the other.
pub async fn clause_10_every_call_answers_in_time(subject: &Subject) {
    let (archive, batch, keys) = (&subject.archive, [put("a", 1, "1")], [key("a")]);
    let scan = everything();
    in_time(archive.apply(&batch)).await.unwrap();
    in_time(archive.get(&keys)).await.unwrap();
    in_time(archive.heads(&keys)).await.unwrap();
    in_time(archive.scan(&scan)).await.unwrap();
    in_time(archive.changes(0, 1)).await.unwrap();
    in_time(archive.high_water()).await.unwrap();
    in_time(archive.stats()).await.unwrap();
}

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let (mut call, mut late) = (pin!(call), SystemClock.sleep_until(SystemClock.now() + CALL_MAX));
    future::poll_fn(|cx| {
        if let Poll::Ready(answer) = call.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        assert!(late.as_mut().poll(cx).is_pending(), "no answer in {CALL_MAX:?}");
        Poll::Pending
    })
    .await
}
