//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on leases: one at a time, numbered, and what ends one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use syncline_core::port::{DeadReason, Lease};

use super::{LEASE, Subject, at, claim, claimed_ids, item, push, reap_all, retry, settle};

/// Tokens grow, so that an older one can be told from the one that is live.
pub async fn clause_5_leases_are_numbered(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let first = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(claimed_ids(storage, 1, at(0)).await, [""; 0], "it is in hand once");
    settle(storage, &first, retry(0, "x"), at(0)).await;
    let second = claim(storage, 1, at(0)).await.remove(0);
    assert!(second.token > first.token, "{} > {}", second.token, first.token);
}

/// Its attempt counts, and it comes before what was pushed after it.
pub async fn clause_7_a_lease_that_is_over_is_taken_back_to_its_place(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    claim(storage, 1, at(0)).await;
    assert_eq!(reap_all(storage, at(59_999)).await, (0, 0));
    assert_eq!(reap_all(storage, at(60_000)).await, (1, 0));
    let again = claim(storage, 9, at(60_000)).await;
    assert_eq!((again[0].id.as_str(), again[0].attempt, again[1].id.as_str()), ("a", 2, "b"));
}

/// Work that never says anything cannot come back for ever.
pub async fn clause_7_after_the_last_attempt_it_is_dead(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    for attempt in 1..=3 {
        assert_eq!(claimed_ids(storage, 1, at(attempt * 60_000)).await, ["a"]);
        let reaped = reap_all(storage, at((attempt + 1) * 60_000)).await;
        assert_eq!(reaped, if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    assert_eq!(storage.get("a", at(0)).await.unwrap().unwrap().dead, Some(DeadReason::Exhausted));
}

/// A lease that was extended ends later; one that has ended cannot be extended.
pub async fn clause_7_an_extended_lease_is_not_over(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let lease = [Lease { id: a.id.clone(), token: Some(a.token) }];
    assert_eq!(storage.extend(&lease, LEASE, at(50_000)).await.unwrap(), [true]);
    assert_eq!(reap_all(storage, at(109_999)).await, (0, 0));
    assert_eq!(reap_all(storage, at(110_000)).await, (1, 0));
    assert_eq!(storage.extend(&lease, LEASE, at(110_000)).await.unwrap(), [false]);
}
