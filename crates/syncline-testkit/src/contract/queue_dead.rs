//! The clauses of [`QueueStorage`] on dead items whose time is over.
#![expect(clippy::unwrap_used, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::port::{ExpiredDead, Moment, QueueOutcome, QueueStorage, Standing};

use super::queue::{Subject, at, claim, claimed_ids, item, push, settle};

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
