//! Operations that are awaited.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use super::RetryStrategy;
use crate::{
    Attempt, Class, Judge, Operation, RetryError, RetryMetrics,
    guard::{Admitted, Answer, Guard, Next},
    time::{Clock, Sleep},
};

impl<C: Clock, K> RetryStrategy<C, K> {
    /// Carries out `operation`, repeating it as the strategy says.
    ///
    /// # Errors
    ///
    /// What ended it, with the operation's last error in it: see [`RetryError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt under way or ends the sleep. The breaker is told nothing of that attempt; a token
    /// that was charged for a retry stays charged.
    pub async fn execute<T, E, F, Fut>(&self, operation: F) -> Result<T, RetryError<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: 'static,
        K: Judge<E>,
    {
        run(&mut self.guard(), &self.clock, operation, &self.judge).await
    }

    /// [`execute`](Self::execute), and what it took. `name` labels spans and metrics; it is borrowed for the call.
    pub async fn execute_with_metrics<T, E, F, Fut>(
        &self,
        name: impl AsRef<str>,
        operation: F,
    ) -> (Result<T, RetryError<E>>, RetryMetrics)
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: 'static,
        K: Judge<E>,
    {
        let mut guard = Guard::new(self, Some(name.as_ref()));
        let result = run(&mut guard, &self.clock, operation, &self.judge).await;
        (result, guard.metrics())
    }

    /// [`execute`](Self::execute) with `classify` as the judge, for errors of any type.
    pub async fn execute_classified<T, E, F, Fut>(
        &self,
        classify: impl Fn(&E) -> Class,
        operation: F,
    ) -> Result<T, RetryError<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        run(&mut self.guard(), &self.clock, operation, &classify).await
    }

    /// [`execute`](Self::execute) with an operation that borrows what it needs and is told which attempt it is. Where its
    /// future must also move between threads and the compiler cannot see that it may, give the operation a type of its own:
    /// [`execute_until`](Self::execute_until).
    pub async fn execute_attempts<T, E, F>(&self, mut operation: F) -> Result<T, RetryError<E>>
    where
        F: AsyncFnMut(Attempt<'_, E>) -> Result<T, E>,
        E: 'static,
        K: Judge<E>,
    {
        let mut guard = self.guard();
        loop {
            let admitted = guard.admit()?;
            let attempt = operation(guard.attempt(&admitted));
            let answer = race(&self.clock, &admitted, attempt).await;
            match guard.settle(admitted, answer, &self.judge) {
                Next::Done(value) => return Ok(value),
                Next::Stop(error) => return Err(error),
                Next::Wait(delay) => sleep(&self.clock, delay).await,
            }
        }
    }

    /// Carries out an operation that has a type of its own, until `stop` resolves: then the sleep under way is the last. An
    /// attempt is never cut short by it, so that what it has in hand is settled.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); when `stop` ended it, [`StoppedBy::Caller`](crate::StoppedBy::Caller) with the last
    /// error, or [`RetryError::Timeout`] where no attempt answered.
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn execute_until<O>(
        &self,
        stop: impl Future<Output = ()>,
        operation: &mut O,
    ) -> Result<O::Output, RetryError<O::Error>>
    where
        O: Operation,
        K: Judge<O::Error>,
    {
        let mut stop = pin!(stop);
        let mut guard = self.guard();
        loop {
            let admitted = guard.admit()?;
            let attempt = inside(&admitted, || operation.attempt(guard.attempt(&admitted)));
            let answer = race(&self.clock, &admitted, attempt).await;
            match guard.settle(admitted, answer, &self.judge) {
                Next::Done(value) => return Ok(value),
                Next::Stop(error) => return Err(error),
                Next::Wait(delay) if is_stopped(stop.as_mut(), sleep(&self.clock, delay)).await => {
                    return Err(guard.abandon());
                }
                Next::Wait(_) => {}
            }
        }
    }
}

/// Whether `stop` resolved before `sleep`.
async fn is_stopped(mut stop: Pin<&mut impl Future<Output = ()>>, sleep: impl Future<Output = ()>) -> bool {
    let mut sleep = pin!(sleep);
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| false),
    })
    .await
}

/// Drives `guard` with operations that say nothing of the attempt that they are.
async fn run<C, K, T, E, F, Fut>(
    guard: &mut Guard<'_, C, K, E>,
    clock: &C,
    mut operation: F,
    judge: &impl Judge<E>,
) -> Result<T, RetryError<E>>
where
    C: Clock,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    loop {
        let admitted = guard.admit()?;
        // In a block of its own: an attempt that ran out of its time is dropped before the sleep.
        let answer = {
            let attempt = pin!(inside(&admitted, &mut operation));
            Race { clock, admitted: &admitted, attempt, over: None }.await
        };
        match guard.settle(admitted, answer, judge) {
            Next::Done(value) => return Ok(value),
            Next::Stop(error) => return Err(error),
            Next::Wait(delay) => sleep(clock, delay).await,
        }
    }
}

/// Begins an attempt, marked as inside of it: what a closure does before its future is a part of the attempt.
#[inline(always)]
fn inside<C: Clock, T>(admitted: &Admitted<'_, C>, begin: impl FnOnce() -> T) -> T {
    let _inside = admitted.enter();
    begin()
}

/// Awaits an attempt until its deadline.
pub(crate) async fn race<C, T, E>(
    clock: &C,
    admitted: &Admitted<'_, C>,
    attempt: impl Future<Output = Result<T, E>>,
) -> Answer<T, E>
where
    C: Clock,
{
    Race { clock, admitted, attempt: pin!(attempt), over: None }.await
}

/// An attempt against its deadline, marked as inside of it whenever it is polled.
struct Race<'r, 'a, C: Clock, F> {
    clock: &'r C,
    admitted: &'r Admitted<'a, C>,
    attempt: Pin<&'r mut F>,
    /// Made at the first wait: an attempt that answers at once costs no sleep.
    over: Option<Sleep>,
}

impl<C, T, E, F> Future for Race<'_, '_, C, F>
where
    C: Clock,
    F: Future<Output = Result<T, E>>,
{
    type Output = Answer<T, E>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<T, E>> {
        let polled = {
            let _inside = self.admitted.enter();
            self.attempt.as_mut().poll(cx)
        };
        match polled {
            Poll::Ready(result) => Poll::Ready(result.into()),
            Poll::Pending => self.wait(cx).map(|()| Answer::TimedOut),
        }
    }
}

impl<C: Clock, F> Race<'_, '_, C, F> {
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.admitted.deadline() else { return Poll::Pending };
        let clock = self.clock;
        let over = self.over.get_or_insert_with(|| clock.sleep_until(deadline));
        // A timer of tokio does not fire for a task that has used up its share, as an attempt that always finds work does.
        if over.as_mut().poll(cx).is_ready() || clock.now() >= deadline {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

async fn sleep<C: Clock>(clock: &C, delay: Duration) {
    clock.sleep_until(clock.now() + delay).await;
}
