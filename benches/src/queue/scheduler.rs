//! The scheduler alone, on one thread, behind backlogs of different lengths: without a lock, an encoding or a disk. What
//! counts is the time of this thread on its core, so that other work on the machine costs little.

use std::time::Duration;

use syncline_core::{Instant, Priority};

use super::{Plan, clock::of_thread, resident};
use crate::{
    Result,
    measure::{Measure, median},
};

// Private to the queue, and pure: it is measured as it stands there.
#[path = "../../../crates/syncline-queue/src/state/mod.rs"]
#[expect(dead_code, unused_imports, reason = "only what the hot path calls is called here")]
mod state;

use self::state::{Entry, Push, State};

/// Items that wait while pairs are made.
const SHORT: u64 = 1_000;
const MIDDLE: u64 = 100_000;
/// Bytes of an id.
const ID_BYTES: usize = 16;
/// As wide as what storages keep of content.
type Body = [u64; 3];
/// Pairs after which what was popped is completed.
const BUNDLE: usize = 1_000;
const LEASE: Duration = Duration::from_secs(300);

/// The rate, what a long backlog costs, and what it weighs.
pub(super) fn run(plan: Plan) -> Result<Vec<Measure>> {
    eprintln!("scheduler");
    let resident_before = resident::bytes()?;
    let mut long = Scheduler::with_backlog(plan.backlog);
    // Where its content is counts, and the content is nothing here; the bytes of its id are its caller's.
    let index = (resident::bytes()? - resident_before) as f64 / plan.backlog as f64 - ID_BYTES as f64;
    let (mut short, mut middle) = (Scheduler::with_backlog(SHORT), Scheduler::with_backlog(MIDDLE));
    let (mut rates, mut settled, mut factors) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.memory_rounds {
        rates.push(1.0 / short.pair_s(plan.pairs, Settles::Untimed));
        settled.push(1.0 / short.pair_s(plan.pairs, Settles::Timed));
        let at_middle = middle.pair_s(plan.pairs, Settles::Untimed);
        factors.push(long.pair_s(plan.pairs, Settles::Untimed) / at_middle);
    }
    Ok(vec![
        Measure::at_least("queue.scheduler.pairs_per_s", median(rates), 1_500_000.0),
        Measure::context("queue.scheduler.cycles_per_s", median(settled)),
        Measure::context("queue.scheduler.backlog", plan.backlog as f64),
        Measure::at_most("queue.scheduler.pair_cost_at_backlog_to_100k", median(factors), 6.0),
        Measure::at_most("queue.scheduler.index_bytes_per_item", index, 120.0),
    ])
}

/// Whether completions count into the time of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settles {
    Timed,
    Untimed,
}

struct Scheduler {
    state: State<Body>,
    now: u64,
}

impl Scheduler {
    fn with_backlog(items: u64) -> Self {
        let mut scheduler = Self { state: State::default(), now: 1 };
        for _ in 0..items {
            scheduler.push();
        }
        scheduler
    }

    /// Seconds of one push and one pop, as storages make them; those that were popped are completed in bundles.
    fn pair_s(&mut self, pairs: usize, settles: Settles) -> f64 {
        let (mut held, mut untimed, begun) = (Vec::with_capacity(BUNDLE), Duration::ZERO, of_thread());
        for _ in 0..pairs / BUNDLE {
            for _ in 0..BUNDLE {
                self.push();
                held.extend(self.pop());
            }
            let settling = of_thread();
            for seq in held.drain(..) {
                self.state.apply(Entry::Complete { seq });
            }
            untimed += if settles == Settles::Untimed {
                of_thread() - settling
            } else {
                Duration::ZERO
            };
        }
        (of_thread() - begun - untimed).as_secs_f64() / (pairs / BUNDLE * BUNDLE) as f64
    }

    fn push(&mut self) {
        self.now += 1;
        let seq = self.state.next_seq();
        let push = Push {
            seq,
            id: format!("{seq:0ID_BYTES$x}").into(),
            priority: Priority::Normal,
            eligible_at: self.now,
            max_attempts: 5,
            lane: None,
            dedup: None,
            expires_at: None,
            body: [0; 3],
        };
        match self.state.reserve_after(&[], push, true, self.now) {
            Ok((at, None)) => self.state.accept(at, None),
            other => panic!("every id is new, and this one is {other:?}"),
        }
    }

    fn pop(&mut self) -> Option<u64> {
        let seq = self.state.next(self.now, None)?.seq;
        self.state.apply(Entry::Claim { seq });
        self.state.lease_until(seq, Instant::from_origin(Duration::from_millis(self.now) + LEASE));
        Some(seq)
    }
}
