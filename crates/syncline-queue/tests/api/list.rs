//! Looking through what is there.

use syncline_queue::{DeadReason, ItemFilter, ItemInfo, ItemStatus, QueueError};

use super::*;

async fn all(queue: &SyncQueue, filter: &ItemFilter) -> Vec<ItemInfo> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = queue.list(filter, after, 2).await.unwrap();
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return items;
        }
    }
}

async fn ids(queue: &SyncQueue, status: ItemStatus) -> Vec<String> {
    all(queue, &ItemFilter::of(status)).await.into_iter().map(|item| item.id).collect()
}

/// What went wrong: items that had ended were gone, and asking for them by their status was answered with nothing.
#[tokio::test]
async fn each_status_has_its_list_and_what_has_ended_is_refused() {
    let (queue, clock) = queue_with(QueueConfig { enable_partitioning: true, ..Default::default() });
    queue
        .push_batch(vec![item("bad"), item("done"), item("held"), item("failed")])
        .await
        .unwrap();
    let popped = queue.pop_batch(4).await.unwrap();
    queue.reject("bad", "never").await.unwrap();
    queue.mark_completed("done").await.unwrap();
    queue.mark_failed("failed", Some("not yet".into())).await.unwrap();
    queue.push_batch(vec![item("b"), urgent("a", Priority::Critical)]).await.unwrap();
    let lane = |id: &str| item(id).with_partition_key("x");
    queue.push_batch(vec![lane("c"), lane("behind c")]).await.unwrap();
    assert_eq!(ids(&queue, ItemStatus::Pending).await, ["a", "b", "c"]);
    assert_eq!(ids(&queue, ItemStatus::Scheduled).await, ["failed", "behind c"]);
    let held = all(&queue, &ItemFilter::of(ItemStatus::Processing)).await;
    assert_eq!((held.len(), held[0].id.as_str(), held[0].lease_token), (1, "held", popped[2].lease_token));
    clock.advance(SECOND);
    let dead = ItemFilter {
        min_age: Some(SECOND),
        error: Some("ever".into()),
        ..ItemFilter::of(ItemStatus::Failed)
    };
    let dead = all(&queue, &dead).await;
    assert_eq!((dead[0].id.as_str(), dead[0].attempts, dead[0].reason), ("bad", 1, Some(DeadReason::Rejected)));
    for status in [ItemStatus::Completed, ItemStatus::Cancelled] {
        let refused = queue.list(&ItemFilter::of(status), None, 9).await;
        assert!(matches!(refused, Err(QueueError::InvalidState(_))), "{refused:?}");
    }
}

/// A reader in the middle of a list sees what stands still once, whatever goes on around it.
#[tokio::test]
async fn what_stands_still_is_told_once_while_others_come_and_go() {
    let (queue, _) = queue();
    queue.push_batch((0..50).map(|n| item(&format!("{n:02}"))).collect()).await.unwrap();
    let (filter, mut seen, mut popped, mut after) = (ItemFilter::of(ItemStatus::Pending), Vec::new(), Vec::new(), None);
    loop {
        let page = queue.list(&filter, after, 3).await.unwrap();
        seen.extend(page.items.into_iter().map(|item| item.id));
        after = page.next;
        if after.is_none() {
            break;
        }
        let first = queue.pop().await.unwrap().unwrap();
        queue.mark_completed(&first.id).await.unwrap();
        queue.push(urgent(&format!("urgent {}", first.id), Priority::Critical)).await.unwrap();
        popped.push(first.id);
    }
    for id in (0..50).map(|n| format!("{n:02}")).filter(|id| !popped.contains(id)) {
        assert_eq!(seen.iter().filter(|one| **one == id).count(), 1, "{id}");
    }
}
