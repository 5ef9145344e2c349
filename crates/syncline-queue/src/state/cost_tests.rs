//! No step and no question looks at more than a few items, however many there are.

use std::{cell::Cell, time::Duration};

use syncline_core::{Instant, Priority, port::DeadReason};

use super::*;

/// Most slots that one call may look at. What is told of a batch is told of each of it.
const VISITS_MAX: u64 = 64;

thread_local! {
    static VISITS: Cell<u64> = const { Cell::new(0) };
}

/// A slot was looked at.
pub(super) fn visit() {
    VISITS.set(VISITS.get() + 1);
}

/// A queue on which the cost of each call is watched.
struct Watched {
    state: State<u64>,
    now: Millis,
    /// The dearest call of each kind.
    most: BTreeMap<&'static str, u64>,
}

impl Watched {
    fn new() -> Self {
        Self { state: State::default(), now: 1, most: BTreeMap::new() }
    }

    #[track_caller]
    fn call<T>(&mut self, kind: &'static str, call: impl FnOnce(&mut State<u64>, Millis) -> T) -> T {
        let before = VISITS.get();
        let answer = call(&mut self.state, self.now);
        let visits = VISITS.get() - before;
        let most = self.most.entry(kind).or_default();
        *most = visits.max(*most);
        assert!(visits <= VISITS_MAX, "{kind} looked at {visits} slots of {}", self.state.len());
        answer
    }

    fn apply(&mut self, kind: &'static str, entry: Entry<u64>) {
        assert_ne!(self.call(kind, |state, _| state.apply(entry)), Applied::Moot, "{kind}");
    }

    /// Of every eighth the lane is one of a hundred, some have keys, some expire, and a few share an id.
    fn push(&mut self, delay: u64) -> u64 {
        self.now += 1;
        let seq = self.state.next_seq();
        let push = Push {
            seq,
            id: (if seq % 1_000 == 7 { "twin".to_owned() } else { format!("item {seq}") }).into(),
            priority: Priority::ALL[usize::try_from(seq % 5).unwrap()],
            eligible_at: self.now + delay,
            max_attempts: 3,
            lane: seq.is_multiple_of(8).then(|| format!("lane {}", seq % 100).into()),
            dedup: (seq % 16 == 1).then(|| Dedup { key: format!("key {seq}").into(), until: self.now + 1_000 }),
            expires_at: (seq % 16 == 3).then_some(self.now + 10_000_000),
            body: seq,
        };
        self.call("reserve", |state, now| state.reserve(&push, seq, false, now)).unwrap();
        self.apply("push", Entry::Push(Box::new(push)));
        seq
    }

    fn claim(&mut self) -> u64 {
        let seq = self.call("next", |state, now| state.next(now, Some(50)).map(|slot| slot.seq)).unwrap();
        self.apply("claim", Entry::Claim { seq });
        let until = Instant::from_origin(Duration::from_millis(self.now));
        self.call("lease", |state, _| state.lease_until(seq, until));
        seq
    }

    /// One of each step and question.
    fn round(&mut self, round: u64) {
        // The long delays come among those that wait already.
        self.push(round * 7_919 % 100_000);
        let seqs: [u64; 8] = std::array::from_fn(|_| {
            self.push(0);
            self.claim()
        });
        let [done, retried, returned, deferred, dead, dropped, held, lost] = seqs;
        let id = format!("item {held}");
        self.call("find", |state, _| state.find(&id, |phase| phase == Phase::Leased).map(|slot| slot.seq));
        self.call("hold", |state, _| {
            (state.hold(&id, None), state.hold("twin", Some(round)), state.hold("none", None))
        });
        self.call("get", |state, _| state.get("twin").map(|slot| slot.seq));
        self.apply("complete", Entry::Complete { seq: done });
        self.apply("retry", Entry::Retry { seq: retried, at: self.now + round * 31 % 9_000, error: "x".into() });
        self.apply("return", Entry::Return { seq: returned, counts: true });
        self.apply("defer", Entry::Defer { seq: deferred, at: self.now + 40 });
        let bury = |seq| Entry::Bury { seq, at: round, reason: DeadReason::Rejected, error: "x".into() };
        self.apply("bury", bury(dead));
        self.apply("redrive", Entry::Redrive { seq: dead, at: self.now });
        self.apply("bury", bury(dropped));
        self.apply("drop", Entry::Drop { seq: dropped });
        self.call("lease over", |state, _| state.expired_lease(Instant::from_origin(Duration::from_hours(1))));
        self.call("lease end", |state, _| state.next_lease_end(Instant::default()));
        self.call("due", |state, _| (state.next_due(None), state.first_at(), state.dead_since(), state.counts()));
        self.call("expired", |state, now| state.expired(now + 20_000_000).len());
        self.call("sweep", |state, now| state.sweep(now));
        self.call("lanes", |state, _| state.allow_of_lane(1));
        self.call("whole", |state, _| state.whole(held, 0));
        self.apply("complete", Entry::Complete { seq: held });
        self.apply("complete", Entry::Complete { seq: lost });
    }
}

#[test]
fn no_call_looks_at_many_items_at_any_size() {
    let mut watched = Watched::new();
    for size in [1_000, 100_000, 1_000_000] {
        while watched.state.len() < size {
            watched.push(0);
        }
        (0..2_000).for_each(|round| watched.round(round));
        println!("{size} items: {:?}", watched.most);
    }
}
