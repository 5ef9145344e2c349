//! Random histories beside a plain model, by the caller's time, which is not set: the server's own is.

use syncline_core::port::{BoxFuture, QueueStorage};
use syncline_sql::{PostgresQueueConfig, PostgresQueueStorage};
use syncline_testkit::{
    PostgresServer, SeededRandom,
    model::queue::{End, Rules, Subject, histories},
};

use crate::support::Place;

/// Leases are in the database: who comes next finds them. Whatever a call answers was synced before. A claim buries all that
/// expired first, for who is behind one of them in a lane may be next. Which of the leases of a settlement are nobody's is asked
/// once, for all of them.
const RULES: Rules = Rules {
    steps_clocks: false,
    ends: &[End::Closed, End::Killed],
    leases_end_at_reopen: false,
    claims_are_synced: true,
    keeps_lane_bound: true,
    claims_bury_all: true,
    unknown_by_the_end: true,
    compares_each_step: false,
};

/// A queue of its own in a database that all histories of a test share.
#[derive(Debug)]
struct InDatabase {
    config: PostgresQueueConfig,
    open: PostgresQueueStorage,
}

impl InDatabase {
    async fn new(place: &Place, seed: u64) -> Self {
        let config = PostgresQueueConfig { queue: format!("{seed:x}"), connections: 2, ..place.config.clone() };
        let open = PostgresQueueStorage::open(config.clone()).await.unwrap();
        Self { config, open }
    }
}

impl Subject for InDatabase {
    fn storage(&self) -> &dyn QueueStorage {
        &self.open
    }

    fn reopen(&mut self, end: End, _in_call: bool, _random: &SeededRandom) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if end == End::Closed {
                self.open.close().await;
            }
            // Who did not close it is there still when the next one comes.
            self.open = PostgresQueueStorage::open(self.config.clone()).await.unwrap();
        })
    }
}

/// One test for each part of the histories, so that they run side by side and none takes long.
macro_rules! parts {
    ($($part:ident)+) => {
        $(
            #[tokio::test]
            async fn $part() {
                part().await;
            }
        )+
    };
}

async fn part() {
    // The process of a storage ends here, never the server's.
    let server = PostgresServer::start_without_sync().unwrap();
    let place = Place::on(&server);
    histories(25, RULES, async |seed| InDatabase::new(&place, seed).await).await;
}

parts!(
    it_does_what_the_model_does_a it_does_what_the_model_does_b it_does_what_the_model_does_c it_does_what_the_model_does_d
    it_does_what_the_model_does_e it_does_what_the_model_does_f it_does_what_the_model_does_g it_does_what_the_model_does_h
);
