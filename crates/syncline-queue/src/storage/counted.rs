//! A lock around a queue. Whoever gives it back leaves there how many items live, so that nobody waits to learn that.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// What knows how many items live.
pub(super) trait Lives {
    fn lives(&self) -> u64;
}

/// A queue behind a lock.
#[derive(Debug, Default)]
pub(super) struct Counted<T> {
    queue: Mutex<T>,
    live: AtomicU64,
}

/// The queue, for whoever has the lock.
#[derive(Debug)]
pub(super) struct Locked<'a, T: Lives> {
    queue: MutexGuard<'a, T>,
    live: &'a AtomicU64,
}

impl<T: Lives> Counted<T> {
    pub(super) fn new(queue: T) -> Self {
        let live = AtomicU64::new(queue.lives());
        Self { queue: Mutex::new(queue), live }
    }

    pub(super) fn lock(&self) -> Locked<'_, T> {
        // Each critical section leaves the queue whole, so a panic elsewhere does not spoil it.
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { queue, live: &self.live }
    }

    /// How many items live, as whoever had the lock last left it.
    pub(super) fn live(&self) -> u64 {
        self.live.load(Relaxed)
    }
}

impl<T: Lives> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.queue
    }
}

impl<T: Lives> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.queue
    }
}

impl<T: Lives> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.live.store(self.queue.lives(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Lives for u64 {
        fn lives(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn it_knows_the_number_that_was_left_and_waits_for_nobody_to_tell_it() {
        let queue = Counted::new(3_u64);
        assert_eq!(queue.live(), 3);
        let mut locked = queue.lock();
        *locked = 5;
        assert_eq!(queue.live(), 3, "whoever has the lock is not done");
        drop(locked);
        assert_eq!(queue.live(), 5);
    }
}
