//! Finding the way to a directory: through its owner when there is one, else by becoming the owner.

use std::{path::PathBuf, sync::Arc, time::Duration};

use syncline::{
    Builder, Error, ErrorKind, Result, RetryStrategy,
    retry::{Backoff, Class},
};

use super::{Local, Store, remote::Remote};
use crate::control::{Client, Refusal, Server};

/// Pause before another look at a directory whose owner is about to come or to go.
const PAUSE: Duration = Duration::from_millis(30);

/// Whether a missing directory is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It must be there.
    Existing,
    /// It is made.
    Create,
}

/// How the directory is found and opened.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it is.
    pub(crate) dir: PathBuf,
    /// Opens it with all that was configured.
    pub(crate) builder: Builder,
    /// Whether only this process will do.
    pub(crate) exclusive: bool,
    /// How long an owner may be silent.
    pub(crate) patience: Duration,
    /// Whether a missing directory is made.
    pub(crate) access: Access,
    /// Whether this process holds the directory until its user wants it to end, so that leases that it gives to others last.
    pub(crate) is_keeper: bool,
}

/// The way to the directory of `settings`.
pub(crate) async fn open(settings: &Settings) -> Result<Store> {
    // Asked again at each opening: between two the directory may have been removed.
    if settings.access == Access::Existing && !settings.dir.is_dir() {
        let message = format!("there is no directory {} any more", settings.dir.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    // Attempts are bounded and not cut short: one of them may read a whole journal.
    let looks = 1 + settings.patience.as_millis() / PAUSE.as_millis();
    let strategy = RetryStrategy::new()
        .with_backoff(Backoff::constant(PAUSE))
        .with_max_attempts(u32::try_from(looks).unwrap_or(u32::MAX))
        .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
    let opened = strategy.execute_classified(is_held, || look(settings)).await;
    opened.map_err(|error| match error.into_source() {
        Some(error) if error.kind() == ErrorKind::Conflict => held(error, settings),
        Some(error) => error,
        None => Error::new(ErrorKind::Unavailable, format!("{} was not looked at", settings.dir.display())),
    })
}

/// Somebody may hold the directory who does not listen yet, or not any more: look again. Nothing else passes by itself.
fn is_held(error: &Error) -> Class {
    if error.kind() == ErrorKind::Conflict {
        Class::Transient
    } else {
        Class::Permanent
    }
}

async fn look(settings: &Settings) -> Result<Store> {
    match through_owner(settings).await? {
        Some(store) => Ok(store),
        None => become_owner(settings).await,
    }
}

async fn through_owner(settings: &Settings) -> Result<Option<Store>> {
    match Client::connect(&settings.dir, settings.patience).await {
        Ok(client) if settings.exclusive => {
            let (dir, pid) = (settings.dir.display(), client.pid());
            let message =
                format!("{dir} is held by process {pid}: end it, or leave out --exclusive to work through it");
            Err(Error::new(ErrorKind::Denied, message))
        }
        Ok(client) => Ok(Some(Store::Remote(Remote::new(client)))),
        Err(Refusal::NoOwner | Refusal::Closing) => Ok(None),
        Err(Refusal::Failed(error)) => Err(error),
    }
}

async fn become_owner(settings: &Settings) -> Result<Store> {
    let syncline = Arc::new(settings.builder.clone().open().await?);
    let local = Local::new(syncline, settings.is_keeper);
    match Server::start(&settings.dir, local.clone()) {
        Ok(server) => Ok(Store::Local(local, Arc::new(server))),
        Err(source) => {
            let error = Error::new(ErrorKind::Unavailable, format!("cannot listen in {}", settings.dir.display()));
            let closed = local.close().await;
            closed.and(Err(error.with_source(source)))
        }
    }
}

fn held(error: Error, settings: &Settings) -> Error {
    let (dir, patience) = (settings.dir.display(), settings.patience.as_secs_f64());
    let message = format!("{dir} is held by a process that did not answer for {patience} s: wait, or end it");
    Error::new(ErrorKind::Conflict, message).with_source(error)
}
