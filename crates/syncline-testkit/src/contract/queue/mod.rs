//! The clauses of [`QueueStorage`].
//!
//! Time is passed in, so that a test steps it. Survival of crashes (clause 1) is proven by each storage with what it stands
//! on; here the same items must be there for every opener.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

mod buried;
mod due;
mod expiry;
mod history;
mod lanes;
mod leases;
mod list;
mod order;
mod push;
mod settle;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use syncline_core::{
    Instant, Priority, WallTime,
    port::{
        Admission, BoxFuture, Claim, Claimed, InHand, Lease, Moment, NewItem, Pushed, QueueOutcome, QueueStorage,
        Settled, Settlement,
    },
};

pub use self::{buried::*, due::*, expiry::*, history::*, lanes::*, leases::*, list::*, order::*, push::*, settle::*};

/// A storage under test, empty, and how to open it again.
pub struct Subject {
    storage: Arc<dyn QueueStorage>,
    reopen: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn QueueStorage>> + Send + Sync>,
}

impl Subject {
    /// `storage`, which `reopen` opens again after it, as the next process finds it; one that ends with its process gives
    /// itself.
    pub fn new<F>(storage: Arc<dyn QueueStorage>, reopen: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn QueueStorage>> + Send + 'static,
    {
        Self { storage, reopen: Box::new(move || Box::pin(reopen())) }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("storage", &self.storage).finish_non_exhaustive()
    }
}

/// One test a clause for the storage that the given function makes: `queue_contract!(async fn() -> Subject)`.
///
/// The caller's crate needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! queue_contract {
    ($make:expr) => {
        $crate::queue_contract! { $make =>
            clause_1_a_push_is_kept_as_a_whole,
            clause_2_what_is_pushed_is_seen_by_every_opener,
            clause_3_levels_then_times_then_pushes,
            clause_3_what_is_not_due_is_not_handed_out,
            clause_3_aging_lifts_the_first_of_a_level,
            clause_4_attempts_are_counted_before_they_are_handed_out,
            clause_4_a_release_does_not_count,
            clause_4_what_is_put_off_comes_later_and_does_not_count,
            clause_5_leases_are_numbered,
            clause_6_a_settlement_of_another_lease_changes_nothing,
            clause_6_a_lease_of_an_earlier_item_of_the_id_settles_nothing,
            clause_6_what_follows_is_pushed_with_the_completion,
            clause_6_what_follows_may_take_the_id_of_what_was_completed,
            clause_6_what_follows_may_take_ids_and_keys_of_all_that_ended_before_it,
            clause_7_a_lease_that_is_over_is_taken_back_to_its_place,
            clause_7_after_the_last_attempt_it_is_dead,
            clause_7_an_extended_lease_is_not_over,
            clause_8_a_lane_goes_one_by_one_in_order,
            clause_8_what_is_put_off_keeps_its_lane_waiting,
            clause_8_more_of_a_lane_at_a_time_go_out_without_its_order,
            clause_8_whatever_ends_one_of_several_lets_the_next_one_go,
            clause_9_what_is_there_is_a_duplicate,
            clause_9_a_key_is_taken_for_its_window,
            clause_9_a_push_that_did_not_fit_takes_no_key,
            clause_10_somebody_is_woken_in_time,
            clause_11_the_dead_stay_until_they_are_redriven_or_purged,
            clause_11_what_expired_is_dead_and_was_not_handed_out,
            clause_11_a_claim_passes_a_few_that_expired_and_says_that_there_is_more,
            clause_11_what_a_claim_buries_it_names,
            clause_11_what_expired_and_was_redriven_lives_for_every_opener,
            clause_12_content_comes_back_byte_for_byte,
            clause_13_a_list_goes_through_everything_that_stands_so,
            clause_13_a_list_tells_what_fits_and_looks_at_few_at_once,
            clause_13_the_first_of_those_that_wait_are_told_with_the_numbers,
            clause_14_no_more_are_in_hand_than_may_be,
            clause_15_what_was_dead_for_long_enough_is_thrown_away_and_named,
            clause_15_so_many_at_a_time_are_thrown_away_and_the_next_end_is_told,
            clause_16_what_ended_is_told_with_how_and_when,
            clause_16_what_is_more_than_is_to_be_remembered_is_forgotten,
        }
    };
    ($make:expr => $($clause:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $clause() {
                $crate::contract::queue::$clause(&($make)().await).await;
            }
        )+
    };
}

/// The moment `ms` after the beginning.
fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

const LEASE: Duration = Duration::from_secs(60);
const ROOM: Admission = Admission { capacity: 1_000, unique_ids: true };

fn item(id: &str) -> NewItem {
    NewItem {
        id: id.to_owned(),
        priority: Priority::Normal,
        due: None,
        max_attempts: 3,
        partition: None,
        dedup: None,
        expires_at: None,
        body: Bytes::from(format!("body of {id}")),
    }
}

fn urgent(id: &str, priority: Priority) -> NewItem {
    NewItem { priority, ..item(id) }
}

fn due(id: &str, ms: u64) -> NewItem {
    NewItem { due: Some(at(ms).wall), ..item(id) }
}

fn in_lane(id: &str, lane: &str) -> NewItem {
    NewItem { partition: Some(lane.to_owned()), ..item(id) }
}

async fn push(storage: &dyn QueueStorage, items: &[NewItem], now: Moment) {
    let told = storage.push(items, ROOM, now).await.unwrap();
    assert!(told.iter().all(|told| *told == Pushed::Inserted), "{told:?}");
}

async fn claim(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<Claimed> {
    storage
        .claim(Claim { most, lease: LEASE, aging: None, in_hand: InHand::default() }, now)
        .await
        .unwrap()
        .items
}

async fn claimed_ids(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<String> {
    claim(storage, most, now).await.into_iter().map(|claimed| claimed.id).collect()
}

async fn settle(storage: &dyn QueueStorage, claimed: &Claimed, outcome: QueueOutcome, now: Moment) -> Settled {
    let lease = Lease { id: claimed.id.clone(), token: Some(claimed.token) };
    storage.settle(&[Settlement { lease, outcome }], now).await.unwrap()[0]
}

fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

fn put_off(ms: u64) -> QueueOutcome {
    QueueOutcome::Defer { at: at(ms).wall }
}

fn retry(ms: u64, error: &str) -> QueueOutcome {
    QueueOutcome::Retry { at: at(ms).wall, error: error.to_owned() }
}

async fn live(storage: &dyn QueueStorage, now: Moment) -> u64 {
    let stats = storage.stats(now).await.unwrap();
    stats.waiting.iter().chain(&stats.leased).sum()
}

/// Reaps until nothing is left to do.
async fn reap_all(storage: &dyn QueueStorage, now: Moment) -> (u64, u64) {
    let mut sum = (0, 0);
    loop {
        let reaped = storage.reap(now).await.unwrap();
        sum = (sum.0 + reaped.leases, sum.1 + reaped.dead);
        if !reaped.more {
            return sum;
        }
    }
}
