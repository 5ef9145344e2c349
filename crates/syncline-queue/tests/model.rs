//! Random histories of the storages of this room, beside a plain model.

mod subjects;

use subjects::{InMemory, OnJournal};
use syncline_testkit::model::queue::{End, Rules, histories};

const MEMORY: Rules = Rules {
    steps_clocks: true,
    ends: &[],
    leases_end_at_reopen: true,
    claims_are_synced: false,
    keeps_lane_bound: false,
    claims_bury_all: false,
    unknown_by_the_end: false,
    compares_each_step: true,
};
const JOURNAL: Rules = Rules { ends: &[End::Closed, End::Killed, End::PowerLost], ..MEMORY };

/// One test for each part of the histories, so that they run side by side.
macro_rules! parts {
    ($rules:expr, $histories:expr, $make:expr; $($part:ident)+) => {
        $(
            #[tokio::test]
            async fn $part() {
                histories($histories, $rules, $make).await;
            }
        )+
    };
}

mod memory {
    use super::*;

    parts!(MEMORY, 5_000, async |_| InMemory::default(); does_what_the_model_does_a does_what_the_model_does_b);
}

mod journal {
    use super::*;

    parts!(JOURNAL, 1_250, async |seed| OnJournal::new(seed);
        does_what_the_model_does_a does_what_the_model_does_b does_what_the_model_does_c does_what_the_model_does_d
        does_what_the_model_does_e does_what_the_model_does_f does_what_the_model_does_g does_what_the_model_does_h);
}
