//! What each policy does, seen from outside: attempts and delays in stepped time, in a process that does nothing else.

use std::{io, time::Duration};

use syncline_core::{Error, ErrorKind};
use syncline_resilience::{
    DEFAULT_BASE_DELAY, DEFAULT_JITTER_FACTOR, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_DELAY, RetryError, RetryPolicies,
    RetryStrategy, StoppedBy,
    time::{Clock as _, SystemClock},
};

const ALWAYS: usize = usize::MAX;
/// Timers of the runtime wake at whole milliseconds.
const TICK: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What an operation went through.
struct Run<E> {
    /// Time from the begin of each attempt to that of the next.
    delays: Vec<Duration>,
    result: Result<(), RetryError<E>>,
}

impl<E> Run<E> {
    fn attempts(&self) -> usize {
        self.delays.len() + 1
    }

    fn stopped_by(&self) -> Option<StoppedBy> {
        match self.result {
            Err(RetryError::AttemptsExhausted { stopped_by, .. }) => Some(stopped_by),
            _ => None,
        }
    }
}

/// Runs an operation that fails at once as often as `failures` says, and then succeeds.
async fn run<E: 'static>(strategy: &RetryStrategy, failures: usize, error: impl Fn() -> E) -> Run<E> {
    let mut began = Vec::new();
    let operation = || {
        began.push(SystemClock.now());
        let answer = if began.len() <= failures { Err(error()) } else { Ok(()) };
        async move { answer }
    };
    let result = strategy.execute(operation).await;
    Run {
        delays: began.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect(),
        result,
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// An operation that always fails has as many attempts as `longest_ms` has delays, and the first one; and each delay is the
/// longest, or shorter by no more than the default jitter.
#[track_caller]
fn check_delays<E>(run: &Run<E>, longest_ms: &[u64]) {
    let longest: Vec<_> = longest_ms.iter().copied().map(Duration::from_millis).collect();
    assert_eq!(run.delays.len(), longest.len(), "{:?}", run.delays);
    for (delay, longest) in run.delays.iter().zip(longest) {
        let shortest = longest.mul_f64(1.0 - DEFAULT_JITTER_FACTOR);
        assert!((shortest..=longest + TICK).contains(delay), "{delay:?} is not in {shortest:?} to {longest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_strategy_is_that_of_its_constants() {
    let all = run(&RetryStrategy::new(), ALWAYS, reset).await;
    check_delays(&all, &[1_000, 2_000, 4_000, 8_000]);
    assert_eq!(all.attempts(), DEFAULT_MAX_ATTEMPTS as usize);
    assert_eq!(all.stopped_by(), Some(StoppedBy::MaxAttempts));
    assert!(all.delays[0] <= DEFAULT_BASE_DELAY + TICK);
}

#[tokio::test(start_paused = true)]
async fn delays_of_a_new_strategy_spread_over_the_whole_jitter_below_the_longest() {
    let endless = RetryStrategy::new().with_unlimited_attempts();
    let all = run(&endless, 1_000, reset).await;
    assert!(all.result.is_ok());
    let at_the_cap = &all.delays[6..];
    let (least, most) = (at_the_cap.iter().min().unwrap(), at_the_cap.iter().max().unwrap());
    assert!(*least >= DEFAULT_MAX_DELAY.mul_f64(0.7) && *least < DEFAULT_MAX_DELAY.mul_f64(0.72), "{least:?}");
    assert!(*most <= DEFAULT_MAX_DELAY + TICK && *most > DEFAULT_MAX_DELAY.mul_f64(0.98), "{most:?}");
}

#[tokio::test(start_paused = true)]
async fn one_operation_in_an_idle_process_has_all_attempts_of_network_policy() {
    let all = run(&RetryPolicies::network_policy(), ALWAYS, reset).await;
    check_delays(&all, &[500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    assert_eq!((all.attempts(), all.stopped_by()), (8, Some(StoppedBy::MaxAttempts)));
}

#[tokio::test(start_paused = true)]
async fn one_operation_in_an_idle_process_has_all_attempts_of_database_policy() {
    let all = run(&RetryPolicies::database_policy(), ALWAYS, reset).await;
    check_delays(&all, &[100, 200, 400, 800]);
    assert_eq!((all.attempts(), all.stopped_by()), (5, Some(StoppedBy::MaxAttempts)));
}

#[tokio::test(start_paused = true)]
async fn one_operation_in_an_idle_process_has_all_attempts_of_api_policy() {
    let all = run(&RetryPolicies::api_policy(), ALWAYS, reset).await;
    check_delays(&all, &[250, 500]);
    assert_eq!((all.attempts(), all.stopped_by()), (3, Some(StoppedBy::MaxAttempts)));
}

#[tokio::test(start_paused = true)]
async fn one_operation_in_an_idle_process_has_all_attempts_of_filesystem_policy() {
    let all = run(&RetryPolicies::filesystem_policy(), ALWAYS, reset).await;
    check_delays(&all, &[50, 100]);
    assert_eq!((all.attempts(), all.stopped_by()), (3, Some(StoppedBy::MaxAttempts)));
}

#[tokio::test(start_paused = true)]
async fn rate_limit_policy_waits_a_minute_each_time_and_never_less() {
    let all = run(&RetryPolicies::rate_limit_policy(), ALWAYS, reset).await;
    assert_eq!(all.delays, [60 * SECOND; 9]);
    assert_eq!((all.attempts(), all.stopped_by()), (10, Some(StoppedBy::MaxAttempts)));

    let throttled = || Error::new(ErrorKind::Throttled { retry_after: 90 * SECOND }, "slow down");
    let told = run(&RetryPolicies::rate_limit_policy(), 1, throttled).await;
    assert!(told.result.is_ok() && told.delays[0] >= 90 * SECOND, "{:?}", told.delays);
}

#[tokio::test(start_paused = true)]
async fn the_savings_of_idempotent_policy_pay_for_one_operation_and_come_back_in_a_quiet_time() {
    let policy = RetryPolicies::idempotent_policy();
    let first = run(&policy, ALWAYS, reset).await;
    check_delays(&first, &[100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000]);
    assert_eq!((first.attempts(), first.stopped_by()), (10, Some(StoppedBy::MaxAttempts)));

    tokio::time::advance(11 * SECOND).await;
    let quick = policy.clone().with_max_delay(TICK).unwrap();
    let again = run(&quick, ALWAYS, reset).await;
    assert_eq!((again.attempts(), again.stopped_by()), (10, Some(StoppedBy::MaxAttempts)));

    // All policies of the name have the same savings: one retry is left in them.
    let other = run(&RetryPolicies::idempotent_policy(), ALWAYS, reset).await;
    assert_eq!((other.attempts(), other.stopped_by()), (2, Some(StoppedBy::Budget)));
}

/// Trap 63: a preset for what must not happen twice that repeats it all the same.
#[tokio::test(start_paused = true)]
async fn non_idempotent_policy_repeats_only_what_was_never_sent() {
    let policy = RetryPolicies::non_idempotent_policy();
    let unsent = run(&policy, ALWAYS, refused).await;
    check_delays(&unsent, &[1_000]);
    assert_eq!((unsent.attempts(), unsent.stopped_by()), (2, Some(StoppedBy::MaxAttempts)));

    for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::TimedOut, io::ErrorKind::BrokenPipe] {
        let sent = run(&policy, ALWAYS, || io::Error::from(kind)).await;
        assert_eq!(sent.attempts(), 1, "{kind:?}");
        assert!(matches!(sent.result, Err(RetryError::OperationFailed { .. })), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn startup_gives_up_after_five_seconds() {
    let all = run(&RetryStrategy::startup(), ALWAYS, refused).await;
    check_delays(&all, &[160, 320, 640, 1_280, 2_560]);
    assert_eq!(RetryStrategy::startup().worst_case_duration(), Some(Duration::from_millis(4_960)));
    let again = run(&RetryStrategy::startup(), ALWAYS, refused).await;
    assert_eq!(
        (again.attempts(), again.stopped_by()),
        (6, Some(StoppedBy::MaxAttempts)),
        "it has no budget to spend"
    );
}

#[tokio::test(start_paused = true)]
async fn daemon_tries_until_it_is_back() {
    let all = run(&RetryStrategy::daemon(), 200, refused).await;
    let longest: Vec<_> = (0..200).map(|retry| 60_000.min(1_000 << retry.min(6))).collect();
    check_delays(&all, &longest);
    assert!(all.result.is_ok());
    assert_eq!(RetryStrategy::daemon().worst_case_duration(), None);
}

#[tokio::test(start_paused = true)]
async fn query_gives_up_after_one_second() {
    let all = run(&RetryStrategy::query(), ALWAYS, reset).await;
    check_delays(&all, &[143, 286, 572]);
    assert_eq!((all.attempts(), all.stopped_by()), (4, Some(StoppedBy::MaxAttempts)));
    assert_eq!(RetryStrategy::query().worst_case_duration(), Some(Duration::from_millis(1_001)));
}
