//! What an attempt knows of the operation that it belongs to.

use std::time::Duration;

/// One attempt, as its operation sees it.
#[derive(Debug)]
pub struct Attempt<'a, E> {
    pub(crate) number: u32,
    pub(crate) last_error: Option<&'a E>,
    pub(crate) remaining: Option<Duration>,
}

impl<E> Clone for Attempt<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Attempt<'_, E> {}

impl<'a, E> Attempt<'a, E> {
    /// 1 for the first try.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether an attempt ran before it.
    pub fn is_retry(&self) -> bool {
        self.number > 1
    }

    /// What the last attempt that answered failed with.
    pub fn last_error(&self) -> Option<&'a E> {
        self.last_error
    }

    /// Time that is left to it, as it begins: of its own timeout or of the whole operation's, whichever is less. `None`
    /// without either.
    pub fn remaining(&self) -> Option<Duration> {
        self.remaining
    }
}
