//! Locks, as the platform or the model checker gives them.

use std::sync::PoisonError;

#[cfg(syncline_loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(syncline_loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// Locks, whatever happened to an earlier holder: every critical section here leaves its state whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to be notified.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
}
