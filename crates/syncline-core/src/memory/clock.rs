//! A clock that moves only when it is told to.

use std::{
    collections::BTreeMap,
    fmt, mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    Instant, WallTime,
    port::{Clock, Sleep},
};

/// A clock that stands still until [`advance`](Self::advance) moves it and wakes those who slept long enough. Clones share it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use syncline_core::port::Clock as _;
/// use syncline_core::memory::MockClock;
///
/// let clock = MockClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(3_600));
/// assert_eq!(clock.now().saturating_since(start), Duration::from_secs(3_600));
/// ```
#[derive(Clone)]
pub struct MockClock {
    state: Arc<Mutex<State>>,
}

struct State {
    now: Instant,
    wall: WallTime,
    next_sleeper: u64,
    sleepers: BTreeMap<(Instant, u64), Waker>,
}

/// 2026-01-01: a calendar that was set.
const START: WallTime = WallTime::from_millis(1_767_225_600_000);

impl MockClock {
    /// A clock at its origin; its calendar says 2026-01-01.
    pub fn new() -> Self {
        let state = State { now: Instant::default(), wall: START, next_sleeper: 0, sleepers: BTreeMap::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves both clocks by `by` and wakes every sleep whose deadline was reached, earliest first.
    pub fn advance(&self, by: Duration) {
        let woken = {
            let mut state = self.state();
            state.now = state.now + by;
            state.wall = state.wall + by;
            state.take_due()
        };
        // Woken outside the lock: a waker may run its task at once.
        woken.into_iter().for_each(Waker::wake);
    }

    /// Moves to the earliest deadline that somebody sleeps for, and returns it; `None` when nobody sleeps.
    pub fn advance_to_next(&self) -> Option<Instant> {
        let (now, next) = {
            let state = self.state();
            (state.now, state.sleepers.keys().next().map(|(at, _)| *at)?)
        };
        self.advance(next.saturating_since(now));
        Some(next)
    }

    /// Sets the steady clock alone, even back, which no real one does, and wakes every sleep whose deadline was reached.
    pub fn set(&self, now: Instant) {
        let woken = {
            let mut state = self.state();
            state.now = now;
            state.take_due()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Sets the calendar alone, as an operator or a time server does: forward or back.
    pub fn set_wall(&self, wall: WallTime) {
        self.state().wall = wall;
    }

    /// How many sleeps wait.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_due(&mut self) -> Vec<Waker> {
        let later = self.sleepers.split_off(&(self.now, u64::MAX));
        mem::replace(&mut self.sleepers, later).into_values().collect()
    }
}

impl Default for MockClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MockClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let sleepers = state.sleepers.len();
        f.debug_struct("MockClock")
            .field("now", &state.now)
            .field("wall", &state.wall)
            .field("sleepers", &sleepers)
            .finish()
    }
}

impl Clock for MockClock {
    fn now(&self) -> Instant {
        self.state().now
    }

    fn wall(&self) -> WallTime {
        self.state().wall
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Box::pin(MockSleep { clock: self.clone(), at, place: None })
    }
}

/// One sleep; it stands among the sleepers from its first poll until it is woken or dropped.
struct MockSleep {
    clock: MockClock,
    at: Instant,
    place: Option<(Instant, u64)>,
}

impl Future for MockSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = clock.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or((self.at, state.next_sleeper));
        state.next_sleeper = state.next_sleeper.max(place.1 + 1);
        state.sleepers.insert(place, cx.waker().clone());
        drop(state);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for MockSleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.state().sleepers.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU64);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(sleep: &mut Sleep, count: &Arc<Count>) -> Poll<()> {
        sleep.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    #[test]
    fn a_sleep_ends_at_its_deadline_and_not_before() {
        let (clock, count) = (MockClock::new(), Arc::new(Count::default()));
        let mut sleep = clock.sleep_until(clock.now() + Duration::from_secs(2));
        assert!(poll(&mut sleep, &count).is_pending());
        clock.advance(Duration::from_millis(1_999));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(poll(&mut sleep, &count).is_pending());
        clock.advance(Duration::from_millis(1));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll(&mut sleep, &count).is_ready());
    }

    #[test]
    fn a_dropped_sleep_wakes_nobody() {
        let (clock, count) = (MockClock::new(), Arc::new(Count::default()));
        let mut sleep = clock.sleep_until(clock.now() + Duration::from_secs(1));
        assert!(poll(&mut sleep, &count).is_pending());
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!((clock.sleepers(), clock.advance_to_next()), (0, None));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_next_deadline_is_reached_in_one_step() {
        let (clock, count) = (MockClock::new(), Arc::new(Count::default()));
        let mut sleeps = [5, 3].map(|secs| clock.sleep_until(clock.now() + Duration::from_secs(secs)));
        assert!(sleeps.iter_mut().all(|sleep| poll(sleep, &count).is_pending()));
        assert_eq!(clock.advance_to_next(), Some(Instant::from_origin(Duration::from_secs(3))));
        assert!(poll(&mut sleeps[1], &count).is_ready() && poll(&mut sleeps[0], &count).is_pending());
    }

    #[test]
    fn the_calendar_steps_alone() {
        let clock = MockClock::new();
        clock.advance(Duration::from_secs(1));
        clock.set_wall(WallTime::from_millis(5));
        assert_eq!(
            (clock.now(), clock.wall()),
            (Instant::from_origin(Duration::from_secs(1)), WallTime::from_millis(5))
        );
    }
}
