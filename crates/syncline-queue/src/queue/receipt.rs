//! The answer to a push that was not waited for.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use syncline_core::{port::BoxFuture, rt};

use crate::QueueResult;

/// Says whether a push was kept: await it.
///
/// # Cancel safety
///
/// Dropping it does not undo the push.
#[must_use = "an item is only kept once its receipt says so"]
pub struct PushReceipt {
    id: String,
    state: State,
}

enum State {
    UnderWay(BoxFuture<'static, QueueResult<()>>),
    Answered(QueueResult<()>),
    Taken,
}

impl PushReceipt {
    /// Begins `push`, as far as it goes without waiting.
    pub(super) fn begin(id: String, push: impl Future<Output = QueueResult<()>> + Send + 'static) -> Self {
        let mut push: BoxFuture<'static, QueueResult<()>> = Box::pin(push);
        let state = match push.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => State::Answered(answer),
            Poll::Pending => State::UnderWay(push),
        };
        Self { id, state }
    }

    /// The id of the item.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Blocks this thread until the push is answered: for code without tasks.
    ///
    /// # Errors
    ///
    /// As [`SyncQueue::push`](crate::SyncQueue::push).
    ///
    /// # Panics
    ///
    /// When it has answered before.
    pub fn wait(self) -> QueueResult<()> {
        rt::block_on(self)
    }
}

impl Future for PushReceipt {
    type Output = QueueResult<()>;

    /// # Panics
    ///
    /// When it is polled after it has answered.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            State::UnderWay(mut push) => match push.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(answer),
                Poll::Pending => {
                    self.state = State::UnderWay(push);
                    Poll::Pending
                }
            },
            State::Taken => {
                assert!(!matches!(self.state, State::Taken), "a receipt that has answered was polled again");
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for PushReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushReceipt").field("id", &self.id).finish_non_exhaustive()
    }
}
