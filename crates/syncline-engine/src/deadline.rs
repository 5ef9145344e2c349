//! A future and a deadline: whichever is first.

use syncline_core::{Instant, port::Clock};

/// The value of `future`, or `None` when `at` came first; the future is dropped then.
pub(crate) async fn within<T>(clock: &dyn Clock, at: Instant, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = clock.sleep_until(at) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{future, time::Duration};

    use syncline_testkit::MockClock;

    use super::*;

    #[tokio::test]
    async fn the_first_of_the_two_decides() {
        let clock = MockClock::new();
        let at = clock.now() + Duration::from_secs(1);
        assert_eq!(within(&clock, at, future::ready(1)).await, Some(1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(within(&clock, at, future::pending::<u8>()).await, None);
    }
}
