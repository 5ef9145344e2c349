//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on who is next, and what a release and a retry do to that.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::{
    Priority,
    port::{Claim, DeadReason, InHand, NewItem, QueueOutcome, Settled, Standing},
};

use super::{LEASE, Subject, at, claim, claimed_ids, due, item, push, put_off, retry, settle, urgent};

/// Strict levels; inside one the time from which an item could be handed out, then the push.
pub async fn clause_3_levels_then_times_then_pushes(subject: &Subject) {
    let storage = &*subject.storage;
    let levels = [
        urgent("background", Priority::Background),
        urgent("normal 1", Priority::Normal),
        urgent("critical", Priority::Critical),
        urgent("normal 2", Priority::Normal),
        urgent("high", Priority::High),
        urgent("low", Priority::Low),
    ];
    push(storage, &levels, at(0)).await;
    push(storage, &[due("normal 4", 50)], at(0)).await;
    push(storage, &[item("normal 3")], at(40)).await;
    push(storage, &[item("normal 5")], at(60)).await;
    let order = claimed_ids(storage, 99, at(100)).await;
    let normal = ["normal 1", "normal 2", "normal 3", "normal 4", "normal 5"];
    assert_eq!(order, [["critical", "high"].as_slice(), &normal, &["low", "background"]].concat());
}

/// Neither by a claim for many, nor after something else was taken.
pub async fn clause_3_what_is_not_due_is_not_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    let scheduled = NewItem { due: Some(at(1_000).wall), ..urgent("critical", Priority::Critical) };
    push(storage, &[scheduled, urgent("low", Priority::Low)], at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(999)).await, ["low"]);
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["critical"]);
}

/// Each such wait of the first of a level counts as one level.
pub async fn clause_3_aging_lifts_the_first_of_a_level(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[urgent("low", Priority::Low)], at(0)).await;
    push(storage, &[urgent("high", Priority::High)], at(2_500)).await;
    let aging = Claim {
        most: 1,
        lease: LEASE,
        aging: Some(Duration::from_secs(1)),
        in_hand: InHand::default(),
    };
    assert_eq!(
        storage.claim(aging, at(2_500)).await.unwrap().items[0].id,
        "low",
        "two levels up, and the longer wait"
    );
    assert_eq!(storage.claim(aging, at(2_500)).await.unwrap().items[0].id, "high");
}

/// The number of the attempt is there for every opener, before anybody could have begun.
pub async fn clause_4_attempts_are_counted_before_they_are_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    for attempt in 1..=3_u16 {
        let claimed = claim(storage, 1, at(0)).await.remove(0);
        assert_eq!((claimed.attempt, claimed.max_attempts), (attempt, 3));
        assert_eq!(storage.get("a", at(0)).await.unwrap().unwrap().item.attempt, attempt);
        let settled = settle(storage, &claimed, retry(0, &format!("failure {attempt}")), at(0)).await;
        assert_eq!(settled, if attempt < 3 { Settled::Retried } else { Settled::Dead });
    }
    assert_eq!(claimed_ids(storage, 1, at(9_999)).await, [""; 0]);
    let dead = storage.get("a", at(0)).await.unwrap().unwrap();
    assert_eq!((dead.standing, dead.dead), (Standing::Dead, Some(DeadReason::Exhausted)));
    assert_eq!(dead.item.errors, ["failure 1", "failure 2", "failure 3"]);
}

/// What was given back untouched has all its attempts, in its old place.
pub async fn clause_4_a_release_does_not_count(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    for _ in 0..5 {
        let a = claim(storage, 1, at(0)).await.remove(0);
        assert_eq!((a.id.as_str(), a.attempt), ("a", 1));
        assert_eq!(settle(storage, &a, QueueOutcome::Release, at(0)).await, Settled::Released);
    }
}

/// As a release, and not before its time; for every opener.
pub async fn clause_4_what_is_put_off_comes_later_and_does_not_count(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(settle(storage, &a, put_off(5_000), at(0)).await, Settled::Released);
    let again = (subject.reopen)().await;
    assert_eq!(claimed_ids(&*again, 9, at(4_999)).await, ["b"]);
    let a = claim(&*again, 9, at(5_000)).await.remove(0);
    assert_eq!((a.id.as_str(), a.attempt, a.errors.len()), ("a", 1, 0));
}
