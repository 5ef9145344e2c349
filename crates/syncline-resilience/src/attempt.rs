//! What an attempt knows of the operation that it belongs to.

use std::time::Duration;

/// An operation with a type of its own: for one that borrows what it changes and whose future moves between threads, which
/// closures cannot promise together.
///
/// # Examples
///
/// ```
/// use std::{future::pending, io};
/// use syncline_resilience::{Attempt, Operation, RetryStrategy};
///
/// struct Read<'a>(&'a mut Vec<u32>);
///
/// impl Operation for Read<'_> {
///     type Output = usize;
///     type Error = io::Error;
///
///     async fn attempt(&mut self, attempt: Attempt<'_, io::Error>) -> io::Result<usize> {
///         self.0.push(attempt.number());
///         Ok(self.0.len())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut seen = Vec::new();
/// let read = RetryStrategy::new().execute_until(pending(), &mut Read(&mut seen)).await;
/// assert_eq!(read.unwrap(), 1);
/// # });
/// ```
pub trait Operation {
    /// What it gives.
    type Output;
    /// What it fails with.
    type Error: 'static;

    /// Makes one attempt.
    fn attempt(
        &mut self,
        attempt: Attempt<'_, Self::Error>,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

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
