//! The clauses of [`QueueStorage`] on what dies unseen, and on the dead whose time is over.
#![expect(clippy::unwrap_used, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::port::{
    Buried, Claim, DeadReason, ExpiredDead, Handed, InHand, Moment, NewItem, QueueOutcome, QueueStorage, Standing,
};

use super::{Subject, at, claim, claimed_ids, item, push, reap_all, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Pushes an item that is dead at once.
async fn bury(storage: &dyn QueueStorage, id: &str, now: Moment) {
    push(storage, &[item(id)], now).await;
    for claimed in claim(storage, 1, now).await {
        settle(storage, &claimed, QueueOutcome::Reject { error: "no".into() }, now).await;
    }
}

async fn expire(storage: &dyn QueueStorage, older_than: Duration, now: Moment) -> ExpiredDead {
    storage.expire_dead(older_than, now).await.unwrap()
}

fn gone<const N: usize>(ids: [&str; N], next: Option<Duration>) -> ExpiredDead {
    ExpiredDead { ids: ids.map(str::to_owned).to_vec(), next }
}

/// What went wrong: what had expired and was come upon by a claim was counted by nobody, and nobody was told of it.
pub async fn clause_11_what_a_claim_buries_it_names(subject: &Subject) {
    let storage = &*subject.storage;
    let expiring = |id: &str| NewItem { expires_at: Some(at(1_000).wall), ..item(id) };
    push(storage, &[expiring("a"), expiring("b"), item("c"), expiring("d")], at(0)).await;
    let one = Claim { most: 1, lease: SECOND, aging: None, in_hand: InHand::default() };
    assert_eq!(storage.claim(one, at(999)).await.unwrap().buried, []);
    let handed = storage.claim(one, at(1_000)).await.unwrap();
    assert_eq!(handed.items.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(handed.buried.first(), Some(&Buried { id: "b".into(), reason: DeadReason::Expired }));
    // Whichever of the two came upon "d".
    let (_, reaped) = reap_all(storage, at(1_000)).await;
    assert_eq!(handed.buried.len() as u64 + reaped, 2, "{handed:?}");
    assert_eq!(storage.claim(one, at(1_000)).await.unwrap(), Handed::default());
}

/// By the death and not by the push, for every opener; who was redriven in time lives, and whoever lives stays.
pub async fn clause_15_what_was_dead_for_long_enough_is_thrown_away_and_named(subject: &Subject) {
    let storage = &*subject.storage;
    assert_eq!(expire(storage, SECOND, at(0)).await, gone([], None));
    bury(storage, "b", at(0)).await;
    bury(storage, "a", at(10)).await;
    bury(storage, "redriven", at(20)).await;
    bury(storage, "young", at(700)).await;
    push(storage, &[item("lives")], at(0)).await;
    assert_eq!(expire(storage, Duration::MAX, at(999)).await.ids, [""; 0]);
    assert_eq!(expire(storage, SECOND, at(999)).await, gone([], Some(Duration::from_millis(1))));
    assert_eq!(storage.redrive(&["redriven".to_owned()], at(1_000)).await.unwrap(), [true]);
    assert_eq!(expire(storage, SECOND, at(1_020)).await, gone(["b", "a"], Some(Duration::from_millis(680))));
    assert_eq!(expire(storage, SECOND, at(1_020)).await.ids, [""; 0]);
    let again = (subject.reopen)().await;
    let ids = ["a".to_owned(), "b".to_owned()];
    assert_eq!(again.redrive(&ids, at(1_020)).await.unwrap(), [false, false]);
    assert_eq!(again.purge(&ids, at(1_020)).await.unwrap(), [false, false]);
    assert_eq!(again.get("a", at(1_020)).await.unwrap(), None);
    assert_eq!(again.get("young", at(1_020)).await.unwrap().unwrap().standing, Standing::Dead);
    assert_eq!(again.stats(at(1_020)).await.unwrap().dead.iter().sum::<u64>(), 1);
    assert_eq!(claimed_ids(&*again, 9, at(1_020)).await, ["lives", "redriven"]);
    assert_eq!(expire(&*again, SECOND, at(1_700)).await, gone(["young"], None));
}

/// One call never takes longer, however many died at once.
pub async fn clause_15_so_many_at_a_time_are_thrown_away_and_the_next_end_is_told(subject: &Subject) {
    let storage = &*subject.storage;
    let items: Vec<_> = (0..150).map(|n| item(&format!("{n:03}"))).collect();
    push(storage, &items, at(0)).await;
    for claimed in claim(storage, 150, at(0)).await {
        settle(storage, &claimed, QueueOutcome::Reject { error: "no".into() }, at(0)).await;
    }
    let (mut ids, mut calls) = (Vec::new(), 0);
    loop {
        let expired = expire(storage, SECOND, at(1_000)).await;
        assert!(expired.ids.len() <= 64, "{} at once", expired.ids.len());
        ids.extend(expired.ids);
        calls += 1;
        if expired.next.is_none() {
            break;
        }
        assert_eq!(expired.next, Some(Duration::ZERO));
    }
    let all: Vec<_> = items.into_iter().map(|item| item.id).collect();
    assert_eq!((ids, calls), (all, 3));
}
