//! Work that blocks, on a thread of its own.

use syncline_core::{Error, ErrorKind, Result, rt};
use tokio::sync::oneshot;

/// Runs `work` on a thread called `name`.
///
/// # Errors
///
/// What `work` says; [`ErrorKind::Unavailable`] when the system has no thread to give; [`ErrorKind::Poisoned`] when `work`
/// panicked.
///
/// # Cancel safety
///
/// Dropping the future lets `work` run to its end unheard.
pub(crate) async fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (done, result) = oneshot::channel();
    let body = move || {
        // Nobody may be listening any more; then the result is dropped, which closes what it holds.
        let _unheard = done.send(work());
    };
    rt::thread(name, body)
        .map_err(|source| Error::new(ErrorKind::Unavailable, format!("no thread for {name}")).with_source(source))?;
    result
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Poisoned, format!("thread {name} panicked"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_comes_back_and_a_panic_is_an_error() {
        assert_eq!(run("adder", || Ok(2 + 2)).await.unwrap(), 4);
        let error = run("breaker", || -> Result<()> { panic!("boom") }).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Poisoned, "thread breaker panicked"));
    }
}
