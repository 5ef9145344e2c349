//! Defects that other queues had. Each begins with what went wrong there.

use std::time::Duration;

use syncline_core::{
    ErrorKind, Instant, Priority, WallTime,
    port::{
        Admission, Claim, DeadReason, DedupKey, InHand, Moment, NewItem, Pushed, QueueOutcome, QueueStorage, Retention,
        Settled, Standing,
    },
};

use crate::support::{LEASE, Place, ROOM, at, claim, claimed_ids, done, in_lane, item, push, retry, settle};

fn keyed(id: &str, key: &str, window_ms: u64) -> NewItem {
    let dedup = Some(DedupKey { key: key.to_owned(), window: Duration::from_millis(window_ms) });
    NewItem { dedup, ..item(id) }
}

fn reject(error: &str) -> QueueOutcome {
    QueueOutcome::Reject { error: error.to_owned() }
}

/// A pop spun on a failed item that was not due, and starved what was ready behind it.
#[tokio::test]
async fn a_retry_that_is_not_due_keeps_no_less_urgent_item_waiting() {
    let place = Place::new();
    let storage = place.open();
    let urgent = NewItem { priority: Priority::Critical, ..item("urgent") };
    push(&storage, &[urgent, NewItem { priority: Priority::Low, ..item("low") }], at(0)).await;
    let urgent = claim(&storage, 1, at(0)).await.remove(0);
    assert_eq!(settle(&storage, &urgent, retry(1_000, "x"), at(0)).await, Settled::Retried);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["low"]);
    assert_eq!(storage.next_due(InHand::default(), at(0)).await.unwrap(), Some(Duration::from_secs(1)));
}

/// A rescuer overwrote a job that had been completed between its look and its write.
#[tokio::test]
async fn what_was_settled_is_not_taken_back() {
    let place = Place::new();
    let storage = place.open();
    push(&storage, &[item("a"), item("b")], at(0)).await;
    let claimed = claim(&storage, 2, at(0)).await;
    assert_eq!(settle(&storage, &claimed[0], done(), at(60_000)).await, Settled::Completed);
    assert_eq!(settle(&storage, &claimed[1], retry(90_000, "x"), at(60_000)).await, Settled::Retried);
    let reaped = storage.reap(at(61_000)).await.unwrap();
    assert_eq!((reaped.leases, reaped.dead), (0, 0));
    assert_eq!(storage.get("b", at(61_000)).await.unwrap().unwrap().standing, Standing::Scheduled);
}

/// A restart put items into the order of a hash table, and forgot their attempts.
#[tokio::test]
async fn order_and_attempts_survive_a_restart() {
    let place = Place::new();
    let storage = place.open();
    let ids: Vec<_> = (0..100).map(|n| format!("{:03}", (n * 37) % 100)).collect();
    push(&storage, &ids.iter().map(|id| item(id)).collect::<Vec<_>>(), at(0)).await;
    let first = claim(&storage, 1, at(0)).await.remove(0);
    settle(&storage, &first, retry(0, "once"), at(0)).await;
    storage.close().unwrap();
    let again = claim(&place.open(), 100, at(1)).await;
    assert!(again.iter().map(|claimed| &claimed.id).eq(&ids));
    assert_eq!((again[0].attempt, again[0].errors.as_slice()), (2, &["once".to_owned()][..]));
}

/// A lock of a unique job outlived its job for ever, or was taken by a push that had failed.
#[tokio::test]
async fn a_key_goes_with_its_item_and_is_not_taken_by_a_push_that_failed() {
    let place = Place::new();
    let storage = place.open();
    let one = Admission { capacity: 1, ..ROOM };
    let error = storage.push(&[keyed("a", "k", 0), keyed("b", "l", 0)], one, at(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    push(&storage, &[keyed("c", "k", 0)], at(0)).await;
    let told = storage.push(&[keyed("d", "k", 0)], ROOM, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Duplicate { id: "c".into() }]);
    let c = claim(&storage, 1, at(0)).await.remove(0);
    settle(&storage, &c, reject("no"), at(0)).await;
    push(&storage, &[keyed("d", "k", 0)], at(0)).await;
    storage.cancel(&["d".to_owned()], at(0)).await.unwrap();
    push(&storage, &[keyed("e", "k", 500)], at(0)).await;
    storage.cancel(&["e".to_owned()], at(0)).await.unwrap();
    assert_eq!(storage.next_due(InHand::default(), at(100)).await.unwrap(), Some(Duration::from_millis(400)));
    storage.reap(at(500)).await.unwrap();
    let keys: i64 = place.stranger().query_row("SELECT count(*) FROM dedup", [], |row| row.get(0)).unwrap();
    assert_eq!(keys, 0, "keys whose time is over are forgotten");
}

/// One record that could not be read failed every pop from then on.
#[tokio::test]
async fn a_damaged_item_is_buried_and_blocks_nobody() {
    let damages = [
        "UPDATE content SET bytes = x'00' WHERE seq = 1",
        "UPDATE content SET hash = zeroblob(32) WHERE seq = 1",
        "DELETE FROM content WHERE seq = 1",
        "UPDATE item SET id = x'ff' WHERE seq = 1",
        "UPDATE item SET errors = x'ff' WHERE seq = 1",
    ];
    for damage in damages {
        let place = Place::new();
        let storage = place.open();
        push(&storage, &[in_lane("a", "x"), in_lane("b", "x"), item("c")], at(0)).await;
        place.tamper(damage);
        if !damage.contains("SET id") {
            let error = storage.get("a", at(0)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}");
            assert!(error.to_string().contains("item \"a\" is damaged"), "{error}");
        }
        assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["b", "c"], "{damage}");
        let dead = storage.dead(None, 9, at(0)).await.unwrap();
        assert_eq!((dead.len(), dead[0].dead), (1, Some(DeadReason::Corrupt)), "{damage}");
        assert_eq!(dead[0].item.errors.last().unwrap(), "its content is damaged");
        let stats = storage.stats(at(0)).await.unwrap();
        assert_eq!((stats.waiting[2], stats.leased[2], stats.dead[2]), (0, 2, 1));
    }
}

/// What was damaged after its death ended the list of the dead.
#[tokio::test]
async fn a_dead_item_that_is_damaged_is_listed_as_such() {
    let place = Place::new();
    let storage = place.open();
    push(&storage, &[item("a"), item("b")], at(0)).await;
    for claimed in claim(&storage, 9, at(0)).await {
        settle(&storage, &claimed, reject("no"), at(0)).await;
    }
    place.tamper("UPDATE content SET bytes = x'00' WHERE seq = 1");
    let dead = storage.dead(None, 9, at(0)).await.unwrap();
    let reasons: Vec<_> = dead.iter().map(|stored| stored.dead.unwrap()).collect();
    assert_eq!(reasons, [DeadReason::Corrupt, DeadReason::Rejected]);
}

/// A collation took different names for one.
#[tokio::test]
async fn names_that_differ_in_case_or_accents_are_different() {
    let place = Place::new();
    let storage = place.open();
    let names = ["Job", "job", "jöb", "jo\u{308}b", "job ", "job\0", ""];
    let items: Vec<_> = names
        .iter()
        .map(|name| NewItem { partition: Some((*name).to_owned()), ..keyed(name, name, 0) })
        .collect();
    push(&storage, &items, at(0)).await;
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, names);
}

/// Text was pasted into statements.
#[tokio::test]
async fn text_is_never_sql() {
    let mut place = Place::new();
    place.config.queue = "x'); DROP TABLE item; --".to_owned();
    let storage = place.open();
    let nasty = "' OR ''='";
    push(
        &storage,
        &[NewItem { partition: Some(nasty.to_owned()), ..keyed(nasty, nasty, 0) }, item("b")],
        at(0),
    )
    .await;
    assert_eq!(storage.cancel(&["' OR 1=1 --".to_owned()], at(0)).await.unwrap(), [false]);
    let claimed = claim(&storage, 1, at(0)).await.remove(0);
    assert_eq!(settle(&storage, &claimed, retry(0, nasty), at(0)).await, Settled::Retried);
    assert_eq!(storage.get(nasty, at(0)).await.unwrap().unwrap().item.errors, [nasty]);
}

/// The calendar was set back, and the queue stood still until it had caught up.
#[tokio::test]
async fn a_calendar_that_is_set_back_stops_nothing() {
    let place = Place::new();
    let hour = 3_600_000;
    let back = |ms: u64| Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + hour + ms)),
    };
    let storage = place.open();
    push(&storage, &[item("a"), item("b")], at(hour)).await;
    assert_eq!(claimed_ids(&storage, 1, back(0)).await, ["a"]);
    // Another process, which knows it from the file alone.
    let other = place.open();
    assert_eq!(claimed_ids(&other, 1, back(10)).await, ["b"]);
    push(&other, &[item("c")], back(20)).await;
    assert_eq!(claimed_ids(&storage, 1, back(30)).await, ["c"]);
    assert_eq!(storage.reap(back(59_999)).await.unwrap().leases, 0);
    assert_eq!(storage.reap(back(60_000)).await.unwrap().leases, 2, "a lease lasts no longer for it");
}

/// A planner carried out an inner query twice, and a claim for one took many.
#[tokio::test]
async fn a_claim_never_takes_more_than_it_was_asked_for() {
    let place = Place::new();
    let storage = place.open();
    push(&storage, &(0..50).map(|n| item(&n.to_string())).collect::<Vec<_>>(), at(0)).await;
    for most in [0, 1, 7] {
        assert_eq!(claim(&storage, most, at(0)).await.len(), most);
    }
    let stats = storage.stats(at(0)).await.unwrap();
    assert_eq!((stats.waiting[2], stats.leased[2]), (42, 8));
    let counted: i64 = place
        .stranger()
        .query_row("SELECT count(*) FROM item WHERE phase = 2 AND attempts = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(counted, 8);
}

/// With duplicates allowed the second push made the first one unreachable.
#[tokio::test]
async fn where_ids_repeat_each_lease_is_settled_by_its_own_number() {
    let place = Place::new();
    let storage = place.open();
    let both = Admission { unique_ids: false, ..ROOM };
    let told = storage.push(&[item("a"), item("a")], both, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Inserted, Pushed::Inserted]);
    let claimed = claim(&storage, 9, at(0)).await;
    assert_ne!(claimed[0].token, claimed[1].token);
    assert_eq!(settle(&storage, &claimed[0], reject("no"), at(0)).await, Settled::Dead);
    assert_eq!(storage.redrive(&["a".to_owned()], at(0)).await.unwrap(), [true], "though its id lives");
    assert_eq!(settle(&storage, &claimed[1], done(), at(0)).await, Settled::Completed);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["a"]);
}

/// A push that was too large for the database left its neighbours behind.
#[tokio::test]
async fn an_item_that_is_too_large_is_invalid_and_nothing_of_its_push_is_kept() {
    let place = Place::new();
    let storage = place.open();
    let large = NewItem { body: vec![0; 64 * 1_024 * 1_024].into(), ..item("large") };
    let error = storage.push(&[item("a"), large], ROOM, at(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(storage.get("a", at(0)).await.unwrap(), None);
    push(&storage, &[item("a")], at(0)).await;
}

/// In a full file no page is free for what is to be remembered, and what had ended could not be ended.
#[tokio::test]
async fn what_is_remembered_gives_way_where_the_file_is_full() {
    let mut place = Place::new();
    place.config.disk_bytes_max = Some(1_000_000);
    let storage = place.open();
    storage.remember(Retention { age: Duration::from_secs(3_600), items: 10_000, bytes: 10_000_000 });
    let id = |n: usize| format!("{n:0200}");
    let mut pushed = 0;
    loop {
        match storage.push(&[item(&id(pushed))], ROOM, at(0)).await {
            Ok(_) => pushed += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full);
                break;
            }
        }
    }
    // Far from each other, so that none of them leaves a page behind.
    let ends: Vec<_> = (0..pushed).step_by(12).collect();
    for n in &ends {
        assert_eq!(storage.cancel(&[id(*n)], at(0)).await.unwrap(), [true], "{n} of {pushed}");
    }
    let told = storage.history(None, 1_024, at(0)).await.unwrap().items.len();
    assert!(told > 0 && told < ends.len(), "{told} of {} are remembered", ends.len());
}

/// What stands before the head of a lane while that is in hand waits, and goes first afterwards.
#[tokio::test]
async fn a_lane_is_put_right_when_another_one_comes_to_stand_before_its_head() {
    let place = Place::new();
    let storage = place.open();
    let later = NewItem { due: Some(at(5_000).wall), ..in_lane("later", "x") };
    push(&storage, &[later, NewItem { priority: Priority::Low, ..in_lane("now", "x") }], at(0)).await;
    let now = claim(&storage, 9, at(0)).await;
    assert_eq!((now.len(), now[0].id.as_str()), (1, "now"));
    push(&storage, &[NewItem { priority: Priority::High, ..in_lane("after", "x") }], at(10)).await;
    assert_eq!(claimed_ids(&storage, 9, at(9_000)).await, [""; 0], "one of the lane is in hand");
    settle(&storage, &now[0], QueueOutcome::Release, at(9_000)).await;
    let claim_all = Claim { most: 9, lease: LEASE, aging: None, in_hand: InHand::default() };
    let mut order = Vec::new();
    loop {
        let claimed = storage.claim(claim_all, at(9_000)).await.unwrap().items;
        let Some(one) = claimed.first() else { break };
        order.push(one.id.clone());
        settle(&storage, one, done(), at(9_000)).await;
    }
    assert_eq!(order, ["now", "after", "later"]);
}

/// What came back from the dead was handed out beside the one of its lane that was in hand.
#[tokio::test]
async fn who_is_redriven_to_the_head_of_a_lane_waits_for_the_one_in_hand() {
    let place = Place::new();
    let storage = place.open();
    push(&storage, &[in_lane("a", "x"), in_lane("b", "x"), in_lane("c", "x")], at(0)).await;
    let a = claim(&storage, 9, at(0)).await.remove(0);
    settle(&storage, &a, reject("no"), at(0)).await;
    let b = claim(&storage, 9, at(0)).await.remove(0);
    assert_eq!(storage.redrive(&["a".to_owned()], at(0)).await.unwrap(), [true]);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, [""; 0], "b is in hand");
    assert_eq!(storage.get("b", at(0)).await.unwrap().unwrap().standing, Standing::Leased);
    assert_eq!(settle(&storage, &b, done(), at(0)).await, Settled::Completed);
    assert_eq!(claimed_ids(&storage, 9, at(0)).await, ["a"]);
}
