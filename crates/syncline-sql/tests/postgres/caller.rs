//! Pushing in the caller's own transaction.

use syncline_core::{
    ErrorKind,
    port::{Admission, DedupKey, Pushed, QueueStorage as _},
};
use syncline_sql::postgres::caller::sqlx::{self, Connection as _};

use crate::support::{Place, ROOM, at, claim, claimed_ids, done, in_lane, item, push, settle};

/// A job was there whose order was rolled back, and an order whose job was lost.
#[tokio::test]
async fn what_is_pushed_in_a_transaction_shares_its_fate() {
    let place = Place::shared();
    let storage = place.open().await;
    place.tamper("create table orders (id bigint)").await;
    let mut connection = place.stranger().await;
    for (id, is_kept) in [(1, false), (2, true)] {
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("insert into orders values ($1)").bind(id).execute(&mut *tx).await.unwrap();
        let told = storage.push_in(&mut tx, &[item(&format!("order {id}"))], ROOM, at(0)).await.unwrap();
        assert_eq!(told, [Pushed::Inserted]);
        assert_eq!(claimed_ids(&storage, 9, at(0)).await, [""; 0], "nobody sees it before the commit");
        if is_kept { tx.commit().await.unwrap() } else { tx.rollback().await.unwrap() }
    }
    assert_eq!(place.count("select sum(id)::bigint from orders").await, 2);
    assert_eq!(storage.stats(at(0)).await.unwrap().waiting[2], 1);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["order 2"]);
}

/// A refusal broke the caller's transaction, with all that was in it.
#[tokio::test]
async fn a_push_that_is_refused_leaves_the_transaction_as_it_was() {
    let place = Place::shared();
    let storage = place.open().await;
    push(&storage, &[item("a")], at(0)).await;
    let mut connection = place.stranger().await;
    let mut tx = connection.begin().await.unwrap();
    let full = Admission { capacity: 2, ..ROOM };
    let error = storage.push_in(&mut tx, &[item("b"), item("c")], full, at(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    let told = storage.push_in(&mut tx, &[item("a"), item("d")], full, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Duplicate { id: "a".into() }, Pushed::Inserted]);
    tx.commit().await.unwrap();
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["a", "d"]);
}

/// A worker could not complete its item while somebody's long transaction held the lane.
#[tokio::test]
async fn a_transaction_that_lasts_holds_up_no_lane_and_keeps_its_order() {
    let place = Place::shared();
    let storage = place.open().await;
    push(&storage, &[in_lane("x1", "x"), in_lane("x3", "x")], at(0)).await;
    let x1 = claim(&storage, 9, at(0)).await.remove(0);
    let mut connection = place.stranger().await;
    let mut tx = connection.begin().await.unwrap();
    // Its time is before that of the one which waits, and it is committed after that one came to the front.
    let early = DedupKey { key: "early".into(), window: std::time::Duration::ZERO };
    let early = syncline_core::port::NewItem { dedup: Some(early), ..in_lane("x2", "x") };
    let before =
        syncline_core::port::Moment { wall: syncline_core::WallTime::from_millis(at(0).wall.as_millis() - 5), ..at(0) };
    storage.push_in(&mut tx, &[early], ROOM, before).await.unwrap();
    settle(&storage, &x1, done(), at(10)).await;
    assert_eq!(
        storage.next_due(syncline_core::port::InHand::default(), at(10)).await.unwrap(),
        Some(std::time::Duration::ZERO),
        "x3 is at the front"
    );
    tx.commit().await.unwrap();
    assert_eq!(claimed_ids(&storage, 9, at(10)).await, ["x2"]);
    assert_eq!(place.count("select count(*) from syncline_queue.lane").await, 0);
}
