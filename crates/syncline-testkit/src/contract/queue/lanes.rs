//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on lanes, and how many may be in hand.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::{
    Priority,
    port::{Claim, Claimed, InHand, NewItem, QueueOutcome, QueueStorage, Settled},
};

use super::{LEASE, Subject, at, claim, claimed_ids, done, in_lane, item, push, put_off, reap_all, retry, settle};

/// One of a lane is in hand at a time; one that waits for its retry keeps the others waiting, but no other lane.
pub async fn clause_8_a_lane_goes_one_by_one_in_order(subject: &Subject) {
    let storage = &*subject.storage;
    let items = [in_lane("x1", "x"), in_lane("x2", "x"), in_lane("y1", "y"), item("free"), in_lane("x3", "x")];
    push(storage, &items, at(0)).await;
    let first = claim(storage, 9, at(0)).await;
    assert_eq!(first.iter().map(|claimed| claimed.id.as_str()).collect::<Vec<_>>(), ["x1", "y1", "free"]);
    assert_eq!(first[0].partition.as_deref(), Some("x"));
    assert_eq!(settle(storage, &first[0], retry(1_000, "x"), at(0)).await, Settled::Retried);
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    let again = claim(storage, 9, at(1_000)).await;
    assert_eq!((again.len(), again[0].id.as_str()), (1, "x1"));
    settle(storage, &again[0], done(), at(1_000)).await;
    let second = claim(storage, 9, at(1_000)).await;
    assert_eq!((second.len(), second[0].id.as_str()), (1, "x2"));
    // Who dies or is withdrawn makes way.
    settle(storage, &second[0], QueueOutcome::Reject { error: "no".into() }, at(1_000)).await;
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x3"]);
}

/// It is still the first of its lane.
pub async fn clause_8_what_is_put_off_keeps_its_lane_waiting(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[in_lane("x1", "x"), in_lane("x2", "x")], at(0)).await;
    let x1 = claim(storage, 9, at(0)).await.remove(0);
    settle(storage, &x1, put_off(1_000), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x1"]);
}

/// By level and time, past one that waits for its retry, and never more than were asked for; whoever asks for one at a time
/// has the order again.
pub async fn clause_8_more_of_a_lane_at_a_time_go_out_without_its_order(subject: &Subject) {
    let storage = &*subject.storage;
    let urgent = NewItem { priority: Priority::High, ..in_lane("x3", "x") };
    let items = [in_lane("x1", "x"), in_lane("x2", "x"), urgent, in_lane("y1", "y"), in_lane("x4", "x")];
    push(storage, &items, at(0)).await;
    let first = claim_two(storage, 0).await;
    assert_eq!(ids(&first), ["x3", "x1", "y1"]);
    assert_eq!(
        storage.next_due(TWO.in_hand, at(0)).await.unwrap(),
        Some(LEASE),
        "nothing is due before somebody settles"
    );
    settle(storage, &first[1], retry(1_000, "x"), at(0)).await;
    let second = claim_two(storage, 0).await;
    assert_eq!(ids(&second), ["x2"]);
    settle(storage, &first[0], done(), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(0)).await, [""; 0], "asked for one at a time, one is in hand");
    settle(storage, &second[0], done(), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(0)).await, [""; 0], "x1 is the first of its lane, and not due");
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x1"]);
    assert_eq!(ids(&claim_two(storage, 1_000).await), ["x4"]);
}

/// Given back, put off, withdrawn, rejected, or over; and nothing else does.
pub async fn clause_8_whatever_ends_one_of_several_lets_the_next_one_go(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &["a", "b", "c", "d"].map(|id| in_lane(id, "x")), at(0)).await;
    let first = claim_two(storage, 0).await;
    assert_eq!(ids(&first), ["a", "b"]);
    settle(storage, &first[0], QueueOutcome::Release, at(0)).await;
    assert_eq!(ids(&claim_two(storage, 0).await), ["a"], "it is back in its place");
    settle(storage, &first[1], put_off(1_000), at(0)).await;
    let c = claim_two(storage, 0).await;
    assert_eq!(ids(&c), ["c"], "what is put off holds up nobody");
    assert_eq!(storage.cancel(&["a".to_owned()], at(0)).await.unwrap(), [true]);
    assert_eq!(ids(&claim_two(storage, 0).await), ["d"]);
    assert_eq!(ids(&claim_two(storage, 1_000).await), [""; 0], "two are in hand");
    settle(storage, &c[0], QueueOutcome::Reject { error: "no".into() }, at(1_000)).await;
    assert_eq!(ids(&claim_two(storage, 1_000).await), ["b"]);
    assert_eq!(storage.redrive(&["c".to_owned()], at(1_000)).await.unwrap(), [true]);
    assert_eq!(ids(&claim_two(storage, 1_000).await), [""; 0]);
    assert_eq!(reap_all(storage, at(60_000)).await, (1, 0));
    assert_eq!(ids(&claim_two(storage, 60_000).await), ["d"]);
    assert_eq!(reap_all(storage, at(61_000)).await, (1, 0));
    let b = claim_two(storage, 61_000).await;
    assert_eq!(ids(&b), ["b"]);
    settle(storage, &b[0], done(), at(61_000)).await;
    assert_eq!(ids(&claim_two(storage, 61_000).await), ["c"]);
}

const TWO: Claim = Claim { most: 9, lease: LEASE, aging: None, in_hand: InHand { most: None, of_lane: 2 } };

async fn claim_two(storage: &dyn QueueStorage, now: u64) -> Vec<Claimed> {
    storage.claim(TWO, at(now)).await.unwrap().items
}

fn ids(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|one| one.id.as_str()).collect()
}

/// Whoever has them; and nobody is woken for what waits until somebody settles.
pub async fn clause_14_no_more_are_in_hand_than_may_be(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b"), item("c"), item("d")], at(0)).await;
    let in_hand = InHand { most: Some(2), of_lane: 1 };
    let bounded = Claim { most: 9, lease: LEASE, aging: None, in_hand };
    assert_eq!(claimed_ids(storage, 1, at(0)).await, ["a"]);
    let b = storage.claim(bounded, at(0)).await.unwrap().items;
    assert_eq!(b.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["b"], "one of the two was in hand");
    assert_eq!(storage.claim(bounded, at(0)).await.unwrap().items, []);
    assert_eq!(storage.next_due(in_hand, at(0)).await.unwrap(), Some(LEASE));
    assert_eq!(storage.next_due(InHand::default(), at(0)).await.unwrap(), Some(Duration::ZERO));
    settle(storage, &b[0], done(), at(0)).await;
    assert_eq!(storage.next_due(in_hand, at(0)).await.unwrap(), Some(Duration::ZERO));
    assert_eq!(storage.claim(bounded, at(0)).await.unwrap().items[0].id, "c");
    // A lease that ended makes room as well.
    assert_eq!(reap_all(storage, at(60_000)).await, (2, 0));
    assert_eq!(storage.claim(bounded, at(60_000)).await.unwrap().items.len(), 2);
}
