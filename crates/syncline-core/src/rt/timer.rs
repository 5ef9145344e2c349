//! Sleep where no runtime has a timer: one thread for the process wakes all sleepers.
//!
//! It starts with the first sleep and stays. Deadlines are kept in order of time; the thread waits for the earliest.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::task::thread;

/// Every sleeper, by deadline and number.
#[derive(Debug, Default)]
struct Timer {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    sleepers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
}

static TIMER: OnceLock<&'static Timer> = OnceLock::new();

/// One sleep; it stands in the queue from its first poll until it is woken or dropped.
#[derive(Debug)]
pub(super) struct TimerSleep {
    /// `None` is after the end of time.
    deadline: Option<Instant>,
    place: Option<(Instant, u64)>,
}

/// Sleeps for `left` from now on.
#[expect(clippy::disallowed_methods, reason = "the deadline is kept by the clock that the thread waits by")]
pub(super) fn sleep(left: Duration) -> TimerSleep {
    TimerSleep { deadline: Instant::now().checked_add(left), place: None }
}

impl Future for TimerSleep {
    type Output = ();

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        self.place = Some(timer().put(deadline, self.place, cx.waker()));
        Poll::Pending
    }
}

impl Drop for TimerSleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            timer().queue().sleepers.remove(&place);
        }
    }
}

/// The timer of the process; its thread runs from the first call on.
///
/// # Panics
///
/// When the system has no thread to give: nobody would ever wake.
#[expect(clippy::expect_used, reason = "without its thread every sleep would last for ever")]
fn timer() -> &'static Timer {
    TIMER.get_or_init(|| {
        let timer: &'static Timer = Box::leak(Box::default());
        thread("syncline-timer", || timer.run()).expect("the system has a thread for the timer");
        timer
    })
}

impl Timer {
    fn put(&self, deadline: Instant, place: Option<(Instant, u64)>, waker: &Waker) -> (Instant, u64) {
        let mut queue = self.queue();
        let place = place.unwrap_or((deadline, queue.next));
        queue.next = queue.next.max(place.1 + 1);
        queue.sleepers.insert(place, waker.clone());
        let is_first = queue.sleepers.first_key_value().is_some_and(|(first, _)| *first == place);
        drop(queue);
        if is_first {
            self.earlier.notify_one();
        }
        place
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    fn run(&self) {
        let mut queue = self.queue();
        loop {
            let now = Instant::now();
            let later = queue.sleepers.split_off(&(now, u64::MAX));
            let due = std::mem::replace(&mut queue.sleepers, later);
            if !due.is_empty() {
                // Woken outside the lock: a waker may run its task at once.
                drop(queue);
                due.into_values().for_each(Waker::wake);
                queue = self.queue();
                continue;
            }
            let left = queue
                .sleepers
                .first_key_value()
                .map(|((first, _), _)| first.saturating_duration_since(now));
            queue = self.wait(queue, left);
        }
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, left: Option<Duration>) -> MutexGuard<'a, Queue> {
        match left {
            Some(left) => self.earlier.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            None => self.earlier.wait(queue).unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each critical section leaves the queue whole, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use crate::{
        port::Clock as _,
        rt::{SystemClock, is_async},
    };

    #[derive(Default)]
    struct Count(AtomicU64);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn without_a_runtime_sleepers_are_woken_in_order_and_not_before_their_time() {
        assert!(!is_async());
        let clock = SystemClock;
        let start = clock.now();
        let late = clock.sleep_until(start + Duration::from_millis(20));
        clock.block_until(start + Duration::from_millis(1));
        let soon = clock.sleep_until(start + Duration::from_millis(5));
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (name, mut sleep) in [("late", late), ("soon", soon)] {
                let order = &order;
                let waiter = move || {
                    let waker = Waker::from(Arc::new(Unparked(std::thread::current())));
                    while sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                        std::thread::park();
                    }
                    order.lock().unwrap().push((name, SystemClock.now().saturating_since(start)));
                };
                scope.spawn(waiter);
            }
        });
        let order = order.into_inner().unwrap();
        assert_eq!((order[0].0, order[1].0), ("soon", "late"));
        assert!(order[0].1 >= Duration::from_millis(5) && order[1].1 >= Duration::from_millis(20));
    }

    struct Unparked(std::thread::Thread);

    impl std::task::Wake for Unparked {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    #[test]
    fn a_dropped_sleep_leaves_the_queue_and_the_end_of_time_never_comes() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut hour = Box::pin(sleep(Duration::from_secs(3_600)));
        let mut ever = Box::pin(sleep(Duration::MAX));
        assert!(hour.as_mut().poll(&mut cx).is_pending() && ever.as_mut().poll(&mut cx).is_pending());
        let place = hour.place.unwrap();
        assert!(timer().queue().sleepers.contains_key(&place));
        drop(hour);
        assert!(!timer().queue().sleepers.contains_key(&place));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }
}
