//! The clause of [`QueueStorage`] on what is remembered of items that ended.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::{
    Priority,
    port::{EndedItem, Ending, Moment, QueueOutcome, QueueStorage, Retention},
};

use super::{Subject, at, claim, done, item, push, reap_all, retry, settle, urgent};

const SECOND: Duration = Duration::from_secs(1);
/// More than any of these tests lets end.
const ALL: Retention = Retention { age: Duration::from_secs(3_600), items: 1_000, bytes: 1_000_000 };

/// All that is remembered, page by page.
async fn remembered(storage: &dyn QueueStorage, limit: usize, now: Moment) -> Vec<EndedItem> {
    let (mut items, mut before) = (Vec::new(), None);
    loop {
        let page = storage.history(before, limit, now).await.unwrap();
        assert!(page.items.len() <= limit, "{} of {limit}", page.items.len());
        items.extend(page.items);
        before = page.next;
        if before.is_none() {
            return items;
        }
    }
}

async fn remembered_ids(storage: &dyn QueueStorage, now: Moment) -> Vec<String> {
    remembered(storage, 2, now).await.into_iter().map(|ended| ended.id).collect()
}

async fn bury(storage: &dyn QueueStorage, id: &str, now: Moment) {
    push(storage, &[item(id)], now).await;
    let claimed = claim(storage, 1, now).await.remove(0);
    settle(storage, &claimed, QueueOutcome::Reject { error: format!("{id} is wrong") }, now).await;
}

async fn cancel(storage: &dyn QueueStorage, id: &str, now: Moment) {
    push(storage, &[item(id)], now).await;
    assert_eq!(storage.cancel(&[id.to_owned()], now).await.unwrap(), [true]);
}

/// Whichever call ended it, with its attempts and its last error, for every opener.
pub async fn clause_16_what_ended_is_told_with_how_and_when(subject: &Subject) {
    let storage = &*subject.storage;
    storage.remember(ALL);
    assert_eq!(remembered(storage, 9, at(0)).await, []);
    push(storage, &[urgent("completed", Priority::High)], at(0)).await;
    let first = claim(storage, 1, at(0)).await.remove(0);
    settle(storage, &first, retry(10, "not yet"), at(0)).await;
    let second = claim(storage, 1, at(10)).await.remove(0);
    settle(storage, &second, done(), at(20)).await;
    bury(storage, "expired", at(30)).await;
    bury(storage, "purged", at(1_000)).await;
    bury(storage, "dead", at(1_000)).await;
    assert_eq!(storage.expire_dead(SECOND, at(1_040)).await.unwrap().ids, ["expired"]);
    cancel(storage, "cancelled", at(1_050)).await;
    assert_eq!(storage.purge(&["purged".to_owned()], at(1_060)).await.unwrap(), [true]);
    push(storage, &[item("lives")], at(1_070)).await;
    let expected = [
        ("purged", Ending::Purged, 1_060, 1, Some("purged is wrong")),
        ("cancelled", Ending::Cancelled, 1_050, 0, None),
        ("expired", Ending::Expired, 1_040, 1, Some("expired is wrong")),
        ("completed", Ending::Completed, 20, 2, Some("not yet")),
    ];
    let again = (subject.reopen)().await;
    again.remember(ALL);
    for limit in [1, 2, 3, 4, 1_000] {
        let told = remembered(&*again, limit, at(2_000)).await;
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.id.as_str(), one.ending, one.ended_at, one.attempts, one.last_error.as_deref()))
            .collect();
        let expected = expected.map(|(id, ending, ms, attempts, error)| (id, ending, at(ms).wall, attempts, error));
        assert_eq!(told, expected, "pages of {limit}");
    }
    assert_eq!(remembered(&*again, 9, at(2_000)).await[3].priority, Priority::High);
    for (id, ending, ..) in expected {
        assert_eq!(again.how_ended(id, at(2_000)).await.unwrap(), Some(ending));
    }
    for id in ["lives", "dead", "nobody"] {
        assert_eq!(again.how_ended(id, at(2_000)).await.unwrap(), None);
    }
    // An id that ended again.
    cancel(&*again, "completed", at(2_000)).await;
    assert_eq!(again.how_ended("completed", at(2_000)).await.unwrap(), Some(Ending::Cancelled));
    assert_eq!(remembered(&*again, 9, at(2_000)).await.len(), 5);
}

/// The first end first, by each of the bounds.
pub async fn clause_16_what_is_more_than_is_to_be_remembered_is_forgotten(subject: &Subject) {
    let storage = &*subject.storage;
    storage.remember(Retention { items: 4, ..ALL });
    for n in 0..6 {
        cancel(storage, &n.to_string(), at(n * 1_000)).await;
    }
    reap_all(storage, at(5_500)).await;
    assert_eq!(remembered_ids(storage, at(5_500)).await, ["5", "4", "3", "2"]);
    storage.remember(Retention { bytes: 3 * EndedItem::bytes_of(1, 0), ..ALL });
    reap_all(storage, at(5_500)).await;
    assert_eq!(remembered_ids(storage, at(5_500)).await, ["5", "4", "3"]);
    storage.remember(Retention { age: 2 * SECOND, ..ALL });
    assert_eq!(remembered_ids(storage, at(5_999)).await, ["5", "4"], "what is too old is not told");
    assert_eq!(storage.how_ended("3", at(5_999)).await.unwrap(), None);
    assert_eq!(remembered_ids(storage, at(6_000)).await, ["5"]);
    reap_all(storage, at(6_000)).await;
    storage.remember(ALL);
    assert_eq!(remembered_ids(storage, at(6_000)).await, ["5"], "what was forgotten does not come back");
    storage.remember(Retention { items: 0, ..ALL });
    cancel(storage, "6", at(6_000)).await;
    reap_all(storage, at(6_000)).await;
    storage.remember(ALL);
    assert_eq!(remembered_ids(storage, at(6_000)).await, [""; 0]);
    // More than one call forgets at once.
    for n in 0..150 {
        cancel(storage, &n.to_string(), at(7_000)).await;
    }
    storage.remember(Retention { items: 1, ..ALL });
    reap_all(storage, at(7_000)).await;
    assert_eq!(remembered_ids(storage, at(7_000)).await, ["149"]);
}
