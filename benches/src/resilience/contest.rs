//! Operations that take turns, so that a machine that slows down slows all of them.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use super::allocations;
use crate::{
    measure::{Measure, median},
    resilience::Plan,
};

/// One operation, under the name that it has in figures.
pub(super) struct Contender<'a> {
    name: &'static str,
    /// Carries it out so many times.
    turn: Box<dyn Fn(u64) + Sync + 'a>,
}

impl<'a> Contender<'a> {
    /// Something that can repeat itself: the loop is its own, so that the operation is inlined into it.
    pub(super) fn new(name: &'static str, turn: impl Fn(u64) + Sync + 'a) -> Self {
        Self { name, turn: Box::new(turn) }
    }
}

/// What came of the turns.
pub(super) struct Outcome {
    prefix: String,
    contestants: Vec<Contestant>,
}

struct Contestant {
    name: &'static str,
    /// Nanoseconds of one operation, by round: of the wall, so that two threads that do not hinder each other halve it.
    rounds: Vec<f64>,
    /// Of one operation, where they are counted.
    allocations: Option<f64>,
}

/// Lets `contenders` take turns on `threads` threads. The one that begins a round ends the next.
pub(super) fn run(prefix: &str, plan: Plan, threads: usize, contenders: &[Contender<'_>]) -> Outcome {
    let prefix = format!("{prefix}.t{threads}");
    eprintln!("{prefix}");
    let operations: Vec<u64> = contenders.iter().map(|contender| operations(contender, plan.turn)).collect();
    let mut contestants: Vec<_> = contenders.iter().map(Contestant::new).collect();
    for round in 0..plan.rounds {
        for place in 0..contenders.len() {
            let place = (place + round) % contenders.len();
            let took = turn(&contenders[place], operations[place], threads);
            let all = operations[place] * threads as u64;
            contestants[place].rounds.push(took.as_secs_f64() * 1e9 / all as f64);
        }
    }
    Outcome { prefix, contestants }
}

/// As many operations as fill a turn. The shortest of several counts: one in which others had the processor says nothing.
fn operations(contender: &Contender<'_>, length: Duration) -> u64 {
    let shortest = |operations| (0..5).map(|_| turn(contender, operations, 1)).min().unwrap_or_default();
    let (mut operations, mut took) = (1, Duration::ZERO);
    while took < length / 16 && operations < 1 << 30 {
        operations *= 2;
        took = shortest(operations);
    }
    let turns = length.as_secs_f64() / took.as_secs_f64().max(1e-9);
    ((operations as f64 * turns) as u64).max(1)
}

/// From when the first of the threads begins, all being there, to when the last one ends.
fn turn(contender: &Contender<'_>, operations: u64, threads: usize) -> Duration {
    let timed = || {
        let start = Instant::now();
        allocations::uncounted(|| (contender.turn)(operations));
        (start, Instant::now())
    };
    if threads == 1 {
        let (start, end) = timed();
        return end - start;
    }
    let barrier = Barrier::new(threads);
    let spans: Vec<_> = thread::scope(|scope| {
        let work = || {
            barrier.wait();
            timed()
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let start = spans.iter().map(|(start, _)| *start).min();
    let end = spans.iter().map(|(_, end)| *end).max();
    start.zip(end).map_or(Duration::MAX, |(start, end)| end - start)
}

impl Contestant {
    fn new(contender: &Contender<'_>) -> Self {
        let allocations = allocations::count(|operations| (contender.turn)(operations));
        Self { name: contender.name, rounds: Vec::new(), allocations }
    }
}

impl Outcome {
    /// Nanoseconds of one operation of `name`: the median of the rounds.
    pub(super) fn ns(&self, name: &str) -> f64 {
        median(self.rounds(name).to_vec())
    }

    /// The median of what `of` makes of the rounds of `names`.
    pub(super) fn ratio<const N: usize>(&self, names: [&str; N], of: impl Fn([f64; N]) -> f64) -> f64 {
        let rounds = names.map(|name| self.rounds(name));
        let count = rounds.iter().map(|rounds| rounds.len()).min().unwrap_or(0);
        median((0..count).map(|round| of(rounds.map(|rounds| rounds[round]))).collect())
    }

    /// The name of a figure of this contest.
    pub(super) fn name(&self, detail: &str) -> String {
        format!("{}.{detail}", self.prefix)
    }

    /// Each one's time, and its allocations. Syncline makes none.
    pub(super) fn measures(&self) -> Vec<Measure> {
        let times = self.contestants.iter().map(|contestant| {
            Measure::context(self.name(&format!("{}_ns", contestant.name)), median(contestant.rounds.clone()))
        });
        let counts = self.contestants.iter().filter_map(|contestant| {
            let name = self.name(&format!("{}.allocations", contestant.name));
            let is_ours = contestant.name.starts_with("syncline");
            let measure = |count| {
                if is_ours {
                    Measure::at_most(name, count, 0.0)
                } else {
                    Measure::context(name, count)
                }
            };
            contestant.allocations.map(measure)
        });
        times.chain(counts).collect()
    }

    fn rounds(&self, name: &str) -> &[f64] {
        let found = self.contestants.iter().find(|contestant| contestant.name == name);
        found.map_or(&[], |contestant| &contestant.rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_ten_times_as_long_is_seen_to() {
        let spin = |count: u64| (0..count).for_each(|step| _ = std::hint::black_box(step));
        let plan = Plan { rounds: 5, turn: Duration::from_millis(1) };
        let contenders = [Contender::new("one", spin), Contender::new("ten", |count| spin(count * 10))];
        let outcome = run("x", plan, 1, &contenders);
        let ratio = outcome.ratio(["ten", "one"], |[ten, one]| ten / one);
        assert!((3.0..30.0).contains(&ratio), "{ratio}");
        assert!(outcome.ns("nobody").is_nan());
        assert_eq!(outcome.name("y"), "x.t1.y");
    }
}
