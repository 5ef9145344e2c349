//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on how attempts end.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use bytes::Bytes;
use syncline_core::port::{Claimed, DedupKey, Lease, NewItem, Pushed, QueueOutcome, Settled, Settlement, Standing};

use super::{ROOM, Subject, at, claim, claimed_ids, done, item, live, push, reap_all, retry, settle};

/// A worker that is late finds its lease lost; the other one's work stands.
pub async fn clause_6_a_settlement_of_another_lease_changes_nothing(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let slow = claim(storage, 1, at(0)).await.remove(0);
    reap_all(storage, at(60_000)).await;
    let quick = claim(storage, 1, at(60_000)).await.remove(0);
    for outcome in [done(), retry(0, "late"), QueueOutcome::Reject { error: "late".into() }, QueueOutcome::Release] {
        assert_eq!(settle(storage, &slow, outcome, at(60_000)).await, Settled::Lost);
    }
    assert_eq!(storage.get("a", at(60_000)).await.unwrap().unwrap().standing, Standing::Leased);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Completed);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Unknown);
    // Without a token whichever lease is live is settled.
    push(storage, &[item("b")], at(60_000)).await;
    let unfenced = Settlement { lease: Lease { id: "b".into(), token: None }, outcome: done() };
    assert_eq!(storage.settle(std::slice::from_ref(&unfenced), at(60_000)).await.unwrap(), [Settled::Lost]);
    claim(storage, 1, at(60_000)).await;
    assert_eq!(storage.settle(&[unfenced], at(60_000)).await.unwrap(), [Settled::Completed]);
}

/// What went wrong: leases were numbered by item. Where an id was pushed again after its end, a worker of the first item that was
/// late held the number of the second one's lease, and settled work that nobody had done.
pub async fn clause_6_a_lease_of_an_earlier_item_of_the_id_settles_nothing(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let slow = claim(storage, 1, at(0)).await.remove(0);
    reap_all(storage, at(60_000)).await;
    let quick = claim(storage, 1, at(60_000)).await.remove(0);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Completed);
    push(storage, &[item("a")], at(60_000)).await;
    claim(storage, 1, at(60_000)).await;
    for late in [slow, quick] {
        assert_eq!(settle(storage, &late, done(), at(60_000)).await, Settled::Lost);
    }
    assert_eq!(storage.get("a", at(60_000)).await.unwrap().unwrap().standing, Standing::Leased);
}

/// Both or neither, and whatever the capacity.
pub async fn clause_6_what_follows_is_pushed_with_the_completion(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let follow = QueueOutcome::Complete { push: vec![item("b"), item("c")] };
    let stale = Claimed { token: a.token + 1, ..a.clone() };
    assert_eq!(settle(storage, &stale, follow.clone(), at(0)).await, Settled::Lost);
    assert_eq!(live(storage, at(0)).await, 1, "nothing follows what was not completed");
    assert_eq!(settle(storage, &a, follow, at(0)).await, Settled::Completed);
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(0)).await.unwrap(), None);
    assert_eq!(claimed_ids(&*again, 9, at(0)).await, ["b", "c"]);
}

/// What went wrong: what followed was admitted before the completion, so that one of the same id was a duplicate and was left
/// out without a word.
pub async fn clause_6_what_follows_may_take_the_id_of_what_was_completed(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let again = NewItem { body: Bytes::from_static(b"again"), ..item("a") };
    let follow = QueueOutcome::Complete { push: vec![again, item("b")] };
    assert_eq!(settle(storage, &a, follow, at(0)).await, Settled::Completed);
    let next = claim(&*(subject.reopen)().await, 9, at(0)).await;
    let seen: Vec<_> = next
        .iter()
        .map(|claimed| (claimed.id.as_str(), claimed.attempt, &claimed.body[..]))
        .collect();
    assert_eq!(seen, [("a", 1, &b"again"[..]), ("b", 1, &b"body of b"[..])]);
}

/// What went wrong: only the id of the very item that was completed was free for what followed it. One with its key, or with the
/// id of another item that ended in the same call, was a duplicate and was left out without a word.
pub async fn clause_6_what_follows_may_take_ids_and_keys_of_all_that_ended_before_it(subject: &Subject) {
    let storage = &*subject.storage;
    let keyed = |id: &str| NewItem {
        dedup: Some(DedupKey { key: "order 7".into(), window: Duration::ZERO }),
        ..item(id)
    };
    push(storage, &[keyed("a"), item("b"), item("c")], at(0)).await;
    let claimed = claim(storage, 3, at(0)).await;
    let lease = |n: usize| Lease { id: claimed[n].id.clone(), token: Some(claimed[n].token) };
    let settlements = [
        Settlement { lease: lease(0), outcome: QueueOutcome::Complete { push: vec![keyed("d")] } },
        Settlement { lease: lease(1), outcome: QueueOutcome::Reject { error: "no".into() } },
        Settlement {
            lease: lease(2),
            outcome: QueueOutcome::Complete { push: vec![item("a"), item("b")] },
        },
    ];
    let told = storage.settle(&settlements, at(0)).await.unwrap();
    assert_eq!(told, [Settled::Completed, Settled::Dead, Settled::Completed]);
    let taken = [Pushed::Duplicate { id: "d".into() }];
    assert_eq!(storage.push(&[keyed("e")], ROOM, at(0)).await.unwrap(), taken);
    assert_eq!(claimed_ids(&*(subject.reopen)().await, 9, at(0)).await, ["d", "a", "b"]);
}
