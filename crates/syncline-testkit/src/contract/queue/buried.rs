//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on the dead, and what expires.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::port::{DeadReason, InHand, NewItem, QueueOutcome, Settled, Standing};

use super::{Subject, at, claim, claimed_ids, item, push, reap_all, settle};

/// With their errors, for every opener.
pub async fn clause_11_the_dead_stay_until_they_are_redriven_or_purged(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b"), item("c")], at(0)).await;
    for claimed in claim(storage, 9, at(0)).await {
        let error = format!("{} is wrong", claimed.id);
        assert_eq!(settle(storage, &claimed, QueueOutcome::Reject { error }, at(0)).await, Settled::Dead);
    }
    let again = (subject.reopen)().await;
    let dead = again.dead(None, 2, at(0)).await.unwrap();
    assert_eq!(dead.iter().map(|stored| stored.item.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (dead[0].dead, dead[0].item.errors.as_slice()),
        (Some(DeadReason::Rejected), &["a is wrong".to_owned()][..])
    );
    let rest = again.dead(Some("b"), 9, at(0)).await.unwrap();
    assert_eq!((rest.len(), rest[0].item.id.as_str()), (1, "c"));
    assert_eq!(again.stats(at(0)).await.unwrap().dead.iter().sum::<u64>(), 3);
    let ids = ["a".to_owned(), "nobody".to_owned()];
    assert_eq!(again.redrive(&ids, at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.redrive(&ids, at(10)).await.unwrap(), [false, false]);
    let a = claim(&*again, 9, at(10)).await.remove(0);
    assert_eq!((a.id.as_str(), a.attempt, a.errors.len()), ("a", 1, 1));
    assert_eq!(again.purge(&["b".to_owned(), "a".to_owned()], at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.get("b", at(10)).await.unwrap(), None);
    assert_eq!(again.cancel(&["a".to_owned(), "c".to_owned()], at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.get("a", at(10)).await.unwrap(), None);
}

/// It is dead where a person can see it, not gone.
pub async fn clause_11_what_expired_is_dead_and_was_not_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    let expiring = |id: &str| NewItem { expires_at: Some(at(1_000).wall), ..item(id) };
    push(storage, &[expiring("a"), expiring("b"), item("c")], at(0)).await;
    assert_eq!(claimed_ids(storage, 1, at(999)).await, ["a"]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["c"]);
    reap_all(storage, at(1_000)).await;
    assert_eq!(storage.get("b", at(1_000)).await.unwrap().unwrap().dead, Some(DeadReason::Expired));
    assert_eq!(
        storage.get("a", at(1_000)).await.unwrap().unwrap().standing,
        Standing::Leased,
        "it was taken in time"
    );
}

/// What went wrong: one claim passed over everything that had expired, however much it was, while everybody waited for it.
pub async fn clause_11_a_claim_passes_a_few_that_expired_and_says_that_there_is_more(subject: &Subject) {
    let storage = &*subject.storage;
    let expiring = |n: usize| NewItem { expires_at: Some(at(1_000).wall), ..item(&format!("old {n}")) };
    push(storage, &(0..500).map(expiring).collect::<Vec<_>>(), at(0)).await;
    push(storage, &[item("young")], at(10)).await;
    let (mut buried, mut claims) = (0, 0);
    loop {
        let ids = claimed_ids(storage, 9, at(1_000)).await;
        let dead = storage.stats(at(1_000)).await.unwrap().dead.iter().sum::<u64>();
        assert!(dead - buried <= 128, "{} of {dead} in one claim", dead - buried);
        (buried, claims) = (dead, claims + 1);
        if !ids.is_empty() {
            assert_eq!((ids.as_slice(), claims > 2), (&["young".to_owned()][..], true));
            break;
        }
        assert_eq!(storage.next_due(InHand::default(), at(1_000)).await.unwrap(), Some(Duration::ZERO));
    }
}

/// What went wrong: a claim that passed over an expired item buried it in memory alone. After a restart its redrive, which had
/// been answered, was about an item that was not dead, and it expired again.
pub async fn clause_11_what_expired_and_was_redriven_lives_for_every_opener(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[NewItem { expires_at: Some(at(1_000).wall), ..item("a") }], at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, [""; 0]);
    reap_all(storage, at(1_000)).await;
    assert_eq!(storage.redrive(&["a".to_owned()], at(2_000)).await.unwrap(), [true]);
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(2_000)).await.unwrap().unwrap().standing, Standing::Ready);
    assert_eq!(claimed_ids(&*again, 9, at(2_000)).await, ["a"]);
}
