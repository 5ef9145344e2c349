//! Watching a queue of another process: one request, then replies without end.

use std::{io, time::Duration};

use syncline::{Error, ErrorKind, Result, port::Clock as _, rt::SystemClock};
use tokio::{net::UnixStream, sync::Semaphore};

use super::{
    client::Watched,
    message::{Fault, Reply},
    server::{Closing, told_to_close},
    wire,
};
use crate::store::{Happened, Local};

/// Most watchers at once: each has a connection as long as it watches, and others need some too.
pub(super) const WATCHERS_MAX: usize = 8;
/// How often a watcher hears that nothing happened; who is gone is noticed then.
const WORKING_EVERY: Duration = Duration::from_secs(1);

/// Tells what happens on a queue until the watcher is gone or the owner ends.
pub(super) async fn tell(
    stream: &mut UnixStream,
    local: &Local,
    name: &str,
    seats: &Semaphore,
    closing: &mut Closing,
) -> io::Result<()> {
    let Ok(_seat) = seats.try_acquire() else {
        let error =
            Error::new(ErrorKind::Full, format!("{WATCHERS_MAX} processes watch already, the most there may be"));
        return wire::write(stream, &Reply::Failed(Fault::from(&error)), &[]).await;
    };
    let mut events = match local.events(name).await {
        Ok(events) => events,
        Err(error) => return wire::write(stream, &Reply::Failed(Fault::from(&error)), &[]).await,
    };
    // From now on nothing is missed.
    let mut reply = Reply::Events(Vec::new());
    loop {
        tokio::select! {
            biased;
            // Who does not read must not hold up the end.
            () = told_to_close(closing) => return Ok(()),
            written = wire::write(stream, &reply, &[]) => written?,
        }
        reply = tokio::select! {
            biased;
            () = told_to_close(closing) => return wire::write(stream, &Reply::Closing, &[]).await,
            some = events.next() => some.map_or(Reply::Closing, Reply::Events),
            () = SystemClock.sleep_until(SystemClock.now() + WORKING_EVERY) => Reply::Working,
        };
    }
}

/// What happens on a queue of another process.
#[derive(Debug)]
pub(crate) struct Watch {
    watched: Watched,
}

impl Watch {
    pub(super) fn new(watched: Watched) -> Self {
        Self { watched }
    }

    /// What happened; `None` once the process that was watched has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Happened>>> {
        match self.watched.next().await {
            Ok(Reply::Events(some)) => Ok(Some(some)),
            Ok(Reply::Closing) => Ok(None),
            Ok(Reply::Failed(fault)) => Err(fault.into()),
            Ok(_) => Err(Error::new(ErrorKind::Invalid, "the process that holds the directory told something else")),
            Err(error) if error.kind() == ErrorKind::Closed => Ok(None),
            Err(error) => Err(error),
        }
    }
}
