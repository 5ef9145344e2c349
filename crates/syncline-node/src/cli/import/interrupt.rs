//! Ctrl-C, and the polite signal of those who shut a machine down.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Failure, Result};

/// Hears the user's wish to stop.
pub(crate) struct Interrupt {
    int: Signal,
    term: Signal,
}

impl Interrupt {
    /// From now on a signal does not end the process but is heard.
    pub(crate) fn listen() -> Result<Self> {
        let refused = |error: io::Error| Failure::failed("unavailable", format!("cannot listen for Ctrl-C: {error}"));
        let int = signal(SignalKind::interrupt()).map_err(refused)?;
        let term = signal(SignalKind::terminate()).map_err(refused)?;
        Ok(Self { int, term })
    }

    /// Resolves at the next signal.
    ///
    /// # Cancel safety
    ///
    /// A signal that came is heard by the next call.
    pub(crate) async fn next(&mut self) {
        let heard = tokio::select! {
            heard = self.int.recv() => heard,
            heard = self.term.recv() => heard,
        };
        if heard.is_none() {
            // The system sends no more signals: there is nothing to hear, ever.
            std::future::pending::<()>().await;
        }
    }
}
