//! Something that is said once and stays said.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Signal {
    is_set: AtomicBool,
    notify: Notify,
}

impl Signal {
    pub(super) fn set(&self) {
        self.is_set.store(true, SeqCst);
        self.notify.notify_waiters();
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(SeqCst)
    }

    pub(super) async fn wait(&self) {
        loop {
            let mut said = pin!(self.notify.notified());
            said.as_mut().enable();
            if self.is_set() {
                return;
            }
            said.await;
        }
    }
}
