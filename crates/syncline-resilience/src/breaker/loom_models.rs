//! The core under every interleaving of two or three threads.

use std::sync::Arc;

use super::{
    CircuitState, TransitionReason,
    core::{Admission, Change, Core, Force, Outcome, Recorded},
    word::{Generation, State},
};

/// The open time and the lease, in milliseconds.
const TIME: u64 = 60_000;

fn core(failure_threshold: u32, success_threshold: u8, half_open_requests: u8) -> Core {
    let mut core = Core::new();
    core.settings.failure_threshold = Some(failure_threshold);
    core.settings.success_threshold = success_threshold;
    core.settings.half_open_requests = half_open_requests;
    core
}

/// One that a failure at 0 opened.
fn opened(success_threshold: u8, half_open_requests: u8) -> Core {
    let core = core(1, success_threshold, half_open_requests);
    assert!(matches!(fail(&core, acquire(&core, 0)), Recorded::Changed(_)));
    core
}

fn try_acquire(core: &Core, now: u64) -> Option<(Generation, Option<Change>)> {
    match core.acquire(|| now) {
        Admission::Admitted(generation, change) => Some((generation, change)),
        Admission::Refused { .. } => None,
    }
}

fn acquire(core: &Core, now: u64) -> Generation {
    try_acquire(core, now).map(|(generation, _)| generation).unwrap()
}

fn record(core: &Core, of: Generation, outcome: Outcome, now: u64) -> Recorded {
    core.record(Some(of), outcome, || now, || 0)
}

fn fail(core: &Core, of: Generation) -> Recorded {
    record(core, of, Outcome::Failure, 0)
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// Runs `run` on two more threads and on this one; returns what each made.
fn three<T: Send + 'static>(core: &Arc<Core>, run: impl Fn(&Core) -> T + Copy + Send + 'static) -> [T; 3] {
    let threads = [(); 2].map(|()| {
        let core = Arc::clone(core);
        loom::thread::spawn(move || run(&core))
    });
    let own = run(core);
    let [first, second] = threads.map(|thread| thread.join().unwrap());
    [own, first, second]
}

/// Runs `other` on another thread and `own` on this one.
fn race<A: Send + 'static, B>(
    core: &Arc<Core>,
    other: impl FnOnce(&Core) -> A + Send + 'static,
    own: impl FnOnce(&Core) -> B,
) -> (A, B) {
    let thread = {
        let core = Arc::clone(core);
        loom::thread::spawn(move || other(&core))
    };
    let own = own(core);
    (thread.join().unwrap(), own)
}

fn is_opening(recorded: &Recorded) -> bool {
    matches!(recorded, Recorded::Changed(change) if change.to == CircuitState::Open)
}

#[test]
fn of_failures_that_race_exactly_one_opens_it() {
    model(|| {
        let core = Arc::new(core(2, 1, 1));
        let recorded = three(&core, |core| fail(core, acquire_or_stale(core)));
        assert_eq!(recorded.iter().filter(|recorded| is_opening(recorded)).count(), 1, "{recorded:?}");
        assert_eq!(core.word().state.public(), CircuitState::Open);
    });
}

/// A permit, or one of a generation that is over where it is open already.
fn acquire_or_stale(core: &Core) -> Generation {
    try_acquire(core, 0).map_or(super::word::Word::CLOSED.generation, |(generation, _)| generation)
}

#[test]
fn no_failure_is_lost_and_a_success_ends_the_row() {
    model(|| {
        let core = Arc::new(core(3, 1, 1));
        let of = acquire(&core, 0);
        let (first, second) = race(&core, move |core| fail(core, of), move |core| fail(core, of));
        assert!(!is_opening(&first) && !is_opening(&second));
        assert_eq!(core.word().state, State::Closed { failures: 2 });
        race(&core, move |core| fail(core, of), move |core| record(core, of, Outcome::Success, 0));
        let state = core.word().state;
        // The third failure came first, or the success did.
        assert!(state.public() == CircuitState::Open || state == State::Closed { failures: 1 }, "{state:?}");
    });
}

#[test]
fn of_those_who_find_the_time_over_as_many_as_the_limit_are_probes() {
    for limit in [1, 2] {
        model(move || {
            let core = Arc::new(opened(3, limit));
            let admitted = three(&core, |core| try_acquire(core, TIME));
            let changes = admitted.iter().flatten().filter(|(_, change)| change.is_some()).count();
            assert_eq!((admitted.iter().flatten().count(), changes), (usize::from(limit), 1), "{admitted:?}");
        });
    }
}

#[test]
fn a_place_that_is_given_back_is_taken_once() {
    model(|| {
        let core = Arc::new(opened(3, 1));
        let probe = acquire(&core, TIME);
        let give_back = move |core: &Core| {
            record(core, probe, Outcome::Ignored, TIME);
            try_acquire(core, TIME).is_some()
        };
        let (first, second) = race(&core, give_back, |core| try_acquire(core, TIME).is_some());
        assert!(first ^ second, "{first} {second}");
    });
}

#[test]
fn a_stale_success_does_not_close_it() {
    model(|| {
        let core = Arc::new(core(1, 1, 1));
        let (late, failed) = (acquire(&core, 0), acquire(&core, 0));
        fail(&core, failed);
        let (recorded, probe) =
            race(&core, move |core| record(core, late, Outcome::Success, TIME), |core| acquire(core, TIME));
        assert_eq!(recorded, Recorded::Stale);
        assert_eq!(core.word().state.public(), CircuitState::HalfOpen);
        assert_eq!(core.word().generation, probe);
    });
}

#[test]
fn probes_that_succeed_at_once_close_it_once() {
    model(|| {
        let core = Arc::new(opened(2, 2));
        let probe = acquire(&core, TIME);
        acquire(&core, TIME);
        let succeed = move |core: &Core| record(core, probe, Outcome::Success, TIME);
        let (first, second) = race(&core, succeed, succeed);
        let closed = |recorded: &Recorded| matches!(recorded, Recorded::Changed(_));
        assert!(closed(&first) ^ closed(&second));
        assert_eq!(core.word().state, State::Closed { failures: 0 });
    });
}

#[test]
fn a_probe_that_fails_beats_or_follows_one_that_closes() {
    model(|| {
        let core = Arc::new(opened(1, 2));
        let probe = acquire(&core, TIME);
        acquire(&core, TIME);
        let (failed, succeeded) = race(
            &core,
            move |core| record(core, probe, Outcome::Failure, TIME),
            move |core| record(core, probe, Outcome::Success, TIME),
        );
        // Whoever came second was of a generation that was over.
        assert!((failed == Recorded::Stale) ^ (succeeded == Recorded::Stale), "{failed:?} {succeeded:?}");
    });
}

#[test]
fn a_lost_probe_is_given_up_once() {
    model(|| {
        let core = Arc::new(opened(1, 1));
        let lost = acquire(&core, TIME);
        let admitted = three(&core, |core| try_acquire(core, 2 * TIME));
        let reasons: Vec<_> = admitted.iter().flatten().map(|(_, change)| change.map(|change| change.reason)).collect();
        assert_eq!(reasons, [Some(TransitionReason::ProbeLost)]);
        assert_eq!(record(&core, lost, Outcome::Success, 2 * TIME), Recorded::Stale);
    });
}

#[test]
fn a_lost_probe_that_answers_late_counts_or_is_stale_but_leaves_no_second_place() {
    model(|| {
        let core = Arc::new(opened(2, 1));
        let late = acquire(&core, TIME);
        let (recorded, admitted) = race(
            &core,
            move |core| record(core, late, Outcome::Success, 2 * TIME),
            |core| try_acquire(core, 2 * TIME).is_some(),
        );
        assert!(admitted);
        let State::HalfOpen { in_flight, successes, .. } = core.word().state else {
            panic!("{:?}", core.word())
        };
        assert_eq!((in_flight, successes), (1, u8::from(recorded != Recorded::Stale)));
    });
}

#[test]
fn what_is_forced_stands_whatever_races_with_it() {
    for (force, state) in [(Force::Open, State::ForcedOpen), (Force::Disabled, State::Disabled)] {
        model(move || {
            let core = Arc::new(core(1, 1, 1));
            let of = acquire(&core, 0);
            let failing = {
                let core = Arc::clone(&core);
                loom::thread::spawn(move || fail(&core, of))
            };
            let asking = {
                let core = Arc::clone(&core);
                loom::thread::spawn(move || try_acquire(&core, TIME).is_some())
            };
            core.force(force);
            failing.join().unwrap();
            asking.join().unwrap();
            assert_eq!(core.word().state, state);
        });
    }
}

#[test]
fn a_window_opens_it_once_and_only_in_its_generation() {
    model(|| {
        let core = Arc::new(core(1, 1, 1));
        let of = acquire(&core, 0);
        let trip = move |core: &Core| core.trip(of, TransitionReason::FailureRate, || 0, || 0).is_some();
        let (first, second) = race(&core, trip, trip);
        assert!(first ^ second);
        let (again, _) = race(&core, trip, |core| core.force(Force::Reset));
        assert!(!again);
        assert_eq!(core.word().state, State::Closed { failures: 0 });
    });
}
