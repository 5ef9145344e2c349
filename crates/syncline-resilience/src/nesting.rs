//! Who retries around whom.
//!
//! Three layers that retry three times each call the last one 27 times. So a strategy that runs inside an attempt of another
//! one makes a single attempt, unless it was told otherwise. The mark is on the thread while an attempt is polled: it does not
//! follow into tasks or threads that the attempt starts.

use std::cell::Cell;

thread_local! {
    /// Whether this thread is inside an attempt.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this code runs inside an attempt of some strategy.
#[inline(always)]
pub(crate) fn is_nested() -> bool {
    IS_INSIDE.get()
}

/// Marks this thread as inside an attempt until it is dropped, by a panic too.
#[derive(Debug)]
#[must_use = "dropping it ends the mark"]
pub(crate) struct Inside {
    /// What the mark was before, to be restored: counting would make each poll wait for the one before.
    was: bool,
}

impl Inside {
    #[inline(always)]
    pub(crate) fn enter() -> Self {
        Self { was: IS_INSIDE.replace(true) }
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        IS_INSIDE.set(self.was);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_ends_with_its_scope_even_by_a_panic() {
        let panicked = std::panic::catch_unwind(|| {
            let _inside = Inside::enter();
            assert!(is_nested());
            panic!("boom");
        });
        assert!(panicked.is_err() && !is_nested());
    }
}
