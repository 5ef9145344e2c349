//! The directory in another process, reached through its control socket.

use std::{os::unix::ffi::OsStrExt, path::Path, sync::Arc};

use bytes::Bytes;
use syncline::{Backup, Error, ErrorKind, Inspection, Result, Stats, Verified};

use super::{
    item::{About, Item, NewItem, Page, PutResult, Scan},
    queue::{Ask, Told},
};
use crate::control::{Client, PutHeader, Reply, Request, Watch};

/// A directory that another process holds.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    client: Arc<Client>,
}

impl Remote {
    /// The commands of the process behind `client`.
    pub(crate) fn new(client: Client) -> Self {
        Self { client: Arc::new(client) }
    }

    /// The process that holds the directory.
    pub(crate) fn pid(&self) -> u32 {
        self.client.pid()
    }

    /// As [`Local::get`](super::Local::get).
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Item>> {
        match self.client.ask(&Request::Get { id: id.to_owned() }, &[]).await? {
            (Reply::Item(about), content) => Ok(about.map(|about| Item { about, content })),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::put_many`](super::Local::put_many).
    pub(crate) async fn put_many(&self, items: &[NewItem], only_changed: bool) -> Result<Vec<PutResult>> {
        let contents: Vec<Bytes> = items.iter().map(|item| item.content.clone()).collect();
        let request = Request::Put { items: items.iter().map(header).collect(), only_changed };
        match self.client.ask(&request, &contents).await? {
            (Reply::Puts(results), _) if results.len() == items.len() => {
                Ok(results.into_iter().map(|result| result.map_err(Error::from)).collect())
            }
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::delete`](super::Local::delete).
    pub(crate) async fn delete(&self, id: &str) -> Result<Option<String>> {
        match self.client.ask(&Request::Delete { id: id.to_owned() }, &[]).await? {
            (Reply::Deleted(version), _) => Ok(version),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::scan`](super::Local::scan).
    pub(crate) async fn scan(&self, scan: &Scan) -> Result<Page> {
        match self.client.ask(&Request::Scan(scan.clone()), &[]).await? {
            (Reply::Page { items, more }, body) => Ok(Page { items: unpack(items, body)?, more }),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::flush`](super::Local::flush).
    pub(crate) async fn flush(&self) -> Result<()> {
        match self.client.ask(&Request::Flush, &[]).await? {
            (Reply::Flushed, _) => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::stats`](super::Local::stats).
    pub(crate) async fn stats(&self) -> Result<Stats> {
        match self.client.ask(&Request::Stats, &[]).await? {
            (Reply::Stats(stats), _) => Ok(stats),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::verify`](super::Local::verify).
    pub(crate) async fn verify(&self) -> Result<Verified> {
        match self.client.ask(&Request::Verify, &[]).await? {
            (Reply::Verified(verified), _) => Ok(verified),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::backup`](super::Local::backup); `dest` is absolute, for the owner may stand elsewhere.
    pub(crate) async fn backup(&self, dest: &Path) -> Result<Backup> {
        let path = Bytes::copy_from_slice(dest.as_os_str().as_bytes());
        match self.client.ask(&Request::Backup, &[path]).await? {
            (Reply::Backup(backup), _) => Ok(backup),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::queue`](super::Local::queue).
    pub(crate) async fn queue(&self, name: &str, ask: Ask) -> Result<Told> {
        match self.client.ask(&Request::Queue { name: name.to_owned(), ask }, &[]).await? {
            (Reply::Queue(told), _) => Ok(told),
            _ => Err(unexpected()),
        }
    }

    /// As [`Local::events`](super::Local::events), until the other process ends.
    pub(crate) async fn events(&self, name: &str) -> Result<Watch> {
        self.client.watch(name).await
    }

    /// As [`Local::inspect`](super::Local::inspect).
    pub(crate) async fn inspect(&self) -> Result<Inspection> {
        match self.client.ask(&Request::Inspect, &[]).await? {
            (Reply::Inspection(inspection), _) => Ok(inspection),
            _ => Err(unexpected()),
        }
    }
}

fn header(item: &NewItem) -> PutHeader {
    PutHeader {
        id: item.id.clone(),
        bytes: item.content.len(),
        kind: item.content_type.into(),
        expires_at_ms: item.expires_at.map(syncline::WallTime::as_millis),
    }
}

/// Items and their contents, which stand one after another in `body`.
fn unpack(items: Vec<About>, mut body: Bytes) -> Result<Vec<Item>> {
    let mut whole = Vec::with_capacity(items.len());
    for about in items {
        let bytes = usize::try_from(about.bytes).unwrap_or(usize::MAX);
        if bytes > body.len() {
            return Err(Error::new(ErrorKind::Invalid, "a reply says that it holds more bytes than it does"));
        }
        whole.push(Item { about, content: body.split_to(bytes) });
    }
    Ok(whole)
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Invalid, "the process that holds the directory gave another answer than was asked for")
}
