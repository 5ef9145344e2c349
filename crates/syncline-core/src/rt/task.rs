//! Tasks and threads: named, and joined by their owner.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{Error, ErrorKind, Result};

/// Whether this thread is inside an asynchronous runtime, whose tasks stop where it blocks.
pub fn is_async() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// A running task. Awaiting it joins it; dropping it aborts it.
#[derive(Debug)]
#[must_use = "dropping a task aborts it"]
pub struct Task<T> {
    name: &'static str,
    handle: tokio::task::JoinHandle<T>,
}

/// Starts `future` on the current tokio runtime.
///
/// # Panics
///
/// Outside a runtime, as tokio does.
#[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
pub fn spawn<F>(name: &'static str, future: F) -> Task<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    Task { name, handle: tokio::spawn(future) }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let name = self.name;
        Pin::new(&mut self.handle).poll(cx).map(|joined| {
            joined.map_err(|source| {
                let what = if source.is_panic() { "panicked" } else { "was aborted" };
                Error::new(ErrorKind::Poisoned, format!("task {name} {what}")).with_source(source)
            })
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A running thread. Dropping it lets it run on; its owner joins it.
#[derive(Debug)]
pub struct Thread {
    name: String,
    handle: std::thread::JoinHandle<()>,
}

impl Thread {
    /// Its identity, so that who waits for threads can see that it is one of them.
    pub fn id(&self) -> std::thread::ThreadId {
        self.handle.thread().id()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] when it panicked.
    pub fn join(self) -> Result<()> {
        let Self { name, handle } = self;
        handle
            .join()
            .map_err(|_| Error::new(ErrorKind::Poisoned, format!("thread {name} panicked")))
    }
}

/// Starts a thread called `name` that runs `body`.
///
/// # Errors
///
/// What the operating system says when it has no thread to give.
#[expect(clippy::disallowed_methods, reason = "the one place that starts threads")]
pub fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let handle = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(Thread { name: name.to_owned(), handle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_its_owner() {
        let error = spawn("breaker", async { panic!("boom") }).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Poisoned, "task breaker panicked"));
        let thread = thread("writer", || panic!("boom")).unwrap();
        assert_eq!(thread.join().unwrap_err().to_string(), "thread writer panicked");
    }

    #[tokio::test]
    async fn a_task_returns_its_value() {
        assert_eq!(spawn("adder", async { 2 + 2 }).await.unwrap(), 4);
    }
}
