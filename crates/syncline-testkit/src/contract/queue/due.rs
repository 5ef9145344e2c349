//! The clauses of [`QueueStorage`](syncline_core::port::QueueStorage) on being woken in time.
#![expect(clippy::unwrap_used, reason = "a broken clause is a failed test")]

use std::time::Duration;

use syncline_core::port::InHand;

use super::{Subject, at, claimed_ids, due, push};

/// Never later than what is due, a lease that is over, or what expires; and at once when something is ready.
pub async fn clause_10_somebody_is_woken_in_time(subject: &Subject) {
    let storage = &*subject.storage;
    let due_in = async |now: u64| storage.next_due(InHand::default(), at(now)).await.unwrap();
    assert_eq!(due_in(0).await, None);
    push(storage, &[due("later", 5_000), due("soon", 2_000)], at(0)).await;
    assert!(due_in(500).await.is_some_and(|left| left <= Duration::from_millis(1_500)));
    assert_eq!(due_in(2_000).await, Some(Duration::ZERO));
    assert_eq!(claimed_ids(storage, 9, at(2_000)).await, ["soon"]);
    assert!(due_in(2_000).await.is_some_and(|left| left <= Duration::from_millis(3_000)));
    assert_eq!(claimed_ids(storage, 9, at(5_000)).await, ["later"]);
    let lease = due_in(5_000).await.unwrap();
    assert!(lease > Duration::ZERO && lease <= Duration::from_millis(57_000), "{lease:?}");
    assert_eq!(due_in(62_000).await, Some(Duration::ZERO));
}
