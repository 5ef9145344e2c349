//! The clauses of [`QueueStorage`] on lists and numbers.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::{
    Priority,
    port::{DeadReason, List, Listed, Moment, NewItem, QueueOutcome, QueueStorage, Standing},
};

use super::{Subject, at, claim, claimed_ids, due, in_lane, item, push, retry, settle, urgent};

/// All items of a list, page by page, each page the end of the one before.
async fn listed(storage: &dyn QueueStorage, list: &List, limit: usize, now: Moment) -> Vec<Listed> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = storage.list(list, after, limit, now).await.unwrap();
        assert!(page.items.len() <= limit, "{} of {limit}", page.items.len());
        items.extend(page.items);
        match page.next {
            // Its text is the same place.
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return items,
        }
    }
}

async fn listed_ids(storage: &dyn QueueStorage, list: &List, limit: usize, now: Moment) -> Vec<String> {
    listed(storage, list, limit, now).await.into_iter().map(|listed| listed.id).collect()
}

/// In order, in pages of any size, for every opener.
pub async fn clause_13_a_list_goes_through_everything_that_stands_so(subject: &Subject) {
    let storage = &*subject.storage;
    let low = |id: &str| urgent(id, Priority::Low);
    push(storage, &[item("t1"), item("t2"), item("t3")], at(0)).await;
    let taken = claim(storage, 3, at(0)).await;
    for (n, ms) in [(1, 1), (0, 2), (2, 2)] {
        let error = format!("{} is wrong", taken[n].id);
        settle(storage, &taken[n], QueueOutcome::Reject { error }, at(ms)).await;
    }
    let waiting = [low("w2"), in_lane("w1", "x"), in_lane("b1", "x"), due("s2", 900), due("s1", 800), low("w3")];
    push(storage, &waiting, at(3)).await;
    push(storage, &[in_lane("b2", "x")], at(4)).await;
    let again = (subject.reopen)().await;
    push(&*again, &["h1", "h2", "h3"].map(|id| urgent(id, Priority::High)), at(4)).await;
    assert_eq!(claimed_ids(&*again, 3, at(4)).await, ["h1", "h2", "h3"]);
    let standings = [
        (Standing::Leased, vec!["h1", "h2", "h3"]),
        (Standing::Ready, vec!["w1", "w2", "w3"]),
        (Standing::Scheduled, vec!["s1", "s2", "b1", "b2"]),
        (Standing::Dead, vec!["t2", "t1", "t3"]),
    ];
    for limit in [1, 2, 3, 1_000] {
        for (standing, ids) in &standings {
            let told = listed(&*again, &List::of(*standing), limit, at(5)).await;
            assert!(told.iter().all(|item| item.standing == *standing), "{told:?}");
            assert_eq!(told.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), *ids, "pages of {limit}");
        }
    }
    let dead = listed(&*again, &List::of(Standing::Dead), 1, at(5)).await.remove(0);
    assert_eq!((dead.attempt, dead.max_attempts, dead.priority, dead.partition), (1, 3, Priority::Normal, None));
    assert_eq!((dead.dead, dead.errors), (Some((DeadReason::Rejected, at(1).wall)), vec!["t2 is wrong".to_owned()]));
}

/// Who is in hand is listed too, under the number of the lease; every filter narrows, and none makes a call look at more.
pub async fn clause_13_a_list_tells_what_fits_and_looks_at_few_at_once(subject: &Subject) {
    let storage = &*subject.storage;
    let named = |n: usize| NewItem {
        priority: Priority::ALL[n % 5],
        partition: n.is_multiple_of(7).then(|| "x".to_owned()),
        ..item(&format!("{n:03}"))
    };
    push(storage, &(0..200).map(named).collect::<Vec<_>>(), at(0)).await;
    let held = claim(storage, 40, at(0)).await;
    let leased = listed(storage, &List::of(Standing::Leased), 7, at(0)).await;
    assert_eq!(leased.len(), 40);
    let token = held.iter().find(|claimed| claimed.id == leased[3].id).unwrap().token;
    assert_eq!((leased[3].token, leased[3].attempt), (token, 1));
    for (n, claimed) in held.iter().enumerate() {
        let outcome = match n % 3 {
            0 => QueueOutcome::Reject { error: format!("never: {n}") },
            1 => QueueOutcome::Reject { error: "not today".to_owned() },
            _ => retry(100_000, "not yet"),
        };
        settle(storage, claimed, outcome, at(1_000 + n as u64)).await;
    }
    let dead = List::of(Standing::Dead);
    assert_eq!(listed(storage, &dead, 5, at(2_000)).await.len(), 27);
    let never = List { error: Some("ever: 1".to_owned()), ..dead.clone() };
    assert_eq!(listed(storage, &never, 5, at(2_000)).await.len(), 3, "of 12, 15 and 18");
    let old = List { min_age: Some(Duration::from_millis(990)), ..dead.clone() };
    assert_eq!(listed(storage, &old, 5, at(2_000)).await.len(), 8, "those of the first 11 that died");
    assert_eq!(listed(storage, &List { reason: Some(DeadReason::Expired), ..dead }, 5, at(2_000)).await, []);
    let later = List { priority: Some(Priority::Critical), ..List::of(Standing::Scheduled) };
    let (later, of_lane) = (listed(storage, &later, 5, at(2_000)).await, |item: &Listed| item.partition.is_some());
    assert_eq!(later.iter().filter(|item| !of_lane(item)).count(), 11);
    // Nobody has waited for so long: one call looks at a few, and says where to go on.
    let none = List { min_age: Some(Duration::from_secs(10)), ..List::of(Standing::Ready) };
    let page = storage.list(&none, None, 1, at(2_000)).await.unwrap();
    assert!(page.items.is_empty() && page.next.is_some(), "{page:?}");
    assert_eq!(listed_ids(storage, &none, 1, at(2_000)).await, [""; 0]);
    // A lane in its order.
    let lane = List { partition: Some("x".to_owned()), ..List::of(Standing::Scheduled) };
    let ids = listed_ids(storage, &lane, 3, at(2_000)).await;
    assert!(ids.len() > 20 && ids.is_sorted(), "{ids:?}");
}

/// When each level's first may be handed out, and since when somebody is dead.
pub async fn clause_13_the_first_of_those_that_wait_are_told_with_the_numbers(subject: &Subject) {
    let storage = &*subject.storage;
    let stats = storage.stats(at(0)).await.unwrap();
    assert_eq!((stats.first_at, stats.dead_since), ([None; 5], None));
    let high = NewItem { due: Some(at(700).wall), ..urgent("high", Priority::High) };
    push(storage, &[item("a"), high], at(0)).await;
    push(storage, &[item("b")], at(50)).await;
    let a = claim(storage, 1, at(100)).await.remove(0);
    let stats = storage.stats(at(100)).await.unwrap();
    assert_eq!(stats.first_at, [None, Some(at(700).wall), Some(at(50).wall), None, None]);
    settle(storage, &a, QueueOutcome::Reject { error: "no".into() }, at(120)).await;
    assert_eq!(storage.stats(at(130)).await.unwrap().dead_since, Some(at(120).wall));
}
