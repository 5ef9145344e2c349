//! Random histories beside a plain model. The calendar is not set: what SQLite makes of that, other tests say.

use syncline_core::port::{BoxFuture, QueueStorage};
use syncline_sql::queue::SqliteQueueStorage;
use syncline_testkit::{
    SeededRandom,
    model::queue::{End, Rules, Subject, histories},
};

use crate::support::Place;

/// Leases are in the file: the process that comes next finds them. Whatever a call answers was synced before. A claim buries all
/// that expired first, for who is behind one of them in a lane may be next.
const RULES: Rules = Rules {
    steps_clocks: false,
    ends: &[End::Closed, End::Killed],
    leases_end_at_reopen: false,
    claims_are_synced: true,
    keeps_lane_bound: true,
    claims_bury_all: true,
    unknown_by_the_end: false,
    compares_each_step: true,
};

/// A file of its own.
struct InFile {
    place: Place,
    open: SqliteQueueStorage,
}

impl std::fmt::Debug for InFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InFile").field("open", &self.open).finish_non_exhaustive()
    }
}

impl InFile {
    fn new() -> Self {
        let place = Place::new();
        let open = place.open();
        Self { place, open }
    }
}

impl Subject for InFile {
    fn storage(&self) -> &dyn QueueStorage {
        &self.open
    }

    fn reopen(&mut self, end: End, _in_call: bool, _random: &SeededRandom) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if end == End::Closed {
                self.open.close().unwrap();
            }
            // Who did not close it is there still when the next one comes.
            self.open = self.place.open();
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
    histories(50, RULES, async |_| InFile::new()).await;
}

parts!(
    it_does_what_the_model_does_a it_does_what_the_model_does_b it_does_what_the_model_does_c it_does_what_the_model_does_d
);
