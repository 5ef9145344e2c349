//! The clauses of [`QueueStorage`].
//!
//! Time is passed in, so that a test steps it. Survival of crashes (clause 1) is proven by each storage with what it stands
//! on; here the same items must be there for every opener.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken clause is a failed test")]

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use syncline_core::{
    ErrorKind, Instant, Priority, WallTime,
    port::{
        Admission, BoxFuture, Claim, Claimed, DeadReason, DedupKey, InHand, Lease, Moment, NewItem, Pushed,
        QueueOutcome, QueueStorage, Settled, Settlement, Standing,
    },
};

pub use super::{queue_dead::*, queue_list::*};

/// A storage under test, empty, and how to open it again.
pub struct Subject {
    pub(super) storage: Arc<dyn QueueStorage>,
    pub(super) reopen: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn QueueStorage>> + Send + Sync>,
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
pub(super) fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(1_767_225_600_000 + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

pub(super) const LEASE: Duration = Duration::from_secs(60);
pub(super) const ROOM: Admission = Admission { capacity: 1_000, unique_ids: true };

pub(super) fn item(id: &str) -> NewItem {
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

pub(super) fn urgent(id: &str, priority: Priority) -> NewItem {
    NewItem { priority, ..item(id) }
}

pub(super) fn due(id: &str, ms: u64) -> NewItem {
    NewItem { due: Some(at(ms).wall), ..item(id) }
}

pub(super) fn in_lane(id: &str, lane: &str) -> NewItem {
    NewItem { partition: Some(lane.to_owned()), ..item(id) }
}

pub(super) async fn push(storage: &dyn QueueStorage, items: &[NewItem], now: Moment) {
    let told = storage.push(items, ROOM, now).await.unwrap();
    assert!(told.iter().all(|told| *told == Pushed::Inserted), "{told:?}");
}

pub(super) async fn claim(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<Claimed> {
    storage
        .claim(Claim { most, lease: LEASE, aging: None, in_hand: InHand::default() }, now)
        .await
        .unwrap()
        .items
}

pub(super) async fn claimed_ids(storage: &dyn QueueStorage, most: usize, now: Moment) -> Vec<String> {
    claim(storage, most, now).await.into_iter().map(|claimed| claimed.id).collect()
}

pub(super) async fn settle(
    storage: &dyn QueueStorage,
    claimed: &Claimed,
    outcome: QueueOutcome,
    now: Moment,
) -> Settled {
    let lease = Lease { id: claimed.id.clone(), token: Some(claimed.token) };
    storage.settle(&[Settlement { lease, outcome }], now).await.unwrap()[0]
}

pub(super) fn done() -> QueueOutcome {
    QueueOutcome::Complete { push: Vec::new() }
}

fn put_off(ms: u64) -> QueueOutcome {
    QueueOutcome::Defer { at: at(ms).wall }
}

pub(super) fn retry(ms: u64, error: &str) -> QueueOutcome {
    QueueOutcome::Retry { at: at(ms).wall, error: error.to_owned() }
}

async fn live(storage: &dyn QueueStorage, now: Moment) -> u64 {
    let stats = storage.stats(now).await.unwrap();
    stats.waiting.iter().chain(&stats.leased).sum()
}

/// Reaps until nothing is left to do.
pub(super) async fn reap_all(storage: &dyn QueueStorage, now: Moment) -> (u64, u64) {
    let mut sum = (0, 0);
    loop {
        let reaped = storage.reap(now).await.unwrap();
        sum = (sum.0 + reaped.leases, sum.1 + reaped.dead);
        if !reaped.more {
            return sum;
        }
    }
}

/// Where not all of it fits, nothing is kept, and a queue that has room again takes it.
pub async fn clause_1_a_push_is_kept_as_a_whole(subject: &Subject) {
    let storage = &*subject.storage;
    let two = Admission { capacity: 2, ..ROOM };
    push(storage, &[item("a")], at(0)).await;
    let error = storage.push(&[item("b"), item("c")], two, at(0)).await.unwrap_err();
    assert_eq!((error.kind(), live(storage, at(0)).await), (ErrorKind::Full, 1));
    assert_eq!(storage.get("b", at(0)).await.unwrap(), None);
    // What is in hand takes room as well, what is dead does not.
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert!(storage.push(&[item("b"), item("c")], two, at(0)).await.is_err());
    settle(storage, &a, QueueOutcome::Reject { error: "no".into() }, at(0)).await;
    let told = storage.push(&[item("b"), item("c")], two, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Inserted, Pushed::Inserted]);
}

/// What a push answered is there for whoever opens the storage.
pub async fn clause_2_what_is_pushed_is_seen_by_every_opener(subject: &Subject) {
    push(&*subject.storage, &[item("a"), due("b", 500)], at(0)).await;
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(1)).await.unwrap().unwrap().standing, Standing::Ready);
    assert_eq!(again.get("b", at(1)).await.unwrap().unwrap().standing, Standing::Scheduled);
    assert_eq!(claimed_ids(&*again, 9, at(1)).await, ["a"]);
    assert_eq!(claimed_ids(&*again, 9, at(500)).await, ["b"]);
}

/// Strict levels; inside one the time from which an item could be handed out, then the push.
pub async fn clause_3_levels_then_times_then_pushes(subject: &Subject) {
    let storage = &*subject.storage;
    let levels = [
        urgent("background", Priority::Background),
        urgent("normal 1", Priority::Normal),
        urgent("critical", Priority::Critical),
        urgent("normal 2", Priority::Normal),
        urgent("high", Priority::High),
        urgent("low", Priority::Low),
    ];
    push(storage, &levels, at(0)).await;
    push(storage, &[due("normal 4", 50)], at(0)).await;
    push(storage, &[item("normal 3")], at(40)).await;
    push(storage, &[item("normal 5")], at(60)).await;
    let order = claimed_ids(storage, 99, at(100)).await;
    let normal = ["normal 1", "normal 2", "normal 3", "normal 4", "normal 5"];
    assert_eq!(order, [["critical", "high"].as_slice(), &normal, &["low", "background"]].concat());
}

/// Neither by a claim for many, nor after something else was taken.
pub async fn clause_3_what_is_not_due_is_not_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    let scheduled = NewItem { due: Some(at(1_000).wall), ..urgent("critical", Priority::Critical) };
    push(storage, &[scheduled, urgent("low", Priority::Low)], at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(999)).await, ["low"]);
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["critical"]);
}

/// Each such wait of the first of a level counts as one level.
pub async fn clause_3_aging_lifts_the_first_of_a_level(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[urgent("low", Priority::Low)], at(0)).await;
    push(storage, &[urgent("high", Priority::High)], at(2_500)).await;
    let aging = Claim {
        most: 1,
        lease: LEASE,
        aging: Some(Duration::from_secs(1)),
        in_hand: InHand::default(),
    };
    assert_eq!(
        storage.claim(aging, at(2_500)).await.unwrap().items[0].id,
        "low",
        "two levels up, and the longer wait"
    );
    assert_eq!(storage.claim(aging, at(2_500)).await.unwrap().items[0].id, "high");
}

/// The number of the attempt is there for every opener, before anybody could have begun.
pub async fn clause_4_attempts_are_counted_before_they_are_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    for attempt in 1..=3_u16 {
        let claimed = claim(storage, 1, at(0)).await.remove(0);
        assert_eq!((claimed.attempt, claimed.max_attempts), (attempt, 3));
        assert_eq!(storage.get("a", at(0)).await.unwrap().unwrap().item.attempt, attempt);
        let settled = settle(storage, &claimed, retry(0, &format!("failure {attempt}")), at(0)).await;
        assert_eq!(settled, if attempt < 3 { Settled::Retried } else { Settled::Dead });
    }
    assert_eq!(claimed_ids(storage, 1, at(9_999)).await, [""; 0]);
    let dead = storage.get("a", at(0)).await.unwrap().unwrap();
    assert_eq!((dead.standing, dead.dead), (Standing::Dead, Some(DeadReason::Exhausted)));
    assert_eq!(dead.item.errors, ["failure 1", "failure 2", "failure 3"]);
}

/// What was given back untouched has all its attempts, in its old place.
pub async fn clause_4_a_release_does_not_count(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    for _ in 0..5 {
        let a = claim(storage, 1, at(0)).await.remove(0);
        assert_eq!((a.id.as_str(), a.attempt), ("a", 1));
        assert_eq!(settle(storage, &a, QueueOutcome::Release, at(0)).await, Settled::Released);
    }
}

/// As a release, and not before its time; for every opener.
pub async fn clause_4_what_is_put_off_comes_later_and_does_not_count(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(settle(storage, &a, put_off(5_000), at(0)).await, Settled::Released);
    let again = (subject.reopen)().await;
    assert_eq!(claimed_ids(&*again, 9, at(4_999)).await, ["b"]);
    let a = claim(&*again, 9, at(5_000)).await.remove(0);
    assert_eq!((a.id.as_str(), a.attempt, a.errors.len()), ("a", 1, 0));
}

/// Tokens grow, so that an older one can be told from the one that is live.
pub async fn clause_5_leases_are_numbered(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let first = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(claimed_ids(storage, 1, at(0)).await, [""; 0], "it is in hand once");
    settle(storage, &first, retry(0, "x"), at(0)).await;
    let second = claim(storage, 1, at(0)).await.remove(0);
    assert!(second.token > first.token, "{} > {}", second.token, first.token);
}

/// A worker that is late finds its lease lost; the other one's work stands.
pub async fn clause_6_a_settlement_of_another_lease_changes_nothing(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let slow = claim(storage, 1, at(0)).await.remove(0);
    reap_all(storage, at(60_000)).await;
    let quick = claim(storage, 1, at(60_000)).await.remove(0);
    for outcome in [done(), retry(0, "late"), QueueOutcome::Reject { error: "late".into() }, QueueOutcome::Release] {
        assert_eq!(settle(storage, &slow, outcome, at(60_000)).await, Settled::Lost);
    }
    assert_eq!(storage.get("a", at(60_000)).await.unwrap().unwrap().standing, Standing::Leased);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Completed);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Unknown);
    // Without a token whichever lease is live is settled.
    push(storage, &[item("b")], at(60_000)).await;
    let unfenced = Settlement { lease: Lease { id: "b".into(), token: None }, outcome: done() };
    assert_eq!(storage.settle(std::slice::from_ref(&unfenced), at(60_000)).await.unwrap(), [Settled::Lost]);
    claim(storage, 1, at(60_000)).await;
    assert_eq!(storage.settle(&[unfenced], at(60_000)).await.unwrap(), [Settled::Completed]);
}

/// What went wrong: leases were numbered by item. Where an id was pushed again after its end, a worker of the first item that was
/// late held the number of the second one's lease, and settled work that nobody had done.
pub async fn clause_6_a_lease_of_an_earlier_item_of_the_id_settles_nothing(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let slow = claim(storage, 1, at(0)).await.remove(0);
    reap_all(storage, at(60_000)).await;
    let quick = claim(storage, 1, at(60_000)).await.remove(0);
    assert_eq!(settle(storage, &quick, done(), at(60_000)).await, Settled::Completed);
    push(storage, &[item("a")], at(60_000)).await;
    claim(storage, 1, at(60_000)).await;
    for late in [slow, quick] {
        assert_eq!(settle(storage, &late, done(), at(60_000)).await, Settled::Lost);
    }
    assert_eq!(storage.get("a", at(60_000)).await.unwrap().unwrap().standing, Standing::Leased);
}

/// Both or neither, and whatever the capacity.
pub async fn clause_6_what_follows_is_pushed_with_the_completion(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let follow = QueueOutcome::Complete { push: vec![item("b"), item("c")] };
    let stale = Claimed { token: a.token + 1, ..a.clone() };
    assert_eq!(settle(storage, &stale, follow.clone(), at(0)).await, Settled::Lost);
    assert_eq!(live(storage, at(0)).await, 1, "nothing follows what was not completed");
    assert_eq!(settle(storage, &a, follow, at(0)).await, Settled::Completed);
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(0)).await.unwrap(), None);
    assert_eq!(claimed_ids(&*again, 9, at(0)).await, ["b", "c"]);
}

/// What went wrong: what followed was admitted before the completion, so that one of the same id was a duplicate and was left
/// out without a word.
pub async fn clause_6_what_follows_may_take_the_id_of_what_was_completed(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let again = NewItem { body: Bytes::from_static(b"again"), ..item("a") };
    let follow = QueueOutcome::Complete { push: vec![again, item("b")] };
    assert_eq!(settle(storage, &a, follow, at(0)).await, Settled::Completed);
    let next = claim(&*(subject.reopen)().await, 9, at(0)).await;
    let seen: Vec<_> = next
        .iter()
        .map(|claimed| (claimed.id.as_str(), claimed.attempt, &claimed.body[..]))
        .collect();
    assert_eq!(seen, [("a", 1, &b"again"[..]), ("b", 1, &b"body of b"[..])]);
}

/// What went wrong: only the id of the very item that was completed was free for what followed it. One with its key, or with the
/// id of another item that ended in the same call, was a duplicate and was left out without a word.
pub async fn clause_6_what_follows_may_take_ids_and_keys_of_all_that_ended_before_it(subject: &Subject) {
    let storage = &*subject.storage;
    let keyed = |id: &str| NewItem {
        dedup: Some(DedupKey { key: "order 7".into(), window: Duration::ZERO }),
        ..item(id)
    };
    push(storage, &[keyed("a"), item("b"), item("c")], at(0)).await;
    let claimed = claim(storage, 3, at(0)).await;
    let lease = |n: usize| Lease { id: claimed[n].id.clone(), token: Some(claimed[n].token) };
    let settlements = [
        Settlement { lease: lease(0), outcome: QueueOutcome::Complete { push: vec![keyed("d")] } },
        Settlement { lease: lease(1), outcome: QueueOutcome::Reject { error: "no".into() } },
        Settlement {
            lease: lease(2),
            outcome: QueueOutcome::Complete { push: vec![item("a"), item("b")] },
        },
    ];
    let told = storage.settle(&settlements, at(0)).await.unwrap();
    assert_eq!(told, [Settled::Completed, Settled::Dead, Settled::Completed]);
    let taken = [Pushed::Duplicate { id: "d".into() }];
    assert_eq!(storage.push(&[keyed("e")], ROOM, at(0)).await.unwrap(), taken);
    assert_eq!(claimed_ids(&*(subject.reopen)().await, 9, at(0)).await, ["d", "a", "b"]);
}

/// Its attempt counts, and it comes before what was pushed after it.
pub async fn clause_7_a_lease_that_is_over_is_taken_back_to_its_place(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b")], at(0)).await;
    claim(storage, 1, at(0)).await;
    assert_eq!(reap_all(storage, at(59_999)).await, (0, 0));
    assert_eq!(reap_all(storage, at(60_000)).await, (1, 0));
    let again = claim(storage, 9, at(60_000)).await;
    assert_eq!((again[0].id.as_str(), again[0].attempt, again[1].id.as_str()), ("a", 2, "b"));
}

/// Work that never says anything cannot come back for ever.
pub async fn clause_7_after_the_last_attempt_it_is_dead(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    for attempt in 1..=3 {
        assert_eq!(claimed_ids(storage, 1, at(attempt * 60_000)).await, ["a"]);
        let reaped = reap_all(storage, at((attempt + 1) * 60_000)).await;
        assert_eq!(reaped, if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    assert_eq!(storage.get("a", at(0)).await.unwrap().unwrap().dead, Some(DeadReason::Exhausted));
}

/// A lease that was extended ends later; one that has ended cannot be extended.
pub async fn clause_7_an_extended_lease_is_not_over(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a")], at(0)).await;
    let a = claim(storage, 1, at(0)).await.remove(0);
    let lease = [Lease { id: a.id.clone(), token: Some(a.token) }];
    assert_eq!(storage.extend(&lease, LEASE, at(50_000)).await.unwrap(), [true]);
    assert_eq!(reap_all(storage, at(109_999)).await, (0, 0));
    assert_eq!(reap_all(storage, at(110_000)).await, (1, 0));
    assert_eq!(storage.extend(&lease, LEASE, at(110_000)).await.unwrap(), [false]);
}

/// One of a lane is in hand at a time; one that waits for its retry keeps the others waiting, but no other lane.
pub async fn clause_8_a_lane_goes_one_by_one_in_order(subject: &Subject) {
    let storage = &*subject.storage;
    let items = [in_lane("x1", "x"), in_lane("x2", "x"), in_lane("y1", "y"), item("free"), in_lane("x3", "x")];
    push(storage, &items, at(0)).await;
    let first = claim(storage, 9, at(0)).await;
    assert_eq!(first.iter().map(|claimed| claimed.id.as_str()).collect::<Vec<_>>(), ["x1", "y1", "free"]);
    assert_eq!(first[0].partition.as_deref(), Some("x"));
    assert_eq!(settle(storage, &first[0], retry(1_000, "x"), at(0)).await, Settled::Retried);
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    let again = claim(storage, 9, at(1_000)).await;
    assert_eq!((again.len(), again[0].id.as_str()), (1, "x1"));
    settle(storage, &again[0], done(), at(1_000)).await;
    let second = claim(storage, 9, at(1_000)).await;
    assert_eq!((second.len(), second[0].id.as_str()), (1, "x2"));
    // Who dies or is withdrawn makes way.
    settle(storage, &second[0], QueueOutcome::Reject { error: "no".into() }, at(1_000)).await;
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x3"]);
}

/// It is still the first of its lane.
pub async fn clause_8_what_is_put_off_keeps_its_lane_waiting(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[in_lane("x1", "x"), in_lane("x2", "x")], at(0)).await;
    let x1 = claim(storage, 9, at(0)).await.remove(0);
    settle(storage, &x1, put_off(1_000), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(999)).await, [""; 0]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x1"]);
}

/// By level and time, past one that waits for its retry, and never more than were asked for; whoever asks for one at a time
/// has the order again.
pub async fn clause_8_more_of_a_lane_at_a_time_go_out_without_its_order(subject: &Subject) {
    let storage = &*subject.storage;
    let urgent = NewItem { priority: Priority::High, ..in_lane("x3", "x") };
    let items = [in_lane("x1", "x"), in_lane("x2", "x"), urgent, in_lane("y1", "y"), in_lane("x4", "x")];
    push(storage, &items, at(0)).await;
    let two = Claim { most: 9, lease: LEASE, aging: None, in_hand: InHand { most: None, of_lane: 2 } };
    let first = match storage.claim(two, at(0)).await {
        Err(error) if error.kind() == ErrorKind::Invalid => return,
        answer => answer.unwrap().items,
    };
    let ids = |claimed: &[Claimed]| claimed.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["x3", "x1", "y1"]);
    assert_eq!(
        storage.next_due(two.in_hand, at(0)).await.unwrap(),
        Some(LEASE),
        "nothing is due before somebody settles"
    );
    settle(storage, &first[1], retry(1_000, "x"), at(0)).await;
    let second = storage.claim(two, at(0)).await.unwrap().items;
    assert_eq!(ids(&second), ["x2"]);
    settle(storage, &first[0], done(), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(0)).await, [""; 0], "asked for one at a time, one is in hand");
    settle(storage, &second[0], done(), at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(0)).await, [""; 0], "x1 is the first of its lane, and not due");
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["x1"]);
    assert_eq!(ids(&storage.claim(two, at(1_000)).await.unwrap().items), ["x4"]);
}

/// An id lives from its push to its end; in one call the first one wins.
pub async fn clause_9_what_is_there_is_a_duplicate(subject: &Subject) {
    let storage = &*subject.storage;
    let told = storage.push(&[item("a"), item("b"), item("a")], ROOM, at(0)).await.unwrap();
    assert_eq!(told, [Pushed::Inserted, Pushed::Inserted, Pushed::Duplicate { id: "a".into() }]);
    let a = claim(storage, 1, at(0)).await.remove(0);
    assert_eq!(storage.push(&[item("a")], ROOM, at(0)).await.unwrap(), [Pushed::Duplicate { id: "a".into() }]);
    // A duplicate takes no room, also of a queue that is full.
    let full = Admission { capacity: 2, ..ROOM };
    assert_eq!(storage.push(&[item("a")], full, at(0)).await.unwrap(), [Pushed::Duplicate { id: "a".into() }]);
    settle(storage, &a, done(), at(0)).await;
    assert_eq!(storage.push(&[item("a")], ROOM, at(0)).await.unwrap(), [Pushed::Inserted]);
}

/// A key outlives its item until its window is over, for every opener.
pub async fn clause_9_a_key_is_taken_for_its_window(subject: &Subject) {
    let storage = &*subject.storage;
    let keyed = |id: &str, window: u64| NewItem {
        dedup: Some(DedupKey { key: "order 7".into(), window: Duration::from_millis(window) }),
        ..item(id)
    };
    push(storage, &[keyed("a", 1_000)], at(0)).await;
    let taken = [Pushed::Duplicate { id: "a".into() }];
    assert_eq!(storage.push(&[keyed("b", 0)], ROOM, at(0)).await.unwrap(), taken);
    assert_eq!(storage.push(&[keyed("b", 0)], ROOM, at(5_000)).await.unwrap(), taken, "it lives");
    let a = claim(storage, 1, at(5_000)).await.remove(0);
    settle(storage, &a, done(), at(5_000)).await;
    assert_eq!(storage.push(&[keyed("b", 3_000)], ROOM, at(5_000)).await.unwrap(), [Pushed::Inserted]);
    let b = claim(storage, 1, at(5_000)).await.remove(0);
    settle(storage, &b, done(), at(5_000)).await;
    assert!(matches!(
        storage.push(&[keyed("c", 0)], ROOM, at(7_999)).await.unwrap()[..],
        [Pushed::Duplicate { .. }]
    ));
    assert_eq!(storage.push(&[keyed("c", 0)], ROOM, at(8_000)).await.unwrap(), [Pushed::Inserted]);
}

/// What went wrong: a push that was refused for want of room kept its keys for their windows. Made again, it was a duplicate of
/// itself: its caller took it for done, and it was nowhere.
pub async fn clause_9_a_push_that_did_not_fit_takes_no_key(subject: &Subject) {
    let storage = &*subject.storage;
    let window = Duration::from_secs(60);
    let keyed = NewItem { dedup: Some(DedupKey { key: "order 7".into(), window }), ..item("a") };
    let one = Admission { capacity: 1, ..ROOM };
    assert!(storage.push(&[keyed.clone(), item("b")], one, at(0)).await.is_err());
    assert_eq!(storage.push(&[keyed], one, at(1)).await.unwrap(), [Pushed::Inserted]);
}

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

/// With their errors, for every opener.
pub async fn clause_11_the_dead_stay_until_they_are_redriven_or_purged(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b"), item("c")], at(0)).await;
    for claimed in claim(storage, 9, at(0)).await {
        let error = format!("{} is wrong", claimed.id);
        assert_eq!(settle(storage, &claimed, QueueOutcome::Reject { error }, at(0)).await, Settled::Dead);
    }
    let again = (subject.reopen)().await;
    let dead = again.dead(None, 2, at(0)).await.unwrap();
    assert_eq!(dead.iter().map(|stored| stored.item.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (dead[0].dead, dead[0].item.errors.as_slice()),
        (Some(DeadReason::Rejected), &["a is wrong".to_owned()][..])
    );
    let rest = again.dead(Some("b"), 9, at(0)).await.unwrap();
    assert_eq!((rest.len(), rest[0].item.id.as_str()), (1, "c"));
    assert_eq!(again.stats(at(0)).await.unwrap().dead.iter().sum::<u64>(), 3);
    let ids = ["a".to_owned(), "nobody".to_owned()];
    assert_eq!(again.redrive(&ids, at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.redrive(&ids, at(10)).await.unwrap(), [false, false]);
    let a = claim(&*again, 9, at(10)).await.remove(0);
    assert_eq!((a.id.as_str(), a.attempt, a.errors.len()), ("a", 1, 1));
    assert_eq!(again.purge(&["b".to_owned(), "a".to_owned()], at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.get("b", at(10)).await.unwrap(), None);
    assert_eq!(again.cancel(&["a".to_owned(), "c".to_owned()], at(10)).await.unwrap(), [true, false]);
    assert_eq!(again.get("a", at(10)).await.unwrap(), None);
}

/// It is dead where a person can see it, not gone.
pub async fn clause_11_what_expired_is_dead_and_was_not_handed_out(subject: &Subject) {
    let storage = &*subject.storage;
    let expiring = |id: &str| NewItem { expires_at: Some(at(1_000).wall), ..item(id) };
    push(storage, &[expiring("a"), expiring("b"), item("c")], at(0)).await;
    assert_eq!(claimed_ids(storage, 1, at(999)).await, ["a"]);
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, ["c"]);
    reap_all(storage, at(1_000)).await;
    assert_eq!(storage.get("b", at(1_000)).await.unwrap().unwrap().dead, Some(DeadReason::Expired));
    assert_eq!(
        storage.get("a", at(1_000)).await.unwrap().unwrap().standing,
        Standing::Leased,
        "it was taken in time"
    );
}

/// What went wrong: one claim passed over everything that had expired, however much it was, while everybody waited for it.
pub async fn clause_11_a_claim_passes_a_few_that_expired_and_says_that_there_is_more(subject: &Subject) {
    let storage = &*subject.storage;
    let expiring = |n: usize| NewItem { expires_at: Some(at(1_000).wall), ..item(&format!("old {n}")) };
    push(storage, &(0..500).map(expiring).collect::<Vec<_>>(), at(0)).await;
    push(storage, &[item("young")], at(10)).await;
    let (mut buried, mut claims) = (0, 0);
    loop {
        let ids = claimed_ids(storage, 9, at(1_000)).await;
        let dead = storage.stats(at(1_000)).await.unwrap().dead.iter().sum::<u64>();
        assert!(dead - buried <= 128, "{} of {dead} in one claim", dead - buried);
        (buried, claims) = (dead, claims + 1);
        if !ids.is_empty() {
            assert_eq!((ids.as_slice(), claims > 2), (&["young".to_owned()][..], true));
            break;
        }
        assert_eq!(storage.next_due(InHand::default(), at(1_000)).await.unwrap(), Some(Duration::ZERO));
    }
}

/// What went wrong: a claim that passed over an expired item buried it in memory alone. After a restart its redrive, which had
/// been answered, was about an item that was not dead, and it expired again.
pub async fn clause_11_what_expired_and_was_redriven_lives_for_every_opener(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[NewItem { expires_at: Some(at(1_000).wall), ..item("a") }], at(0)).await;
    assert_eq!(claimed_ids(storage, 9, at(1_000)).await, [""; 0]);
    reap_all(storage, at(1_000)).await;
    assert_eq!(storage.redrive(&["a".to_owned()], at(2_000)).await.unwrap(), [true]);
    let again = (subject.reopen)().await;
    assert_eq!(again.get("a", at(2_000)).await.unwrap().unwrap().standing, Standing::Ready);
    assert_eq!(claimed_ids(&*again, 9, at(2_000)).await, ["a"]);
}

/// Any bytes, none, and many.
pub async fn clause_12_content_comes_back_byte_for_byte(subject: &Subject) {
    let bodies = [Bytes::new(), Bytes::from((0..=255).collect::<Vec<u8>>()), Bytes::from(vec![0xa5; 1 << 20])];
    let named = |(n, body): (usize, &Bytes)| NewItem { body: body.clone(), ..item(&format!("ünïcode/{n} %_'")) };
    let items: Vec<_> = bodies.iter().enumerate().map(named).collect();
    push(&*subject.storage, &items, at(0)).await;
    let again = (subject.reopen)().await;
    let claimed = claim(&*again, 9, at(0)).await;
    assert_eq!(
        claimed.iter().map(|claimed| &claimed.id).collect::<Vec<_>>(),
        items.iter().map(|item| &item.id).collect::<Vec<_>>()
    );
    assert!(claimed.iter().zip(&bodies).all(|(claimed, body)| claimed.body == *body));
}

/// Whoever has them; and nobody is woken for what waits until somebody settles.
pub async fn clause_14_no_more_are_in_hand_than_may_be(subject: &Subject) {
    let storage = &*subject.storage;
    push(storage, &[item("a"), item("b"), item("c"), item("d")], at(0)).await;
    let in_hand = InHand { most: Some(2), of_lane: 1 };
    let bounded = Claim { most: 9, lease: LEASE, aging: None, in_hand };
    assert_eq!(claimed_ids(storage, 1, at(0)).await, ["a"]);
    let b = storage.claim(bounded, at(0)).await.unwrap().items;
    assert_eq!(b.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["b"], "one of the two was in hand");
    assert_eq!(storage.claim(bounded, at(0)).await.unwrap().items, []);
    assert_eq!(storage.next_due(in_hand, at(0)).await.unwrap(), Some(LEASE));
    assert_eq!(storage.next_due(InHand::default(), at(0)).await.unwrap(), Some(Duration::ZERO));
    settle(storage, &b[0], done(), at(0)).await;
    assert_eq!(storage.next_due(in_hand, at(0)).await.unwrap(), Some(Duration::ZERO));
    assert_eq!(storage.claim(bounded, at(0)).await.unwrap().items[0].id, "c");
    // A lease that ended makes room as well.
    assert_eq!(reap_all(storage, at(60_000)).await, (2, 0));
    assert_eq!(storage.claim(bounded, at(60_000)).await.unwrap().items.len(), 2);
}
