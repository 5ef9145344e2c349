//! Waiting for a future without a runtime.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

/// What `future` resolves to; the thread is parked until then.
///
/// On a thread of a runtime its other tasks stop meanwhile, and a future that needs one of them never resolves.
///
/// # Examples
///
/// ```
/// assert_eq!(syncline_core::rt::block_on(async { 7 }), 7);
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        // A wake-up that came in between is kept: the thread is not parked then.
        std::thread::park();
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        port::Clock as _,
        rt::{self, SystemClock},
    };

    #[test]
    fn a_future_that_is_resolved_elsewhere_ends_the_wait() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let thread = rt::thread("teller", move || tell.send(7).unwrap()).unwrap();
        assert_eq!(block_on(told), Ok(7));
        thread.join().unwrap();
    }

    #[test]
    fn a_sleep_ends_without_a_runtime() {
        let at = SystemClock.now() + Duration::from_millis(2);
        block_on(SystemClock.sleep_until(at));
        assert!(SystemClock.now() >= at);
    }
}
