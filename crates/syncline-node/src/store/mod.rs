//! The directory, whoever holds it: this process, or another behind its control socket.

mod item;
mod local;
mod open;
mod queue;
mod remote;
mod session;

use std::{path::Path, sync::Arc};

pub(crate) use item::{About, Item, Kind, NewItem, Page, Put, PutResult, Scan};
pub(crate) use local::Local;
pub(crate) use open::{Access, Settings};
pub(crate) use queue::{Ask, Events, Filter, Happened, Job, Pop, Told};
use remote::Remote;
pub(crate) use session::Session;
use syncline::{Backup, Error, ErrorKind, Inspection, Result, Stats, Verified};

use crate::control::{Server, Watch};

/// What happens on a queue, whoever holds it.
#[derive(Debug)]
pub(crate) enum Watching {
    /// This process.
    Local(Events),
    /// Another one.
    Remote(Box<Watch>),
}

impl Watching {
    /// What happened; `None` once nothing more can, for who holds the directory has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Happened>>> {
        match self {
            Self::Local(events) => Ok(events.next().await),
            Self::Remote(watch) => watch.next().await,
        }
    }
}

/// A way to the directory. Clones are the same way.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// This process holds it, and answers others.
    Local(Local, Arc<Server>),
    /// Another process holds it, and answers us.
    Remote(Remote),
}

impl Store {
    /// One item.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Item>> {
        match self {
            Self::Local(local, _) => local.get(id).await,
            Self::Remote(remote) => remote.get(id).await,
        }
    }

    /// Stores items; each result stands where its item stood. With `only_changed`, items that are stored already are left
    /// as they are.
    pub(crate) async fn put_many(&self, items: &[NewItem], only_changed: bool) -> Result<Vec<PutResult>> {
        match self {
            Self::Local(local, _) => Ok(local.put_many(items.to_vec(), only_changed).await),
            Self::Remote(remote) => remote.put_many(items, only_changed).await,
        }
    }

    /// Stores one item.
    pub(crate) async fn put(&self, item: &NewItem, only_changed: bool) -> Result<Put> {
        let results = self.put_many(std::slice::from_ref(item), only_changed).await?;
        let nothing = || Err(Error::new(ErrorKind::Unknown, "no result came for the item"));
        results.into_iter().next().unwrap_or_else(nothing)
    }

    /// Deletes one item: the version of its tombstone, or `None` when there is no such item.
    pub(crate) async fn delete(&self, id: &str) -> Result<Option<String>> {
        match self {
            Self::Local(local, _) => local.delete(id).await,
            Self::Remote(remote) => remote.delete(id).await,
        }
    }

    /// One page of items.
    pub(crate) async fn scan(&self, scan: &Scan) -> Result<Page> {
        match self {
            Self::Local(local, _) => local.scan(scan).await,
            Self::Remote(remote) => remote.scan(scan).await,
        }
    }

    /// Waits until all that was accepted so far is archived.
    pub(crate) async fn flush(&self) -> Result<()> {
        match self {
            Self::Local(local, _) => local.flush().await,
            Self::Remote(remote) => remote.flush().await,
        }
    }

    /// Counts.
    pub(crate) async fn stats(&self) -> Result<Stats> {
        match self {
            Self::Local(local, _) => local.stats().await,
            Self::Remote(remote) => remote.stats().await,
        }
    }

    /// What the archive said when it last failed, if it has failed and not answered since.
    pub(crate) async fn archive_error(&self) -> Option<String> {
        match self {
            Self::Local(local, _) => local.archive_error(),
            Self::Remote(remote) => {
                let stats = remote.stats().await.ok()?;
                stats.archive_error.filter(|_| stats.archive_is_up == Some(false))
            }
        }
    }

    /// Reads everything back.
    pub(crate) async fn verify(&self) -> Result<Verified> {
        match self {
            Self::Local(local, _) => local.verify().await,
            Self::Remote(remote) => remote.verify().await,
        }
    }

    /// Copies the archive, with all that was accepted so far, to `dest`, an absolute path.
    pub(crate) async fn backup(&self, dest: &Path) -> Result<Backup> {
        match self {
            Self::Local(local, _) => local.backup(dest).await,
            Self::Remote(remote) => remote.backup(dest).await,
        }
    }

    /// What a doctor looks at.
    pub(crate) async fn inspect(&self) -> Result<Inspection> {
        match self {
            Self::Local(local, _) => local.inspect().await,
            Self::Remote(remote) => remote.inspect().await,
        }
    }

    /// Asks the queue called `name`.
    pub(crate) async fn queue(&self, name: &str, ask: Ask) -> Result<Told> {
        match self {
            Self::Local(local, _) => local.queue(name, ask).await,
            Self::Remote(remote) => remote.queue(name, ask).await,
        }
    }

    /// What happens on the queue called `name` from now on.
    pub(crate) async fn events(&self, name: &str) -> Result<Watching> {
        Ok(match self {
            Self::Local(local, _) => Watching::Local(local.events(name).await?),
            Self::Remote(remote) => Watching::Remote(Box::new(remote.events(name).await?)),
        })
    }

    /// The process that holds the directory, when it is another one.
    pub(crate) fn other_owner(&self) -> Option<u32> {
        match self {
            Self::Local(..) => None,
            Self::Remote(remote) => Some(remote.pid()),
        }
    }

    /// Lets go of the directory: finishes what others asked, archives what is pending, closes.
    pub(crate) async fn close(&self) -> Result<()> {
        match self {
            Self::Local(local, server) => {
                let stopped = server.stop().await;
                let closed = local.close().await;
                stopped.and(closed)
            }
            Self::Remote(_) => Ok(()),
        }
    }
}
