//! One call, from its first attempt to its last.

use std::{future::poll_fn, sync::Arc};

use tower_service::Service;

use super::{repeat::Repeat, service::Shared};
use crate::{
    Judge, RetryError,
    guard::{Guard, Next},
    strategy::race,
    time::Clock,
};

/// Drives a call on `service`, which may be ready for its first attempt already.
pub(super) async fn drive<S, Request, C, K, R>(
    shared: Arc<Shared<C, K, R>>,
    mut service: S,
    mut is_ready: bool,
    mut request: Request,
) -> Result<S::Response, RetryError<S::Error>>
where
    S: Service<Request>,
    C: Clock,
    K: Judge<S::Error>,
    R: Repeat<Request>,
{
    let setup = &shared.setup;
    let mut spare = setup.repeat.repeat(&request);
    // No token is charged for a retry that there cannot be.
    let strategy = if spare.is_some() { &setup.strategy } else { &shared.once };
    let mut guard = Guard::new(strategy, setup.name.as_deref());
    loop {
        let admitted = guard.admit()?;
        let answer = race(&strategy.clock, &admitted, attempt(&mut service, request, is_ready)).await;
        let delay = match guard.settle(admitted, answer, strategy.judge()) {
            Next::Done(response) => return Ok(response),
            Next::Stop(error) => return Err(error),
            Next::Wait(delay) => delay,
        };
        // A request that could be repeated once may not be again.
        let Some(again) = spare.take() else { return Err(guard.abandon()) };
        spare = setup.repeat.repeat(&again);
        (request, is_ready) = (again, false);
        strategy.clock.sleep_until(strategy.clock.now() + delay).await;
    }
}

async fn attempt<S, Request>(service: &mut S, request: Request, is_ready: bool) -> Result<S::Response, S::Error>
where
    S: Service<Request>,
{
    if !is_ready {
        poll_fn(|cx| service.poll_ready(cx)).await?;
    }
    service.call(request).await
}
