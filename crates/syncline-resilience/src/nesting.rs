//! Who retries around whom.
//!
//! Three layers that retry three times each call the last one 27 times. So a strategy that runs inside an attempt of another
//! one makes a single attempt, unless it was told otherwise. The mark is on the thread while an attempt is polled: it does not
//! follow into tasks or threads that the attempt starts.

use std::cell::Cell;

thread_local! {
    /// Attempts that this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this code runs inside an attempt of some strategy.
pub(crate) fn is_nested() -> bool {
    DEPTH.get() > 0
}

/// Marks this thread as inside an attempt until it is dropped, by a panic too.
#[derive(Debug)]
#[must_use = "dropping it ends the mark"]
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
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
