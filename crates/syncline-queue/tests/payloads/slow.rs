//! A disk that is slow, fails, or changes under a read.

use std::{pin::pin, sync::mpsc, task::Poll};

use syncline_core::{ErrorKind, port::Standing, rt};
use syncline_testkit::{
    SimDisk,
    disk::{Call, Fault},
};

use super::{watched::Watched, *};

/// A claim that blocked the thread of its runtime would wait for itself.
#[tokio::test]
async fn a_claim_that_waits_for_the_disk_holds_up_no_other_task() {
    let disk = Arc::new(Watched::default());
    let journal = journal(Arc::clone(&disk) as _, small());
    let queue = open(&journal, 0);
    push(&queue, &[item("a", vec![7; 100])], 1).await;
    let (go, wait) = mpsc::sync_channel(1);
    disk.on_open(move || wait.recv().unwrap());
    let (claimed, ()) = tokio::join!(claim(&queue, 1, 1), async move {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    });
    assert_eq!(claimed[0].body, vec![7; 100]);
}

#[tokio::test]
async fn an_item_whose_claim_is_given_up_is_back_in_its_place() {
    let disk = Arc::new(Watched::default());
    let journal = journal(Arc::clone(&disk) as _, small());
    let queue = open(&journal, 0);
    push(&queue, &[item("a", vec![7; 100])], 1).await;
    let ((go, wait), (arrive, arrived)) = (mpsc::sync_channel(0), mpsc::sync_channel(0));
    disk.on_open(move || {
        arrive.send(()).unwrap();
        wait.recv().unwrap();
    });
    {
        let mut claim = pin!(queue.claim(most(1), at(1)));
        loop {
            let polled = std::future::poll_fn(|cx| Poll::Ready(claim.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            if arrived.try_recv().is_ok() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    let stored = queue.get("a", at(1));
    go.send(()).unwrap();
    let stored = stored.await.unwrap().unwrap();
    assert_eq!((stored.standing, stored.item.attempt), (Standing::Ready, 0));
    let again = claim(&queue, 1, 1).await;
    assert_eq!((again[0].attempt, again[0].body.to_vec()), (1, vec![7; 100]));
}

/// What the disk does not give now it may give later: nothing is dead of it, no attempt counts, and others go first.
#[tokio::test]
async fn an_item_that_the_disk_does_not_give_is_put_off() {
    let disk = SimDisk::new(1);
    let journal = journal(Arc::new(disk.clone()), small());
    let queue = open(&journal, 100);
    push(&queue, &[item("on disk", vec![7; 200]), item("in memory", vec![8; 100])], 1).await;
    disk.fail(Fault::eio(Call::Read));
    let claimed = claim(&queue, 2, 1).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.id.as_str()).collect::<Vec<_>>(), ["in memory"]);
    disk.heal();
    let stored = queue.get("on disk", at(1)).await.unwrap().unwrap();
    assert_eq!((stored.standing, stored.item.attempt), (Standing::Scheduled, 0));
    let claimed = claim(&queue, 2, 10_000).await;
    assert_eq!((claimed[0].attempt, claimed[0].body.to_vec()), (1, vec![7; 200]));

    push(&queue, &[item("alone", vec![9; 200])], 10_001).await;
    disk.fail(Fault::eio(Call::Read));
    let error = queue.claim(most(1), at(10_001)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    disk.heal();
    assert_eq!(claim(&queue, 1, 20_000).await[0].body, vec![9; 200]);
}

/// Items are claimed and given back on one thread while another one has them moved.
#[test]
fn what_is_moved_while_it_is_read_is_found_where_it_is() {
    let journal = journal(Arc::new(Watched::default()), Config { segment_bytes: 16 * 1_024, ..Config::default() });
    let queue = Arc::new(open(&journal, 0));
    let old: Vec<_> = (0..40).map(|n| item(n.to_string(), vec![n; 500])).collect();
    rt::block_on(push(&queue, &old, 1));
    let mover = {
        let queue = Arc::clone(&queue);
        rt::thread("mover", move || rt::block_on(churn(&queue, 150, 1))).unwrap()
    };
    for round in 0..300 {
        let body = |claimed: &Claimed| claimed.id.parse().map_or(vec![1; 200], |n: u8| vec![n; 500]);
        for n in 0..40_u8 {
            let stored = rt::block_on(queue.get(&n.to_string(), at(1))).unwrap().unwrap();
            assert_eq!(stored.item.body, body(&stored.item), "round {round}");
        }
    }
    mover.join().unwrap();
    let stats = rt::block_on(queue.stats(at(1))).unwrap();
    assert_eq!((stats.waiting.iter().sum::<u64>(), stats.dead.iter().sum::<u64>()), (40, 0));
    let stats = journal.stats();
    assert!(stats.disk_bytes < stats.bytes, "nothing was moved: {stats:?}");
}
