//! How long nobody has to look, and a proof in debug builds that nobody is overslept.

use std::time::Duration;

use syncline_core::Instant;

use super::{Millis, Phase, State};

/// Most items that the proof looks at, so that it costs the same however many there are.
const LOOKS_MAX: usize = 64;

impl<B> State<B> {
    /// How long until there may be something to hand out, of which `most` may be in hands, or to reap; `None` when only a call
    /// changes that.
    pub(crate) fn sleep(&self, most: Option<u64>, now: Instant, time: Millis) -> Option<Duration> {
        let by_calendar = self.next_due(most).map(|due| left(due, time));
        let sleep = [by_calendar, self.next_lease_end(now)].into_iter().flatten().min();
        debug_assert_eq!(self.overslept(sleep, most, now, time), None, "who sleeps for {sleep:?} oversleeps an item");
        sleep
    }

    /// An item that would wait though its time has come, or stay in dead hands, while everybody sleeps for `sleep`. Found by
    /// numbers of all items, and by looking at a few of them, others each time.
    fn overslept(&self, sleep: Option<Duration>, most: Option<u64>, now: Instant, time: Millis) -> Option<Overslept> {
        let has_room = self.room_in_hand(most) > 0;
        let [waiting, leased] = [self.counts.waiting, self.counts.leased].map(|levels| levels.iter().sum::<u64>());
        // Who is behind another one of its lane has one in hand or in the order before it.
        if sleep.is_none() && waiting > 0 && leased == 0 && has_room {
            return Some(Overslept::Somebody);
        }
        let first = (self.next_seq.wrapping_add(self.token)).checked_rem(self.slab.places()).unwrap_or(0);
        let (rest, begin) = (self.slab.slots_from(u32::try_from(first).unwrap_or(0)), self.slab.slots_from(0));
        let slots = rest.chain(begin).take(LOOKS_MAX);
        let is_too_late = |end: Option<Duration>| end.is_some_and(|end| sleep.is_none_or(|sleep| sleep > end));
        for (_, slot) in slots {
            let Some(slot) = slot else { continue };
            let end = match slot.phase {
                Phase::Waiting if has_room => Some(left(slot.eligible_at, time)),
                // Nothing ends one by time that is being settled.
                Phase::Leased => self.leases.until(slot).map(|until| until.saturating_since(now)),
                Phase::Waiting | Phase::Behind | Phase::Reserved | Phase::Dead => None,
            };
            let waits = matches!(slot.phase, Phase::Waiting | Phase::Behind);
            let expiry = slot.expires_at().filter(|_| waits).map(|at| left(at, time));
            if is_too_late(end) || is_too_late(expiry) {
                return Some(Overslept::Item { seq: slot.seq });
            }
        }
        None
    }
}

/// Who is overslept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overslept {
    Somebody,
    Item { seq: u64 },
}

fn left(at: Millis, time: Millis) -> Duration {
    Duration::from_millis(at.saturating_sub(time))
}

#[cfg(test)]
mod tests {
    use syncline_core::Priority;

    use super::{
        super::{Entry, Push},
        *,
    };

    fn at(secs: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(secs))
    }

    /// A queue whose items are due at 100, 200, …; each is of no use an hour later.
    fn state(items: u64) -> State<()> {
        let mut state = State::default();
        for seq in 0..items {
            let push = Push {
                seq,
                id: seq.to_string().as_str().into(),
                priority: Priority::Normal,
                eligible_at: 100 * (seq + 1),
                max_attempts: 3,
                lane: None,
                dedup: None,
                expires_at: Some(100 * (seq + 1) + 3_600_000),
                body: (),
            };
            state.apply(Entry::Push(Box::new(push)));
        }
        state
    }

    fn sleep(state: &State<()>) -> Option<Duration> {
        state.sleep(None, at(1), 50)
    }

    #[test]
    fn it_ends_when_the_first_is_due_expires_or_was_in_hand_for_long_enough() {
        let mut state = state(2);
        assert_eq!(sleep(&state), Some(Duration::from_millis(50)));
        state.apply(Entry::Claim { seq: 0 });
        state.lease_until(0, at(1));
        assert_eq!(sleep(&state), Some(Duration::ZERO));
        assert_eq!(state.sleep(Some(1), at(0), 50), Some(Duration::from_secs(1)), "there is no room for the other one");
        state.apply(Entry::Complete { seq: 0 });
        state.apply(Entry::Complete { seq: 1 });
        assert_eq!(sleep(&state), None, "nothing is there");
    }

    #[test]
    #[should_panic(expected = "who sleeps for None oversleeps an item")]
    fn an_item_that_stands_in_no_order_is_found() {
        let mut state = state(1);
        state.expiries.clear();
        state.order.remove(&state.slab, 0);
        sleep(&state);
    }

    #[test]
    #[should_panic(expected = "oversleeps an item")]
    fn an_expiry_that_nobody_is_woken_for_is_found() {
        let mut state = state(1);
        state.apply(Entry::Claim { seq: 0 });
        state.apply(Entry::Retry { seq: 0, at: 9_000_000, error: "x".into() });
        state.expiries.clear();
        sleep(&state);
    }

    #[test]
    #[should_panic(expected = "oversleeps an item")]
    fn a_lease_whose_end_nobody_sees_is_found() {
        let mut state = state(2);
        state.apply(Entry::Claim { seq: 0 });
        state.lease_until(0, at(1));
        state.leases.forget_order();
        sleep(&state);
    }

    /// One of a thousand is forgotten: it is among the few that are looked at sooner or later.
    #[test]
    fn whoever_is_forgotten_is_looked_at_sooner_or_later() {
        let mut state = state(1_000);
        state.order.remove(&state.slab, 0);
        state.expiries.clear();
        let finds = |state: &State<()>| {
            let sleep = Some(Duration::from_millis(150));
            state.overslept(sleep, None, at(1), 50) == Some(Overslept::Item { seq: 0 })
        };
        let found = (0..1_000).any(|_| {
            state.next_seq += 1;
            finds(&state)
        });
        assert!(found);
    }
}
