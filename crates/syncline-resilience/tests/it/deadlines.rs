//! Timeouts of the whole and of each attempt, and what servers ask for.

use std::{
    future::{Future as _, pending, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use syncline_core::port::Clock as _;
use syncline_resilience::{Attempt, Class, MockClock, RetryError, RetryStrategy, StoppedBy};

use crate::support::{Calls, drive, ms, three_attempts};

/// Trap 10: a total timeout that sums sleeps alone waits for ever on an attempt that hangs.
#[test]
fn the_timeout_ends_an_attempt_that_hangs() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_timeout(ms(1_000));
    let (result, metrics) =
        drive(&clock, strategy.execute_with_metrics("hangs", || async { pending::<Result<(), String>>().await }));
    assert_eq!(result.unwrap_err(), RetryError::Timeout { elapsed: ms(1_000), attempts: 1, source: None });
    assert!(metrics.timed_out && !metrics.succeeded);
}

/// Trap 11: sleeping past the deadline only to say that it has passed.
#[test]
fn a_sleep_that_ends_too_late_is_not_begun() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock).with_timeout(ms(250));
    let start = clock.now();
    let error = drive(&clock, strategy.execute(|| async { Err::<(), _>(calls.note()) })).unwrap_err();
    // The first retry fits, the second would begin at 300 ms.
    assert_eq!(error, RetryError::Timeout { elapsed: ms(100), attempts: 2, source: Some(2) });
    assert_eq!(clock.now().saturating_since(start), ms(100));
}

/// Trap 12: one timeout for two things.
#[test]
fn each_attempt_has_its_time_within_that_of_the_whole() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let hang = || async {
        calls.note();
        pending::<Result<(), String>>().await
    };
    let strategy = three_attempts(&clock).with_attempt_timeout(ms(1_000)).with_timeout(ms(10_000));
    let error = drive(&clock, strategy.execute(hang)).unwrap_err();
    assert_eq!(calls.at_ms(), [0, 1_100, 2_300]);
    assert_eq!(error, RetryError::Timeout { elapsed: ms(3_300), attempts: 3, source: None });
    assert_eq!(strategy.worst_case_duration(), Some(ms(3_300)));
}

#[test]
fn an_attempt_that_ran_out_of_time_keeps_the_error_before_it() {
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_attempt_timeout(ms(50));
    let error = drive(
        &clock,
        strategy.execute_attempts(async |attempt| match attempt.number() {
            1 => Err::<(), _>("refused"),
            _ => pending().await,
        }),
    );
    let expected = RetryError::AttemptsExhausted { attempts: 3, source: "refused", stopped_by: StoppedBy::MaxAttempts };
    assert_eq!(error.unwrap_err(), expected);
}

/// Trap 9: a hint that is shortened, waited for past the deadline, or that resets the count.
#[test]
fn a_servers_hint_is_waited_for_in_full_or_not_at_all() {
    let throttled = |hint| move |_: &u32| Class::Throttled { retry_after: Some(hint) };
    let clock = MockClock::new();
    let strategy = three_attempts(&clock);
    let calls = Calls::on(&clock);
    let _ = drive(&clock, strategy.execute_classified(throttled(ms(5_000)), || async { Err::<(), _>(calls.note()) }));
    let at = calls.at_ms();
    assert_eq!(at.len(), 3, "a hint does not give more attempts");
    assert!(at.windows(2).all(|pair| (5_000..=5_500).contains(&(pair[1] - pair[0]))), "{at:?}");

    let calls = Calls::on(&clock);
    let bounded = strategy.clone().with_timeout(Duration::from_secs(60));
    let hour = throttled(Duration::from_secs(240));
    let error = drive(&clock, bounded.execute_classified(hour, || async { Err::<(), _>(calls.note()) })).unwrap_err();
    assert_eq!(error, RetryError::Timeout { elapsed: Duration::ZERO, attempts: 1, source: Some(1) });

    let calls = Calls::on(&clock);
    let day = throttled(Duration::from_secs(86_400));
    let error = drive(&clock, strategy.execute_classified(day, || async { Err::<(), _>(calls.note()) })).unwrap_err();
    let expected = RetryError::AttemptsExhausted { attempts: 1, source: 1, stopped_by: StoppedBy::RetryAfter };
    assert_eq!(error, expected);
}

#[test]
fn a_hint_shorter_than_the_backoff_does_not_shorten_it() {
    let clock = MockClock::new();
    let calls = Calls::on(&clock);
    let strategy = three_attempts(&clock);
    for hint in [Duration::ZERO, ms(1)] {
        let classify = move |_: &u32| Class::Throttled { retry_after: Some(hint) };
        let before = calls.count();
        let _ = drive(&clock, strategy.execute_classified(classify, || async { Err::<(), _>(calls.note()) }));
        assert_eq!(calls.count() - before, 3);
    }
    assert_eq!(calls.at_ms(), [0, 100, 300, 300, 400, 600]);
}

/// Trap 5: the end of time is a time.
#[test]
fn the_longest_durations_are_no_overflow() {
    let clock = MockClock::new();
    clock.advance(Duration::from_secs(1));
    let strategy = RetryStrategy::with_clock(clock.clone())
        .with_max_delay(Duration::MAX)
        .and_then(|strategy| strategy.with_base_delay(Duration::MAX))
        .unwrap()
        .with_timeout(Duration::MAX)
        .with_attempt_timeout(Duration::MAX)
        .with_max_retry_after(Duration::MAX);
    assert_eq!(strategy.worst_case_duration(), Some(Duration::MAX));
    let error = drive(&clock, strategy.execute(|| async { Err::<(), _>("no") })).unwrap_err();
    assert_eq!(error.attempts(), 5, "{error}");
}

/// Trap 64: a clock for time and another one for sleep.
#[tokio::test(start_paused = true)]
async fn paused_tokio_time_is_the_time_of_a_plain_strategy() {
    let strategy = RetryStrategy::new().with_timeout(Duration::from_secs(3_600));
    let mut failures = 4;
    let (result, metrics) = strategy
        .execute_with_metrics("paused", || {
            failures -= 1;
            async move { if failures > 0 { Err("not yet") } else { Ok(()) } }
        })
        .await;
    assert!(result.is_ok() && metrics.total_delay >= Duration::from_secs(4));
}

/// What went wrong: what chance adds to a hint could reach past the deadline, so that a retry for which there was time was not
/// made.
#[test]
fn chance_does_not_push_a_hint_past_the_deadline() {
    let clock = MockClock::new();
    let throttled = |_: &u32| Class::Throttled { retry_after: Some(ms(950)) };
    for seed in 0..200 {
        let calls = Calls::on(&clock);
        let strategy = three_attempts(&clock).with_timeout(ms(1_000)).with_seed(seed);
        let _ = drive(&clock, strategy.execute_classified(throttled, || async { Err::<(), _>(calls.note()) }));
        assert_eq!(calls.count(), 2, "seed {seed}");
        assert!((950..=975).contains(&calls.at_ms()[1]), "{:?}", calls.at_ms());
    }
}

/// What went wrong: a tokio timer does not fire for a task that has used up its share, and an attempt that always finds work
/// uses it up at each poll: it was never timed out.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_always_busy_is_ended_by_its_timeout() {
    let mut polls = 0;
    let strategy = RetryStrategy::new().with_timeout(ms(100));
    let busy = strategy.execute_attempts(async |_| {
        poll_fn(|cx| {
            polls += 1;
            if polls > 1_000 {
                return Poll::Ready(Ok::<(), String>(()));
            }
            let _ = pin!(tokio::time::advance(ms(1))).poll(cx);
            while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            Poll::Pending
        })
        .await
    });
    let result = busy.await;
    assert!(matches!(result, Err(RetryError::Timeout { attempts: 1, source: None, .. })), "{result:?}");
}

/// What went wrong: an attempt that had run out of its time was held until the sleep after it was over, with the connection
/// that it had.
#[test]
fn an_attempt_that_ran_out_of_time_is_dropped_before_the_sleep() {
    struct Connection<'a>(&'a Calls);
    impl Drop for Connection<'_> {
        fn drop(&mut self) {
            self.0.note();
        }
    }
    let clock = MockClock::new();
    let strategy = three_attempts(&clock).with_attempt_timeout(ms(50));
    let dropped = Calls::on(&clock);
    let hang = || async {
        let _connection = Connection(&dropped);
        pending::<Result<(), String>>().await
    };
    drive(&clock, strategy.execute(hang)).unwrap_err();
    assert_eq!(dropped.at_ms(), [50, 200, 450]);

    let dropped = Calls::on(&clock);
    let hang = async |_: Attempt<'_, String>| {
        let _connection = Connection(&dropped);
        pending::<Result<(), String>>().await
    };
    drive(&clock, strategy.execute_attempts(hang)).unwrap_err();
    assert_eq!(dropped.at_ms(), [50, 200, 450]);
}
