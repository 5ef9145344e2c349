//! A record and an item of a queue in one transaction: both are there after a crash, or neither is.

use std::sync::Arc;

use serde_json::json;
use syncline::{
    Syncline,
    engine::{Durability, Engine, EngineConfig, Parts, SyncItem as Record},
    journal::{self, Durability::Sync, Journal},
    queue::{Priority, QueueConfig, QueueError, SyncItem, SyncQueue},
    rt::SystemClock,
};
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Fault},
    seed,
};

const ROUNDS: u64 = 12;
const IMAGES: usize = 24;

/// An engine without an archive and two queues on one journal.
struct Place {
    journal: Journal,
    engine: Engine,
    orders: SyncQueue,
    mails: SyncQueue,
}

impl Place {
    async fn open(disk: &SimDisk) -> Self {
        let small = journal::Config { segment_bytes: 256 * 1_024, ..journal::Config::default() };
        let journal = Journal::open(Arc::new(disk.clone()), small).unwrap().journal;
        let engine = Engine::new(EngineConfig::default());
        let random = Arc::new(SeededRandom::new(1));
        let parts = Parts {
            journal: Some(journal.clone()),
            archive: None,
            clock: Arc::new(SystemClock),
            random,
        };
        engine.start(parts).await.unwrap();
        let queue =
            |name| SyncQueue::on_journal(&journal, name, QueueConfig::default(), Arc::new(SystemClock)).unwrap();
        let (orders, mails) = (queue("orders"), queue("mails"));
        Self { journal, engine, orders, mails }
    }

    /// A record, and an item in each queue.
    fn stage(&self, id: &str, content: &str) -> journal::Transaction {
        let mut transaction = self.journal.transaction();
        self.engine.stage(&mut transaction, Record::new(id.to_owned(), json!(content))).unwrap();
        self.orders.stage(&mut transaction, item(id, content)).unwrap();
        self.mails.stage(&mut transaction, item(id, content)).unwrap();
        transaction
    }

    async fn has(&self, id: &str) -> [bool; 3] {
        [
            self.engine.get(id).await.unwrap().is_some(),
            self.orders.get(id).await.unwrap().is_some(),
            self.mails.get(id).await.unwrap().is_some(),
        ]
    }

    async fn close(self) {
        self.engine.shutdown().await;
        self.journal.close().unwrap();
    }
}

fn item(id: &str, content: &str) -> SyncItem {
    SyncItem::with_id(id, json!(content), Priority::Normal)
}

/// The disk fails at the sync of a frame of several blocks: any part of it may be there. Whatever is left of it, a record and
/// its items are there together or not at all, and what was committed before is there.
#[tokio::test]
async fn a_record_and_its_items_survive_every_crash_together_or_not_at_all() {
    let (random, mut seen) = (SeededRandom::new(seed()), [0, 0]);
    for round in 0..ROUNDS {
        let random = random.split(round);
        let disk = SimDisk::new(random.word());
        let place = Place::open(&disk).await;
        place.stage("before", "short").commit(Sync).unwrap().await.unwrap();
        disk.fail(Fault::eio(Call::Sync));
        let content = "x".repeat(random.index(12_000));
        place.stage("torn", &content).commit(Sync).unwrap().await.unwrap_err();
        disk.heal();
        for image in disk.crash_images(IMAGES, &random).chain([disk.kill_image(), disk.synced_image()]) {
            let after = Place::open(&image).await;
            assert_eq!(after.has("before").await, [true; 3]);
            let torn = after.has("torn").await;
            assert!(torn == [true; 3] || torn == [false; 3], "round {round}: {torn:?}");
            seen[usize::from(torn[0])] += 1;
            after.close().await;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

/// The same for a step of a pipeline: an item leaves one queue and another one enters the next.
#[tokio::test]
async fn a_step_between_two_queues_survives_every_crash_whole_or_not_at_all() {
    let (random, mut seen) = (SeededRandom::new(seed()), [0, 0]);
    for round in 0..ROUNDS {
        let random = random.split(round);
        let disk = SimDisk::new(random.word());
        let place = Place::open(&disk).await;
        place.orders.push(item("order", "one")).await.unwrap();
        let order = place.orders.pop().await.unwrap().unwrap();
        let mut transaction = place.journal.transaction();
        place
            .orders
            .stage_completed(&mut transaction, "order", order.lease_token.unwrap())
            .unwrap();
        place
            .mails
            .stage(&mut transaction, item("mail", &"x".repeat(random.index(12_000))))
            .unwrap();
        disk.fail(Fault::eio(Call::Sync));
        transaction.commit(Sync).unwrap().await.unwrap_err();
        disk.heal();
        for image in disk.crash_images(IMAGES, &random).chain([disk.kill_image(), disk.synced_image()]) {
            let after = Place::open(&image).await;
            let ([_, order, _], [.., mail]) = (after.has("order").await, after.has("mail").await);
            assert_ne!(order, mail, "round {round}");
            seen[usize::from(mail)] += 1;
            after.close().await;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[tokio::test]
async fn a_transaction_that_is_dropped_gives_back_what_it_held() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    let jobs = syncline.queue("jobs").await.unwrap();
    jobs.push(item("held", "1")).await.unwrap();
    let token = jobs.pop().await.unwrap().unwrap().lease_token.unwrap();
    let mut transaction = syncline.transaction();
    syncline.engine().stage(&mut transaction, Record::new("a".into(), json!(1))).unwrap();
    jobs.stage(&mut transaction, item("a", "1")).unwrap();
    jobs.stage_completed(&mut transaction, "held", token).unwrap();
    let taken = jobs.push(item("a", "2")).await.unwrap_err();
    assert!(matches!(taken, QueueError::DuplicateItem(_)), "its id is taken while it is staged");
    assert!(matches!(jobs.mark_completed_lease("held", token).await, Err(QueueError::LeaseLost(_))));
    assert!(jobs.pop().await.unwrap().is_none() && syncline.engine().get("a").await.unwrap().is_none());
    drop(transaction);
    jobs.push(item("a", "2")).await.unwrap();
    jobs.mark_completed_lease("held", token).await.unwrap();
    assert!(syncline.engine().get("a").await.unwrap().is_none());
    syncline.engine().flush().await.unwrap();
    syncline.shutdown().await;
}

#[tokio::test]
async fn a_commit_wakes_a_worker_counts_the_item_and_gives_the_record_a_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let syncline = Syncline::open(dir.path()).await.unwrap();
    let jobs = syncline.queue("jobs").await.unwrap();
    let waiter = {
        let jobs = jobs.clone();
        syncline::rt::spawn("waiter", async move { jobs.pop_wait().await })
    };
    let mut transaction = syncline.transaction();
    jobs.stage(&mut transaction, item("a", "1")).unwrap();
    let staged = syncline.engine().stage(&mut transaction, Record::new("a".into(), json!(1))).unwrap();
    let version = staged.version();
    let committed = transaction.commit(Sync).unwrap().await.unwrap();
    let receipt = staged.receipt(&committed);
    assert_eq!(receipt.version(), version);
    receipt.wait(Durability::Archived).await.unwrap();
    assert_eq!(waiter.await.unwrap().unwrap().id, "a");
    assert_eq!(jobs.metrics().total_enqueued, 1);
    assert_eq!(syncline.engine().get("a").await.unwrap().unwrap().content, json!(1));
    syncline.shutdown().await;
}
