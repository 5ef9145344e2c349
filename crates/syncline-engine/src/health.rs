//! How the archive does, as its last answers showed.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use syncline_core::Error;

use crate::TRACING_TARGET;

const UNKNOWN: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// What the archive's answers showed. Changes are logged, repetitions are counted.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: AtomicU8,
    failures: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Health {
    /// It answered as it should.
    pub(crate) fn up(&self) {
        if self.state.swap(UP, Ordering::Relaxed) == DOWN {
            tracing::info!(target: TRACING_TARGET, failures = self.failures(), "the archive is back");
        }
    }

    /// It failed.
    pub(crate) fn down(&self, error: &Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let text = error.share().to_string();
        if self.state.swap(DOWN, Ordering::Relaxed) != DOWN {
            tracing::warn!(target: TRACING_TARGET, error = %text, "the archive fails; writes wait");
        }
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Whether its last answer was a good one; `None` before the first.
    pub(crate) fn is_up(&self) -> Option<bool> {
        match self.state.load(Ordering::Relaxed) {
            UNKNOWN => None,
            state => Some(state == UP),
        }
    }

    /// Calls that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What the last of them said.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::ErrorKind;

    use super::*;

    #[test]
    fn the_last_answer_counts_and_the_last_error_is_kept() {
        let health = Health::default();
        assert_eq!(health.is_up(), None);
        health.down(&Error::new(ErrorKind::Unavailable, "gone"));
        assert_eq!(health.is_up(), Some(false));
        health.up();
        assert_eq!((health.is_up(), health.failures()), (Some(true), 1));
        assert_eq!(health.last_error().as_deref(), Some("gone"));
    }
}
