//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on pushes: kept as a whole, seen by all, and never twice.
#![expect(clippy::unwrap_used, reason = "a broken clause is a failed test")]

use std::time::Duration;

use bytes::Bytes;
use syncline_core::{
    ErrorKind,
    port::{Admission, DedupKey, NewItem, Pushed, QueueOutcome, Standing},
};

use super::{ROOM, Subject, at, claim, claimed_ids, done, due, item, live, push, settle};

/// Where not all of it fits, nothing is kept, and a queue that has room again takes it.
pub async fn clause_1_a_push_is_kept_as_a_whole(subject: &Subject) {
    let storage = &*subject.storage;
    let two = Admission { capacity: 2, ..ROOM };
    push(storage, &[item("a")], at(0)).await;
    let error = storage.push(&[item("b"), item("c")], two, at(0)).await.unwrap_err();
    assert_eq!((error.kind(), live(storage, at(0)).await), (ErrorKind::Full, 1));
    assert_eq!(storage.get("b", at(0)).await.unwrap(), None);
    // What is in hand takes room as well, what is dead does not.
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert!(storage.push(&[item("b"), item("c")], two, at(0)).await.is_err());
    settle(storage, &a, QueueOutcome::Reject { error: "no".into() }, at(0)).await;
    let told = storage.push(&[item("b"), item("c")], two, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Inserted, Pushed::Inserted]);
}

/// What a push answered is there for whoever opens the storage.
pub async fn clause_2_what_is_pushed_is_seen_by_every_opener(subject: &Subject) {
    push(&*subject.storage, &[item("a"), due("b", 500)], at(0)).await;
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(1)).await.unwrap().unwrap().standing, Standing::Ready);
    assert_eq!(again.get("b", at(1)).await.unwrap().unwrap().standing, Standing::Scheduled);
    assert_eq!(claimed_ids(&*again, 9, at(1)).await, ["a"]);
    assert_eq!(claimed_ids(&*again, 9, at(500)).await, ["b"]);
}

/// An id lives from its push to its end; in one call the first one wins.
pub async fn clause_9_what_is_there_is_a_duplicate(subject: &Subject) {
    let storage = &*subject.storage;
    let told = storage.push(&[item("a"), item("b"), item("a")], ROOM, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Inserted, Pushed::Inserted, Pushed::Duplicate { id: "a".into() }]);
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(storage.push(&[item("a")], ROOM, at(0)).await.unwrap(), [Pushed::Duplicate { id: "a".into() }]);
    // A duplicate takes no room, also of a queue that is full.
    let full = Admission { capacity: 2, ..ROOM };
    assert_eq!(storage.push(&[item("a")], full, at(0)).await.unwrap(), [Pushed::Duplicate { id: "a".into() }]);
    settle(storage, &a, done(), at(0)).await;
    assert_eq!(storage.push(&[item("a")], ROOM, at(0)).await.unwrap(), [Pushed::Inserted]);
}

/// A key outlives its item until its window is over, for every opener.
pub async fn clause_9_a_key_is_taken_for_its_window(subject: &Subject) {
    let storage = &*subject.storage;
    let keyed = |id: &str, window: u64| NewItem {
        dedup: Some(DedupKey { key: "order 7".into(), window: Duration::from_millis(window) }),
        ..item(id)
    };
    push(storage, &[keyed("a", 1_000)], at(0)).await;
    let taken = [Pushed::Duplicate { id: "a".into() }];
    assert_eq!(storage.push(&[keyed("b", 0)], ROOM, at(0)).await.unwrap(), taken);
    assert_eq!(storage.push(&[keyed("b", 0)], ROOM, at(5_000)).await.unwrap(), taken, "it lives");
    let a = claim(storage, 1, at(5_000)).await.remove(0);
    settle(storage, &a, done(), at(5_000)).await;
    assert_eq!(storage.push(&[keyed("b", 3_000)], ROOM, at(5_000)).await.unwrap(), [Pushed::Inserted]);
    let b = claim(storage, 1, at(5_000)).await.remove(0);
    settle(storage, &b, done(), at(5_000)).await;
    assert!(matches!(
        storage.push(&[keyed("c", 0)], ROOM, at(7_999)).await.unwrap()[..],
        [Pushed::Duplicate { .. }]
    ));
    assert_eq!(storage.push(&[keyed("c", 0)], ROOM, at(8_000)).await.unwrap(), [Pushed::Inserted]);
}

/// What went wrong: a push that was refused for want of room kept its keys for their windows. Made again, it was a duplicate of
/// itself: its caller took it for done, and it was nowhere.
pub async fn clause_9_a_push_that_did_not_fit_takes_no_key(subject: &Subject) {
    let storage = &*subject.storage;
    let window = Duration::from_secs(60);
    let keyed = NewItem { dedup: Some(DedupKey { key: "order 7".into(), window }), ..item("a") };
    let one = Admission { capacity: 1, ..ROOM };
    assert!(storage.push(&[keyed.clone(), item("b")], one, at(0)).await.is_err());
    assert_eq!(storage.push(&[keyed], one, at(1)).await.unwrap(), [Pushed::Inserted]);
}

/// Any bytes, none, and many.
pub async fn clause_12_content_comes_back_byte_for_byte(subject: &Subject) {
    let bodies = [Bytes::new(), Bytes::from((0..=255).collect::<Vec<u8>>()), Bytes::from(vec![0xa5; 1 << 20])];
    let named = |(n, body): (usize, &Bytes)| NewItem { body: body.clone(), ..item(&format!("ünïcode/{n} %_'")) };
    let items: Vec<_> = bodies.iter().enumerate().map(named).collect();
    push(&*subject.storage, &items, at(0)).await;
    let again = (subject.reopen)().await;
    let claimed = claim(&*again, 9, at(0)).await;
    assert_eq!(
        claimed.iter().map(|claimed| &claimed.id).collect::<Vec<_>>(),
        items.iter().map(|item| &item.id).collect::<Vec<_>>()
    );
    assert!(claimed.iter().zip(&bodies).all(|(claimed, body)| claimed.body == *body));
}
