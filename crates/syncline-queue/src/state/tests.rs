//! The scheduler against the plainest one that could be right.

use std::time::Duration;

use proptest::prelude::*;
use syncline_core::{Instant, Priority, port::DeadReason};

use super::*;

/// What the plain one knows of an item.
#[derive(Debug, Clone)]
struct Plain {
    seq: u64,
    priority: Priority,
    eligible_at: Millis,
    lane: Option<u8>,
    lane_place: (Millis, u64),
    phase: Phase,
    attempts: u16,
    token: u64,
    expires_at: Option<Millis>,
}

/// Everything by looking through all of it.
#[derive(Debug, Default)]
struct Model {
    items: Vec<Plain>,
    /// Most of a lane that may be in hand.
    at_once: u16,
}

impl Model {
    fn of(&mut self, seq: u64) -> Option<&mut Plain> {
        self.items.iter_mut().find(|item| item.seq == seq)
    }

    fn next(&self, now: Millis, aging: Option<Millis>) -> Option<u64> {
        let lives = |item: &&Plain| !matches!(item.phase, Phase::Dead | Phase::Reserved);
        let free = |item: &&Plain| {
            item.lane.is_none_or(|lane| {
                let of_lane = || self.items.iter().filter(lives).filter(move |other| other.lane == Some(lane));
                let head = of_lane().min_by_key(|other| other.lane_place).map(|head| head.seq);
                let in_hand = of_lane().filter(|other| other.phase == Phase::Leased).count();
                in_hand < usize::from(self.at_once) && (self.at_once > 1 || head == Some(item.seq))
            })
        };
        let standing = self.items.iter().filter(|item| matches!(item.phase, Phase::Waiting | Phase::Behind));
        let candidates: Vec<&Plain> = standing.filter(free).filter(|item| item.eligible_at <= now).collect();
        // Aging lifts the first of each level alone.
        let firsts = Priority::ALL.iter().filter_map(|level| {
            let of_level = candidates.iter().filter(|item| item.priority == *level);
            of_level.min_by_key(|item| (item.eligible_at, item.seq))
        });
        let urgency = |item: &&&Plain| {
            let risen = aging.map_or(0, |step| (now - item.eligible_at) / step.max(1));
            let level = u64::from(item.priority.number()).saturating_sub(risen);
            (level, aging.map(|_| (item.eligible_at, item.seq)), item.priority)
        };
        firsts.min_by_key(urgency).map(|item| item.seq)
    }
}

#[derive(Debug, Clone)]
enum Op {
    Push {
        priority: u8,
        delay: u16,
        lane: Option<u8>,
        ttl: Option<u16>,
    },
    Claim,
    Complete(u8),
    Retry(u8, u16),
    Return(u8, bool),
    Defer(u8, u16),
    Bury(u8),
    Redrive(u8),
    Drop(u8),
    Pass(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let push = (0..5_u8, prop_oneof![Just(0), 0..300_u16], prop_oneof![Just(None), (0..3_u8).prop_map(Some)]);
    let push = (push, prop_oneof![Just(None), (1..400_u16).prop_map(Some)]);
    prop_oneof![
        6 => push.prop_map(|((priority, delay, lane), ttl)| Op::Push { priority, delay, lane, ttl }),
        6 => Just(Op::Claim),
        2 => any::<u8>().prop_map(Op::Complete),
        2 => (any::<u8>(), 0..300_u16).prop_map(|(n, delay)| Op::Retry(n, delay)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, counts)| Op::Return(n, counts)),
        1 => (any::<u8>(), 0..300_u16).prop_map(|(n, delay)| Op::Defer(n, delay)),
        1 => any::<u8>().prop_map(Op::Bury),
        1 => any::<u8>().prop_map(Op::Redrive),
        1 => any::<u8>().prop_map(Op::Drop),
        2 => (0..200_u16).prop_map(Op::Pass),
    ]
}

fn push(state: &State<u64>, op: (u8, u16, Option<u8>, Option<u16>), now: Millis) -> Push<u64> {
    let (priority, delay, lane, ttl) = op;
    let seq = state.next_seq();
    Push {
        seq,
        id: format!("item {seq}").into(),
        priority: Priority::from_number(priority).unwrap(),
        eligible_at: now + u64::from(delay),
        max_attempts: 3,
        lane: lane.map(|lane| format!("lane {lane}").into()),
        dedup: None,
        expires_at: ttl.map(|ttl| now + u64::from(ttl)),
        body: seq * 7,
    }
}

/// Runs a history on both and compares what they say after each step. Returns the steps, as a journal would hold them.
fn run(ops: Vec<Op>, aging: Option<Millis>, at_once: u16) -> (State<u64>, Vec<Entry<u64>>) {
    let (mut state, mut journal, mut now) = (State::default(), Vec::new(), 1_000);
    let mut model = Model { at_once, ..Model::default() };
    state.allow_of_lane(at_once);
    let mut tokens = 0;
    for op in ops {
        let pick = |model: &Model, n: u8, phases: &[Phase]| {
            let fit: Vec<u64> = model
                .items
                .iter()
                .filter(|item| phases.contains(&item.phase))
                .map(|item| item.seq)
                .collect();
            (!fit.is_empty()).then(|| fit[usize::from(n) % fit.len()])
        };
        let leased = &[Phase::Leased];
        let entry = match op {
            Op::Push { priority, delay, lane, ttl } => {
                let push = push(&state, (priority, delay, lane, ttl), now);
                state.reserve(&push, push.body, true, now).unwrap();
                assert_eq!(state.get(push.id.text(&mut ROOM.clone())).unwrap().phase, Phase::Reserved);
                model.items.push(Plain {
                    seq: push.seq,
                    priority: push.priority,
                    eligible_at: push.eligible_at,
                    lane,
                    lane_place: (push.eligible_at, push.seq),
                    phase: Phase::Waiting,
                    attempts: 0,
                    token: 0,
                    expires_at: push.expires_at,
                });
                Some(Entry::Push(Box::new(push)))
            }
            Op::Claim => state.next(now, aging).map(|slot| slot.seq).map(|seq| {
                let item = model.of(seq).unwrap();
                tokens += 1;
                (item.phase, item.attempts, item.token) = (Phase::Leased, item.attempts + 1, tokens);
                Entry::Claim { seq }
            }),
            Op::Complete(n) => pick(&model, n, leased).map(|seq| {
                model.items.retain(|item| item.seq != seq);
                Entry::Complete { seq }
            }),
            Op::Retry(n, delay) => pick(&model, n, leased).map(|seq| {
                let at = now + u64::from(delay);
                let item = model.of(seq).unwrap();
                (item.phase, item.eligible_at) = (Phase::Waiting, at);
                Entry::Retry { seq, at, error: "failed".into() }
            }),
            Op::Return(n, counts) => pick(&model, n, leased).map(|seq| {
                let item = model.of(seq).unwrap();
                item.phase = Phase::Waiting;
                item.attempts -= u16::from(!counts);
                Entry::Return { seq, counts }
            }),
            Op::Defer(n, delay) => pick(&model, n, leased).map(|seq| {
                let at = now + u64::from(delay);
                let item = model.of(seq).unwrap();
                (item.phase, item.eligible_at, item.attempts) = (Phase::Waiting, at, item.attempts - 1);
                Entry::Defer { seq, at }
            }),
            Op::Bury(n) => pick(&model, n, &[Phase::Leased, Phase::Waiting]).map(|seq| {
                model.of(seq).unwrap().phase = Phase::Dead;
                Entry::Bury { seq, at: now, reason: DeadReason::Exhausted, error: "gave up".into() }
            }),
            Op::Redrive(n) => pick(&model, n, &[Phase::Dead]).map(|seq| {
                let item = model.of(seq).unwrap();
                (item.phase, item.attempts, item.eligible_at) = (Phase::Waiting, 0, now);
                (item.lane_place, item.expires_at) = ((now, seq), None);
                Entry::Redrive { seq, at: now }
            }),
            Op::Drop(n) => pick(&model, n, &[Phase::Dead, Phase::Waiting]).map(|seq| {
                model.items.retain(|item| item.seq != seq);
                Entry::Drop { seq }
            }),
            Op::Pass(by) => {
                now += u64::from(by);
                None
            }
        };
        if let Some(entry) = entry {
            assert_ne!(state.apply(entry.clone()), Applied::Moot, "{entry:?}");
            journal.push(entry);
        }
        compare(&state, &model, now, aging);
    }
    (state, journal)
}

fn compare(state: &State<u64>, model: &Model, now: Millis, aging: Option<Millis>) {
    assert_eq!(state.next(now, aging).map(|slot| slot.seq), model.next(now, aging), "at {now}");
    assert_eq!(state.len(), model.items.len());
    for item in &model.items {
        let slot = state.of_seq(item.seq).unwrap();
        assert_eq!((slot.attempts, slot.token, slot.body), (item.attempts, item.token, item.seq * 7));
        let stands = matches!(slot.phase, Phase::Waiting | Phase::Behind);
        assert_eq!(
            (slot.phase == Phase::Leased, slot.phase == Phase::Dead, stands),
            (item.phase == Phase::Leased, item.phase == Phase::Dead, item.phase == Phase::Waiting)
        );
        assert_eq!(state.lane_of(slot).map(str::to_owned), item.lane.map(|lane| format!("lane {lane}")));
    }
    let counts = state.counts();
    let of = |phase: Phase| model.items.iter().filter(|item| item.phase == phase).count() as u64;
    assert_eq!(
        (counts.waiting.iter().sum(), counts.leased.iter().sum(), counts.dead.iter().sum(), counts.reserved),
        (of(Phase::Waiting), of(Phase::Leased), of(Phase::Dead), 0)
    );
    let over = |item: &&Plain| item.phase == Phase::Waiting && item.expires_at.is_some_and(|at| at <= now);
    assert_eq!(state.expired(now).len(), model.items.iter().filter(over).count().min(UPKEEP_MAX));
    // Liveness: what is ready or due has somebody to wake it.
    let dues = model.items.iter().filter(|item| item.phase == Phase::Waiting && item.lane.is_none());
    let first = dues.map(|item| item.eligible_at).min();
    assert!(first.is_none_or(|first| state.next_due(None).is_some_and(|due| due <= first)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_does_what_the_plain_one_does(ops in prop::collection::vec(op(), 1..200)) {
        let (state, journal) = run(ops, None, 1);
        recovered(&state, journal, 1);
    }

    #[test]
    fn with_aging_too(ops in prop::collection::vec(op(), 1..200), step in 1..500_u64) {
        let (state, journal) = run(ops, Some(step), 1);
        recovered(&state, journal, 1);
    }

    #[test]
    fn with_several_of_a_lane_in_hand_too(ops in prop::collection::vec(op(), 1..200), at_once in 2..5_u16) {
        let (state, journal) = run(ops, None, at_once);
        recovered(&state, journal, at_once);
    }
}

/// What was journaled makes the same state again, whether or not pushes were reserved.
fn recovered(state: &State<u64>, journal: Vec<Entry<u64>>, at_once: u16) {
    let mut again = State::default();
    again.begin_replay();
    for entry in journal {
        assert_ne!(again.apply(entry), Applied::Moot);
    }
    again.end_replay();
    again.allow_of_lane(at_once);
    assert_eq!((again.counts(), again.len(), again.next_seq()), (state.counts(), state.len(), state.next_seq()));
    for seq in 0..state.next_seq() {
        let shape = |slot: &Slot<u64>| format!("{:?} {:?} {} {}", slot.phase, slot.place(), slot.attempts, slot.token);
        assert_eq!(again.of_seq(seq).map(shape), state.of_seq(seq).map(shape));
        let id = format!("item {seq}");
        assert_eq!(again.get(&id).map(|slot| slot.seq), state.get(&id).map(|slot| slot.seq));
    }
    moved(state, at_once);
}

/// So do the items alone, each written down whole, in whatever order.
fn moved(state: &State<u64>, at_once: u16) {
    let mut seqs: Vec<_> = (0..state.next_seq()).filter(|seq| state.of_seq(*seq).is_some()).collect();
    for _ in 0..2 {
        seqs.reverse();
        let mut again = State::default();
        again.allow_of_lane(at_once);
        for seq in &seqs {
            let whole = state.whole(*seq, state.of_seq(*seq).unwrap().body).unwrap();
            assert_eq!(again.apply(Entry::Move(Box::new(whole.clone()))), Applied::Done);
            assert_eq!(again.apply(Entry::Move(Box::new(whole))), Applied::Replaced(seq * 7));
        }
        assert_eq!((again.counts(), again.len(), again.bytes()), (state.counts(), state.len(), state.bytes()));
        for seq in &seqs {
            assert_eq!(again.whole(*seq, ()), state.whole(*seq, ()));
            assert_eq!(again.of_seq(*seq).map(|slot| slot.phase), state.of_seq(*seq).map(|slot| slot.phase));
        }
        for now in [1_000, 5_000, 100_000] {
            assert_eq!(again.next(now, None).map(|slot| slot.seq), state.next(now, None).map(|slot| slot.seq));
            assert_eq!(again.expired(now), state.expired(now));
        }
    }
}

pub(super) fn plain(state: &State<u64>, now: Millis) -> Push<u64> {
    push(state, (2, 0, None, None), now)
}

fn pushed(state: &mut State<u64>, push: Push<u64>) -> u64 {
    let seq = push.seq;
    state.reserve(&push, push.body, true, 0).unwrap();
    assert_eq!(state.apply(Entry::Push(Box::new(push))), Applied::Done);
    seq
}

#[test]
fn what_is_not_on_disk_yet_is_not_seen_and_takes_its_id() {
    let mut state = State::default();
    let first = plain(&state, 0);
    state.reserve(&first, 1, true, 0).unwrap();
    assert!(state.next(9, None).is_none());
    let same = Push { seq: state.next_seq(), ..first.clone() };
    assert_eq!(state.reserve(&same, 1, true, 0), Err(Refusal::Duplicate { id: first.id.clone() }));
    state.release(first.seq);
    assert_eq!((state.len(), state.counts()), (0, Counts::default()));
    assert_eq!(state.reserve(&same, 1, true, 0), Ok(()));
}

#[test]
fn a_key_is_taken_while_its_item_lives_and_until_its_time() {
    let mut state = State::default();
    let keyed = |state: &State<u64>, until| {
        let dedup = Some(Dedup { key: "order 7".into(), until });
        Push { dedup, ..plain(state, 0) }
    };
    let first = pushed(&mut state, keyed(&State::default(), 500));
    let second = keyed(&state, 900);
    let refused = Err(Refusal::Duplicate { id: "item 0".into() });
    assert_eq!(state.reserve(&second, 1, true, 600), refused, "it lives, though its time is over");
    state.apply(Entry::Claim { seq: first });
    state.apply(Entry::Complete { seq: first });
    assert!(state.reserve(&second, 1, true, 499).is_err(), "its time is not over, though it is done");
    assert_eq!(state.next_due(None), Some(500));
    assert_eq!((state.sweep(499), state.sweep(500)), (0, 1));
    assert_eq!(state.reserve(&second, 1, true, 500), Ok(()));
}

#[test]
fn only_the_newest_lease_settles() {
    let mut state = State::default();
    let seq = pushed(&mut state, plain(&State::default(), 0));
    assert_eq!((state.hold("item 0", None), state.hold("nobody", None)), (Hold::Lost, Hold::Unknown));
    state.apply(Entry::Claim { seq });
    state.apply(Entry::Return { seq, counts: true });
    state.apply(Entry::Claim { seq });
    assert_eq!(state.hold("item 0", Some(1)), Hold::Lost);
    assert_eq!(state.hold("item 0", Some(2)), Hold::Held { seq });
    assert_eq!(state.hold("item 0", None), Hold::Held { seq });
}

#[test]
fn leases_end_by_the_steady_clock_alone() {
    let mut state = State::default();
    let seq = pushed(&mut state, plain(&State::default(), 0));
    let at = |secs| Instant::from_origin(Duration::from_secs(secs));
    state.lease_until(seq, at(1));
    assert_eq!(state.next_lease_end(at(0)), None, "it is in nobody's hands");
    state.apply(Entry::Claim { seq });
    state.lease_until(seq, at(10));
    assert_eq!(state.next_lease_end(at(4)), Some(Duration::from_secs(6)));
    state.lease_until(seq, at(20));
    assert_eq!((state.expired_lease(at(19)), state.expired_lease(at(20))), (None, Some(seq)));
    state.apply(Entry::Return { seq, counts: true });
    assert_eq!((state.expired_lease(at(99)), state.next_lease_end(at(99))), (None, None));
}

#[test]
fn a_step_that_comes_twice_or_too_late_changes_nothing() {
    let mut state = State::default();
    let push = plain(&state, 0);
    let seq = pushed(&mut state, push.clone());
    let late = [
        Entry::Push(Box::new(push)),
        Entry::Complete { seq: 99 },
        Entry::Retry { seq, at: 5, error: "x".into() },
        Entry::Return { seq, counts: true },
        Entry::Redrive { seq, at: 5 },
        Entry::Claim { seq: 99 },
    ];
    for entry in late {
        assert_eq!(state.apply(entry.clone()), Applied::Moot, "{entry:?}");
    }
    assert_eq!(state.next(0, None).map(|slot| slot.seq), Some(seq));
}

#[test]
fn errors_are_kept_up_to_their_bound() {
    let mut state = State::default();
    let seq = pushed(&mut state, plain(&State::default(), 0));
    for n in 0..20 {
        state.apply(Entry::Claim { seq });
        state.apply(Entry::Retry { seq, at: 0, error: format!("failure {n}").into() });
    }
    let errors = &state.of_seq(seq).unwrap().extra.as_ref().unwrap().errors;
    assert_eq!((errors.len(), &*errors[0], &*errors[7]), (slot::ERRORS_MAX, "failure 12", "failure 19"));
}

/// What went wrong: 261 bytes of memory for an item with its id, for names, orders and tables each had memory of their own.
#[test]
fn an_item_is_small() {
    // As wide as what storages keep of content: a shared pointer with a length, and a place in the journal.
    type Wide = [u64; 3];
    assert_eq!(size_of::<Slot<Wide>>(), 96);
    for (items, id) in [(1_000, "short"), (100_000, "short"), (200_000, "00000000-0000-4000-8000-000000000000")] {
        let mut state = State::<Wide>::default();
        for seq in 0..items {
            let digits = format!("{seq:08x}");
            let id = id.replacen(if id == "short" { "short" } else { "00000000" }, &digits, 1);
            let Push { priority, eligible_at, max_attempts, .. } = plain(&State::default(), seq);
            let push = Push {
                seq,
                id: id.into(),
                priority,
                eligible_at,
                max_attempts,
                lane: None,
                dedup: None,
                expires_at: None,
                body: [0; 3],
            };
            state.apply(Entry::Push(Box::new(push)));
        }
        let bytes = (state.slab.bytes() + state.order.bytes()) as u64 / items;
        // A small queue has room for the next ones.
        assert!(bytes <= if items > 10_000 { 120 } else { 200 }, "{bytes} bytes for each of {items}");
    }
}

/// Ids are indexed at the end of a replay, those of several items too, as if each item had come by itself.
#[test]
fn a_replay_knows_every_id_at_its_end_and_which_items_share_it() {
    const ITEMS: u64 = 1_000;
    let ids = |seq: u64| {
        if seq.is_multiple_of(3) {
            format!("twin {}", seq % 7)
        } else {
            format!("item {seq}")
        }
    };
    let [mut live, mut replayed] = [State::default(), State::default()];
    replayed.begin_replay();
    for state in [&mut live, &mut replayed] {
        for seq in 0..ITEMS {
            let push = Push { id: ids(seq).as_str().into(), ..plain(state, 0) };
            state.apply(Entry::Push(Box::new(push)));
            match seq % 5 {
                0 => drop(state.apply(Entry::Claim { seq })),
                1 => drop(state.apply(Entry::Drop { seq: seq / 2 })),
                _ => {}
            }
        }
    }
    replayed.end_replay();
    let compare = |live: &State<u64>, replayed: &State<u64>| {
        for id in (0..ITEMS).map(ids) {
            assert_eq!(replayed.get(&id).map(|slot| slot.seq), live.get(&id).map(|slot| slot.seq), "{id}");
            let found =
                [&live, &replayed].map(|state| state.find(&id, |phase| phase == Phase::Leased).map(|slot| slot.seq));
            assert_eq!(found[0], found[1], "{id}");
            for token in 0..ITEMS {
                assert_eq!(replayed.hold(&id, Some(token)), live.hold(&id, Some(token)), "{id} {token}");
            }
        }
    };
    compare(&live, &replayed);
    for seq in (0..ITEMS).rev().filter(|seq| seq.is_multiple_of(2)) {
        assert_eq!(live.apply(Entry::Drop { seq }), replayed.apply(Entry::Drop { seq }));
    }
    compare(&live, &replayed);
}

#[test]
fn items_of_one_id_are_each_reached_by_what_the_call_is_about() {
    let mut state = State::default();
    let mut tokens = Vec::new();
    for seq in 0..3 {
        let push = Push { id: "twin".into(), ..plain(&state, 0) };
        state.reserve(&push, push.body, false, 0).unwrap();
        state.apply(Entry::Push(Box::new(push)));
        state.apply(Entry::Claim { seq });
        tokens.push(state.of_seq(seq).unwrap().token);
    }
    for (seq, token) in (0..).zip(&tokens) {
        assert_eq!(state.hold("twin", Some(*token)), Hold::Held { seq });
    }
    state.apply(Entry::Bury { seq: 1, at: 0, reason: DeadReason::Rejected, error: "x".into() });
    assert_eq!(state.find("twin", |phase| phase == Phase::Dead).unwrap().seq, 1);
    state.apply(Entry::Complete { seq: 2 });
    assert_eq!((state.hold("twin", None), state.hold("twin", Some(tokens[2]))), (Hold::Held { seq: 0 }, Hold::Lost));
    state.apply(Entry::Complete { seq: 0 });
    assert_eq!(state.get("twin").unwrap().seq, 1, "the dead one is left");
}

/// What went wrong: with repeated ids each question by id walked through all items that had it.
#[test]
fn twins_are_told_apart_as_by_looking_through_all_of_them() {
    let seed = std::env::var("SEED").map_or_else(|_| rand_seed(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let (mut state, mut model, mut random) = (State::default(), Vec::<(u64, u8, Phase, u64)>::new(), seed);
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..3_000 {
        let (id, phase) = (u8::try_from(next(3)).unwrap(), Phase::ALL[usize::try_from(next(5)).unwrap()]);
        let name = format!("twin {id}");
        match next(8) {
            0..=2 => {
                let push = Push { id: name.clone().into(), ..plain(&state, 0) };
                model.push((push.seq, id, Phase::Reserved, 0));
                state.reserve(&push, push.body, false, 0).unwrap();
                if phase != Phase::Reserved {
                    model.last_mut().unwrap().2 = Phase::Waiting;
                    state.apply(Entry::Push(Box::new(push)));
                }
            }
            _ if model.is_empty() => continue,
            step => {
                let at = usize::try_from(next(model.len() as u64)).unwrap();
                let (seq, _, phase, _) = model[at];
                let (entry, to) = match (step, phase) {
                    (3, Phase::Waiting) | (4, Phase::Waiting) => (Entry::Claim { seq }, Some(Phase::Leased)),
                    (3, Phase::Leased) => (Entry::Return { seq, counts: true }, Some(Phase::Waiting)),
                    (4 | 5, Phase::Waiting | Phase::Leased) => {
                        let reason = DeadReason::Rejected;
                        (Entry::Bury { seq, at: 0, reason, error: "x".into() }, Some(Phase::Dead))
                    }
                    (5, Phase::Dead) => (Entry::Redrive { seq, at: 0 }, Some(Phase::Waiting)),
                    (6, Phase::Reserved) => {
                        state.release(seq);
                        model.remove(at);
                        continue;
                    }
                    (6, Phase::Leased) => (Entry::Complete { seq }, None),
                    (6, Phase::Dead | Phase::Waiting) => (Entry::Drop { seq }, None),
                    _ => continue,
                };
                assert_ne!(state.apply(entry), Applied::Moot);
                match to {
                    Some(to) => {
                        model[at].2 = to;
                        model[at].3 = state.of_seq(seq).unwrap().token;
                    }
                    None => drop(model.remove(at)),
                }
            }
        }
        let newest = |fit: &dyn Fn(Phase, u64) -> bool| {
            model.iter().filter(|one| one.1 == id && fit(one.2, one.3)).map(|one| one.0).max()
        };
        assert_eq!(state.get(&name).map(|slot| slot.seq), newest(&|_, _| true));
        assert_eq!(state.find(&name, |one| one == phase).map(|slot| slot.seq), newest(&|one, _| one == phase));
        for (_, _, _, token) in model.iter().filter(|one| one.1 == id && one.2 == Phase::Leased) {
            let seq = newest(&|one, of| one == Phase::Leased && of == *token).unwrap();
            assert_eq!(state.hold(&name, Some(*token)), Hold::Held { seq });
        }
    }
}

fn rand_seed() -> u64 {
    use syncline_core::port::Random as _;
    syncline_core::rt::SystemRandom.next_u64()
}
