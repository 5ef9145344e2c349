//! Giving back what nobody will settle, from where nothing can be waited for.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use syncline_core::{
    port::{BoxFuture, DeadReason, Lease, QueueOutcome, Settlement},
    rt,
};

use super::{Inner, SyncQueue, bell::UnderWay, gate::Errand};
use crate::{QueueResult, SyncItem};

impl SyncQueue {
    /// Gives items back to their places, untouched. What the storage does not do at once is waited for on a thread; a shutdown
    /// of the queue waits for it too. Where it fails, the items are back when their leases end.
    pub(crate) fn give_back(&self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let inner = Arc::clone(&self.inner);
        let mut release: BoxFuture<'static, ()> = Box::pin(async move {
            if let Err(error) = inner.release(&leases).await {
                tracing::warn!(target: crate::TRACING_TARGET, %error, items = leases.len(), "items come back when their leases end");
            }
        });
        // Not polled again here, so that nobody has to be woken.
        if release.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        if let Err(error) = rt::thread("syncline-queue-release", move || block_on(release)) {
            tracing::warn!(target: crate::TRACING_TARGET, %error, "there is no thread: items come back when their leases end");
        }
    }
}

impl Inner {
    /// Gives items back to their places, untouched.
    pub(super) async fn release(&self, leases: &[Lease]) -> QueueResult<()> {
        let _pass = self.gate.enter(Errand::Settle)?;
        let settlements: Vec<_> = leases
            .iter()
            .map(|lease| Settlement { lease: lease.clone(), outcome: QueueOutcome::Release })
            .collect();
        let under_way = UnderWay::new(&self.bell);
        let told = self.watched(self.store.settle(&settlements, self.now())).await;
        under_way.done();
        for (lease, verdict) in leases.iter().zip(told?) {
            self.note_settled(&lease.id, lease.token, verdict, DeadReason::Exhausted);
        }
        Ok(())
    }
}

/// The lease under which an item was popped.
pub(crate) fn lease_of(item: SyncItem) -> Lease {
    Lease { id: item.id, token: item.lease_token }
}

/// Runs a future on this thread, which sleeps while there is nothing to do.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
