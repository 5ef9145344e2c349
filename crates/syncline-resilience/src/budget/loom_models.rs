//! Every interleaving of two or three threads on the word.

use std::{sync::Arc, time::Duration};

use loom::thread;

use super::{
    bucket::Bucket,
    kind::Kind,
    savings::Savings,
    throttle::Throttle,
    word::{Step, Word},
};

/// A word and what is made of it, without a clock.
struct Shared {
    word: Word,
    kind: Kind,
}

impl Shared {
    fn take(&self, tokens: u32, now: u64) -> bool {
        self.word.update(|word| self.kind.take(word, tokens, now))
    }

    fn charge(&self, now: u64) -> bool {
        self.word.update(|word| self.kind.charge(word, 1, now))
    }

    fn credit(&self, thousandths: u64, now: u64) {
        if self.kind.may_owe(self.word.load()) {
            let units = self.kind.units(thousandths);
            self.word
                .update(|word| Step { write: self.kind.credit(word, units, now), is_granted: true });
        }
    }

    fn available(&self, now: u64) -> u32 {
        self.kind.available(self.word.load(), now)
    }
}

/// Still buckets, savings and throttles that hold `tokens`.
fn kinds(tokens: u32) -> [Kind; 3] {
    [
        Kind::Bucket(Bucket::new(tokens, 0.0, Duration::from_secs(1))),
        Kind::Savings(Savings::new(tokens, Duration::from_secs(10))),
        Kind::Throttle(Throttle { max_tokens: 2 * tokens + 1 }),
    ]
}

/// Runs each of `threads` on one budget of each kind that held `tokens` and lost `taken` of them; then `check`s what each
/// thread returned, and what is left.
fn model<const N: usize>(tokens: u32, taken: u32, threads: [fn(&Shared) -> u32; N], check: fn(&[u32; N], u32)) {
    for kind in kinds(tokens) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = if N > 2 { Some(3) } else { None };
        builder.check(move || {
            let shared = Arc::new(Shared { word: Word::new(0), kind });
            assert!(taken == 0 || shared.take(taken, 0));
            let running = threads.map(|run| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || run(&shared))
            });
            let returned = running.map(|thread| thread.join().unwrap());
            check(&returned, shared.available(0));
        });
    }
}

fn take_one(shared: &Shared) -> u32 {
    u32::from(shared.take(1, 0))
}

fn take_two(shared: &Shared) -> u32 {
    2 * u32::from(shared.take(2, 0))
}

fn take_one_twice(shared: &Shared) -> u32 {
    take_one(shared) + take_one(shared)
}

/// A lease of two, of which one is spent.
fn lease(shared: &Shared) -> u32 {
    let taken = take_two(shared);
    if taken == 2 {
        shared.credit(1_000, 0);
    }
    taken / 2
}

fn give_one_back(shared: &Shared) -> u32 {
    shared.credit(1_000, 0);
    0
}

fn earn_half_twice(shared: &Shared) -> u32 {
    shared.credit(500, 0);
    shared.credit(500, 0);
    0
}

/// Trap 42: who checks and then takes, takes what another has taken meanwhile.
#[test]
fn bucket_never_overdraws() {
    model(2, 0, [take_one, take_one, take_one], |taken, left| {
        assert_eq!((taken.iter().sum::<u32>(), left), (2, 0));
    });
    model(3, 0, [take_one_twice, take_two], |taken, left| {
        assert_eq!(taken.iter().sum::<u32>() + left, 3);
        assert!(taken[0] > 0 && left <= 1, "{taken:?}, {left} left");
    });
}

#[test]
fn a_return_and_a_lease_that_is_dropped_lose_nothing() {
    model(3, 1, [give_one_back, lease], |spent, left| assert_eq!(spent[1] + left, 3));
    model(3, 1, [give_one_back, lease, take_one], |spent, left| assert_eq!(spent[1] + spent[2] + left, 3));
}

#[test]
fn racing_deposits_are_all_counted_and_never_beyond_what_is_full() {
    model(2, 2, [earn_half_twice, earn_half_twice], |_, left| assert_eq!(left, 2));
    model(2, 1, [earn_half_twice, earn_half_twice], |_, left| assert_eq!(left, 2));
    model(2, 2, [earn_half_twice, take_one], |taken, left| assert_eq!(taken[1] + left, 1));
}

#[test]
fn racing_failures_are_all_counted_by_a_throttle() {
    loom::model(|| {
        let shared = Arc::new(Shared { word: Word::new(0), kind: Kind::Throttle(Throttle { max_tokens: 4 }) });
        let failing = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || u32::from(shared.charge(0)))
        });
        let granted: u32 = failing.map(|thread| thread.join().unwrap()).iter().sum();
        assert_eq!((granted, shared.word.load()), (1, 2_000));
    });
}

#[test]
fn a_quiet_time_fills_savings_once_however_many_come_then() {
    loom::model(|| {
        let kind = Kind::Savings(Savings::new(1, Duration::from_millis(10)));
        let shared = Arc::new(Shared { word: Word::new(0), kind });
        assert!(shared.take(1, 0));
        let late = [10, 11].map(|now| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || u32::from(shared.charge(now)))
        });
        let granted: u32 = late.map(|thread| thread.join().unwrap()).iter().sum();
        assert_eq!((granted, shared.available(19)), (1, 0));
    });
}

#[test]
fn a_refill_that_two_see_is_taken_by_one() {
    loom::model(|| {
        let kind = Kind::Bucket(Bucket::new(2, 1.0, Duration::from_nanos(10)));
        let shared = Arc::new(Shared { word: Word::new(0), kind });
        assert!(shared.take(2, 0));
        // The one that looks later on its clock may come first to the word.
        let late = [10, 12].map(|now| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || u32::from(shared.take(1, now)))
        });
        let granted: u32 = late.map(|thread| thread.join().unwrap()).iter().sum();
        assert_eq!((granted, shared.available(12)), (1, 0));
    });
}
