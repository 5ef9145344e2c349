//! Servers that are killed, or do not answer.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use syncline_core::{ErrorKind, port::QueueStorage as _, rt};
use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage};
use syncline_testkit::PostgresServer;

use crate::support::{Place, ROOM, at, claim, claimed_ids, done, item, push, settlement};

/// A kill in the middle of the load loses nothing that was answered, and nobody has to open anything again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_under_load_keeps_what_it_acknowledged() {
    let server = Arc::new(PostgresServer::start().unwrap());
    let place = Place::on(&server);
    let storage = Arc::new(place.open().await);
    let (stop, pushed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let pushers: Vec<_> = (0..4)
        .map(|pusher| {
            let (storage, stop, pushed) = (Arc::clone(&storage), Arc::clone(&stop), Arc::clone(&pushed));
            rt::spawn("pusher", async move {
                let mut kept = BTreeSet::new();
                for n in 0_u64.. {
                    let ids: Vec<_> = (0..3).map(|part| format!("{pusher}/{n}/{part}")).collect();
                    let items: Vec<_> = ids.iter().map(|id| item(id)).collect();
                    match storage.push(&items, ROOM, at(0)).await {
                        Ok(_) => {
                            kept.extend(ids);
                            pushed.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            let kind = error.kind();
                            assert!(matches!(kind, ErrorKind::Unavailable | ErrorKind::Unknown), "{error:?}");
                            tokio::task::yield_now().await;
                        }
                    }
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                }
                kept
            })
        })
        .collect();
    for round in 1..=3 {
        let before = pushed.load(Ordering::SeqCst);
        while pushed.load(Ordering::SeqCst) < before + 40 {
            tokio::task::yield_now().await;
        }
        server.kill();
        server.restart().unwrap();
        assert!(round <= 3);
    }
    stop.store(true, Ordering::SeqCst);
    let mut kept = BTreeSet::new();
    for pusher in pushers {
        kept.extend(pusher.await.unwrap());
    }
    let mut found = BTreeSet::new();
    loop {
        let claimed = claim(&*storage, 500, at(1)).await;
        if claimed.is_empty() {
            break;
        }
        found.extend(claimed.iter().map(|claimed| claimed.id.clone()));
        let settlements: Vec<_> = claimed.iter().map(|claimed| settlement(claimed, done())).collect();
        storage.settle(&settlements, at(1)).await.unwrap();
    }
    let lost: Vec<_> = kept.difference(&found).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged items are lost: {lost:?}", lost.len(), kept.len());
    // Each push is there as a whole, also those whose answer was lost.
    let (pushes, parts): (BTreeSet<_>, usize) =
        (found.iter().map(|id| id.rsplit_once('/').unwrap().0.to_owned()).collect(), found.len());
    assert_eq!(pushes.len() * 3, parts);
}

/// A stopped server held a call for as long as it was stopped.
#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_after_the_deadline() {
    let server = PostgresServer::start().unwrap();
    let place = Place::on(&server);
    let patient = place.open().await;
    let hasty = PostgresQueueConfig { deadline: Duration::from_secs(2), ..place.config.clone() };
    let hasty = PostgresQueueStorage::open(hasty).await.unwrap();
    push(&patient, &[item("a")], at(0)).await;
    server.pause();
    let errors = [
        hasty.push(&[item("b")], ROOM, at(0)).await.unwrap_err(),
        hasty.reap(at(0)).await.unwrap_err(),
        hasty.stats(at(0)).await.unwrap_err(),
    ];
    server.resume();
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Unavailable), "{errors:?}");
    assert_eq!(claimed_ids(&patient, 9, at(0)).await, ["a"], "what was unavailable did not happen");
}
