//! The one order of everything around an attempt, without a runtime.
//!
//! 1. **Deadline**: is there time left?
//! 2. **Breaker**: may it be asked? Its permit is held by the attempt; one that is dropped says nothing.
//! 3. **Attempt**: the caller makes it.
//! 4. **Classify**: what the answer says; the breaker is told, the budget is credited by a success.
//! 5. **Attempts, hint, deadline**: is a retry allowed, and would it begin in time?
//! 6. **Breaker, again**: will it be open after the sleep, too? Then neither token nor sleep is spent on it.
//! 7. **Budget**: a token for the retry, charged now, because retries that sleep count too.
//! 8. **Sleep**: the caller does.
//!
//! [`RetryStrategy::execute`], its blocking form and the tower layers are loops over this.

use std::{fmt, time::Duration};

use crate::{
    Attempt, Class, Judge, RetryError, RetryMetrics, RetryStrategy, StoppedBy,
    breaker::Permit,
    nesting::{self, Inside},
    observe::{AttemptWatch, Entered, Outcome, Watch},
    time::{Clock, Instant, SystemClock},
};

/// One operation on its way through the order. It never sleeps and never calls the operation: its owner does.
///
/// # Examples
///
/// Any runtime can drive it:
///
/// ```
/// use std::io;
/// use syncline_resilience::{RetryStrategy, guard::{Answer, Next}};
///
/// let strategy = RetryStrategy::new();
/// let mut guard = strategy.guard::<io::Error>();
/// let mut answers = [Err(io::ErrorKind::ConnectionReset.into()), Ok("hello")].into_iter();
/// let result = loop {
///     let admitted = match guard.admit() {
///         Ok(admitted) => admitted,
///         Err(refused) => break Err(refused),
///     };
///     let answer = answers.next().unwrap();
///     match guard.settle(admitted, Answer::from(answer), strategy.judge()) {
///         Next::Wait(_delay) => {} // sleep here
///         Next::Done(value) => break Ok(value),
///         Next::Stop(error) => break Err(error),
///     }
/// };
/// assert_eq!(result.unwrap(), "hello");
/// assert_eq!(guard.metrics().attempts, 2);
/// ```
pub struct Guard<'a, C: Clock = SystemClock, K = crate::ByType, E = syncline_core::Error> {
    strategy: &'a RetryStrategy<C, K>,
    watch: Watch<'a>,
    /// Read only where something is measured by it.
    started: Option<Instant>,
    is_nested: bool,
    attempts: u32,
    total_delay: Duration,
    /// The last delay, before any hint: the next one may be drawn from it.
    previous: Duration,
    last_error: Option<E>,
    succeeded: bool,
    timed_out: bool,
}

/// The right to make one attempt. Dropping it tells the breaker nothing.
#[must_use = "it holds a permit of the breaker until the attempt is settled"]
pub struct Admitted<'a, C: Clock> {
    permit: Option<Permit<'a, C>>,
    number: u32,
    began: Option<Instant>,
    deadline: Option<Instant>,
    watch: AttemptWatch<'a>,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Answer<T, E> {
    /// It succeeded.
    Ok(T),
    /// It failed.
    Err(E),
    /// It did not answer in its time and was dropped.
    TimedOut,
}

/// What is to be done after an attempt.
#[derive(Debug)]
#[must_use = "it says how the operation goes on"]
pub enum Next<T, E> {
    /// Nothing: it succeeded.
    Done(T),
    /// Sleep, then ask to be admitted again.
    Wait(Duration),
    /// Nothing: it is given up.
    Stop(RetryError<E>),
}

// What a first attempt that succeeds goes through is inlined into the caller's future, and the rest is kept out of it: what is
// handed over by value here is copied otherwise, and the copies cost more than the decisions.
impl<'a, C: Clock, K, E> Guard<'a, C, K, E> {
    #[inline(always)]
    pub(crate) fn new(strategy: &'a RetryStrategy<C, K>, name: Option<&'a str>) -> Self {
        let is_timed = strategy.plan.timeout.is_some() || strategy.plan.attempt_timeout.is_some();
        Self {
            strategy,
            watch: Watch::begin(name, &strategy.clock),
            started: is_timed.then(|| strategy.clock.now()),
            is_nested: !strategy.plan.may_nest && nesting::is_nested(),
            attempts: 0,
            total_delay: Duration::ZERO,
            previous: Duration::ZERO,
            last_error: None,
            succeeded: false,
            timed_out: false,
        }
    }

    /// Steps 1 and 2: the right to make the next attempt.
    ///
    /// # Errors
    ///
    /// [`RetryError::Timeout`] when the time is over; when the breaker refuses, [`RetryError::CircuitBreakerOpen`] before the
    /// first attempt and [`RetryError::AttemptsExhausted`] with the last error after it.
    #[inline(always)]
    pub fn admit(&mut self) -> Result<Admitted<'a, C>, RetryError<E>> {
        if self.started.is_some() || self.strategy.breaker.is_some() {
            return self.admit_guarded();
        }
        self.attempts = self.attempts.saturating_add(1);
        let watch = self.watch.attempt(self.attempts);
        Ok(Admitted { permit: None, number: self.attempts, began: None, deadline: None, watch })
    }

    /// Steps 1 and 2 where there is a deadline or a breaker.
    fn admit_guarded(&mut self) -> Result<Admitted<'a, C>, RetryError<E>> {
        let began = self.started.map(|_| self.strategy.clock.now());
        if let (Some(now), Some(end)) = (began, self.end())
            && now >= end
        {
            return Err(self.out_of_time());
        }
        let permit = match self.strategy.breaker.as_deref().map(|breaker| breaker.try_acquire()).transpose() {
            Ok(permit) => permit,
            Err(_) if self.attempts == 0 => return Err(self.end_with(RetryError::CircuitBreakerOpen)),
            Err(_) => return Err(self.stop(StoppedBy::CircuitBreaker)),
        };
        self.attempts = self.attempts.saturating_add(1);
        let watch = self.watch.attempt(self.attempts);
        Ok(Admitted {
            permit,
            number: self.attempts,
            began,
            deadline: self.attempt_deadline(began),
            watch,
        })
    }

    /// What the attempt may know.
    pub fn attempt(&self, admitted: &Admitted<'a, C>) -> Attempt<'_, E> {
        let remaining = admitted.deadline.zip(admitted.began).map(|(end, began)| end.saturating_since(began));
        Attempt { number: admitted.number, last_error: self.last_error.as_ref(), remaining }
    }

    /// Steps 4 to 7: takes the answer of an attempt and says what comes next.
    #[inline(always)]
    pub fn settle<T>(&mut self, admitted: Admitted<'a, C>, answer: Answer<T, E>, judge: &impl Judge<E>) -> Next<T, E> {
        let settled = match answer {
            Answer::Ok(value) => {
                self.succeed(admitted);
                return Next::Done(value);
            }
            Answer::Err(error) => self.settle_error(admitted, error, judge),
            Answer::TimedOut => {
                admitted.watch.timed_out();
                tell_failure(admitted.permit, Class::Transient);
                // Nobody knows whether it was sent.
                if !self.is_curable(Class::Transient) {
                    return Next::Stop(self.out_of_time());
                }
                self.plan_retry(Class::Transient)
            }
        };
        match settled {
            Ok(delay) => Next::Wait(delay),
            Err(error) => Next::Stop(error),
        }
    }

    #[inline(never)]
    fn settle_error(
        &mut self,
        admitted: Admitted<'a, C>,
        error: E,
        judge: &impl Judge<E>,
    ) -> Result<Duration, RetryError<E>> {
        let class = judge.judge(&error);
        admitted.watch.failed::<E>(class, judge.describe(&error));
        tell_failure(admitted.permit, class);
        if !self.is_curable(class) {
            let failed = RetryError::OperationFailed { attempts: self.attempts, source: error };
            return Err(self.end_with(failed));
        }
        self.last_error = Some(error);
        self.plan_retry(class)
    }

    /// Ends the operation between two attempts, at its owner's wish.
    pub fn abandon(&mut self) -> RetryError<E> {
        self.stop(StoppedBy::Caller)
    }

    /// What the operation took so far.
    pub fn metrics(&self) -> RetryMetrics {
        RetryMetrics {
            attempts: self.attempts,
            total_delay: self.total_delay,
            succeeded: self.succeeded,
            timed_out: self.timed_out,
        }
    }

    #[inline(always)]
    fn succeed(&mut self, admitted: Admitted<'a, C>) {
        admitted.watch.succeeded();
        if let Some(permit) = admitted.permit {
            permit.success();
        }
        if let Some(budget) = self.strategy.budget.as_deref() {
            budget.succeeded();
        }
        self.succeeded = true;
        self.watch.ended(Outcome::Succeeded);
    }

    fn is_curable(&self, class: Class) -> bool {
        match class {
            Class::Permanent => false,
            Class::NotSent => true,
            Class::Transient | Class::Throttled { .. } => !self.strategy.plan.only_not_sent,
        }
    }

    /// Steps 5 to 7 after a failure that time may cure.
    #[inline(never)]
    fn plan_retry(&mut self, class: Class) -> Result<Duration, RetryError<E>> {
        let refusal = match self.next_delay(class) {
            Ok(delay) => {
                self.total_delay = self.total_delay.saturating_add(delay);
                self.watch.waits(delay);
                return Ok(delay);
            }
            Err(refusal) => refusal,
        };
        // A budget that refuses has counted the failure; one that was not asked has to hear of it.
        let was_asked = matches!(refusal, Refusal::Stopped(StoppedBy::Budget));
        if let Some(budget) = self.strategy.budget.as_deref().filter(|_| !was_asked) {
            budget.failed(class);
        }
        Err(match refusal {
            Refusal::Time => self.out_of_time(),
            Refusal::Stopped(by) => self.stop(by),
        })
    }

    fn next_delay(&mut self, class: Class) -> Result<Duration, Refusal> {
        let plan = &self.strategy.plan;
        if self.is_nested {
            return Err(Refusal::Stopped(StoppedBy::Nested));
        }
        if plan.max_attempts.is_some_and(|max| self.attempts >= max.get()) {
            return Err(Refusal::Stopped(StoppedBy::MaxAttempts));
        }
        let rng = &self.strategy.rng;
        let backoff = plan.backoff.delay_after(self.attempts, self.previous, || rng.next_u64());
        self.previous = backoff;
        let delay = match class {
            Class::Throttled { retry_after: Some(hint) } if hint > plan.max_retry_after => {
                return Err(Refusal::Stopped(StoppedBy::RetryAfter));
            }
            Class::Throttled { retry_after: Some(hint) } => {
                backoff.max(spread(hint, self.room_after(hint), rng.next_u64()))
            }
            _ => backoff,
        };
        if self.is_too_late(delay) {
            return Err(Refusal::Time);
        }
        let breaker = self.strategy.breaker.as_deref();
        if breaker.and_then(|breaker| breaker.open_for()).is_some_and(|open_for| open_for > delay) {
            return Err(Refusal::Stopped(StoppedBy::CircuitBreaker));
        }
        if self.strategy.budget.as_deref().is_some_and(|budget| !budget.try_charge(class)) {
            return Err(Refusal::Stopped(StoppedBy::Budget));
        }
        Ok(delay)
    }

    /// What chance may add to a hint: nothing beyond the longest that is waited for, and no more than half of the time that
    /// the hint leaves for the attempt.
    fn room_after(&self, hint: Duration) -> Duration {
        let room = self.strategy.plan.max_retry_after.saturating_sub(hint);
        match self.end() {
            Some(end) => room.min(end.saturating_since(self.strategy.clock.now()).saturating_sub(hint) / 2),
            None => room,
        }
    }

    fn is_too_late(&self, delay: Duration) -> bool {
        self.end().is_some_and(|end| self.strategy.clock.now() + delay >= end)
    }

    /// When the whole operation ends.
    fn end(&self) -> Option<Instant> {
        self.started.zip(self.strategy.plan.timeout).map(|(started, timeout)| started + timeout)
    }

    fn attempt_deadline(&self, began: Option<Instant>) -> Option<Instant> {
        let own = began.zip(self.strategy.plan.attempt_timeout).map(|(began, timeout)| began + timeout);
        [own, self.end()].into_iter().flatten().min()
    }

    fn stop(&mut self, stopped_by: StoppedBy) -> RetryError<E> {
        match self.last_error.take() {
            Some(source) => {
                self.end_with(RetryError::AttemptsExhausted { attempts: self.attempts, source, stopped_by })
            }
            // No attempt answered: time is what ended each of them.
            None => self.out_of_time(),
        }
    }

    fn out_of_time(&mut self) -> RetryError<E> {
        self.timed_out = true;
        let elapsed = self.started.map(|started| self.strategy.clock.now().saturating_since(started));
        let (attempts, source) = (self.attempts, self.last_error.take());
        self.end_with(RetryError::Timeout { elapsed: elapsed.unwrap_or_default(), attempts, source })
    }

    fn end_with(&mut self, error: RetryError<E>) -> RetryError<E> {
        self.watch.ended(Outcome::of(&error));
        error
    }
}

/// Why there is no retry.
enum Refusal {
    Time,
    Stopped(StoppedBy),
}

/// A failure that says nothing about the other side's health is not held against it.
fn tell_failure<C: Clock>(permit: Option<Permit<'_, C>>, class: Class) {
    match permit {
        Some(permit) if class == Class::Permanent => permit.ignore(),
        Some(permit) => permit.failure(),
        None => {}
    }
}

/// A hint is never shortened: chance only adds, up to a tenth of it, where there is `room`.
fn spread(hint: Duration, room: Duration, random: u64) -> Duration {
    let most = u64::try_from((hint / 10).min(room).as_nanos()).unwrap_or(u64::MAX);
    hint.saturating_add(Duration::from_nanos(crate::rng::between(0, most, random)))
}

impl<C: Clock> Admitted<'_, C> {
    /// 1 for the first try.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Marks this thread as inside the attempt, while it is polled or called.
    #[inline(always)]
    pub(crate) fn enter(&self) -> (Inside, Entered<'_>) {
        (Inside::enter(), self.watch.enter())
    }

    /// When the attempt is to be dropped if it has not answered; `None` without a timeout.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl<T, E> From<Result<T, E>> for Answer<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Err(error),
        }
    }
}

impl<C: Clock, K, E> fmt::Debug for Guard<'_, C, K, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("attempts", &self.attempts)
            .field("total_delay", &self.total_delay)
            .finish_non_exhaustive()
    }
}

impl<C: Clock> fmt::Debug for Admitted<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("number", &self.number).finish_non_exhaustive()
    }
}
