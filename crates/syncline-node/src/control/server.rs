//! The side that answers: the owner of the directory, while it does its own work.

use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use syncline::{
    Error, ErrorKind, Result, RetryError, RetryStrategy, WallTime,
    port::Clock as _,
    retry::Backoff,
    rt::{self, SystemClock, Task, os},
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch as signal},
};

use super::{
    message::{Fault, PROTOCOL, PutHeader, Reply, Request},
    socket, watch, wire,
};
use crate::store::{Ask, Job, Local, NewItem, Told};

/// Most processes served at once; others wait to be taken.
const CONNECTIONS_MAX: usize = 32;
/// How often a client hears that its request is being worked on.
const WORKING_EVERY: Duration = Duration::from_secs(1);
/// How long requests under way may take once the owner wants to end.
const LAST_REQUESTS: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection: it is short of something that others must give back.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Whether the owner wants to end.
pub(super) type Closing = signal::Receiver<bool>;

/// Answers other processes until it is stopped.
#[derive(Debug)]
pub(crate) struct Server {
    dir: PathBuf,
    closing: signal::Sender<bool>,
    task: Mutex<Option<Task<()>>>,
}

impl Server {
    /// Listens in `dir` for requests to `local`, which holds its lock.
    pub(crate) fn start(dir: &Path, local: Local) -> io::Result<Self> {
        let listener = socket::bind(dir)?;
        let (closing, closed) = signal::channel(false);
        let task = rt::spawn("control socket", listen(listener, local, closed));
        Ok(Self { dir: dir.to_owned(), closing, task: Mutex::new(Some(task)) })
    }

    /// Finishes what was asked, tells everybody else to ask the next owner, and removes the socket.
    pub(crate) async fn stop(&self) -> Result<()> {
        self.closing.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return Ok(()) };
        task.await?;
        socket::remove(&self.dir).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("cannot remove {}", socket::path(&self.dir).display()))
                .with_source(error)
        })
    }
}

async fn listen(listener: UnixListener, local: Local, mut closing: Closing) {
    let mut connections = FuturesUnordered::new();
    let seats = Arc::new(Semaphore::new(watch::WATCHERS_MAX));
    loop {
        let has_room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = told_to_close(&mut closing) => break,
            Some(_ended) = connections.next() => {}
            Ok(stream) = accept(&listener), if has_room => {
                connections.push(rt::spawn("control connection", serve(stream, local.clone(), Arc::clone(&seats), closing.clone())));
            }
        }
    }
    let drained = async { while connections.next().await.is_some() {} };
    tokio::select! {
        () = drained => {}
        () = SystemClock.sleep_until(SystemClock.now() + LAST_REQUESTS) => {
            tracing::warn!("a request through the control socket did not end and is given up");
        }
    }
}

/// The next connection, however often the system refuses one.
async fn accept(listener: &UnixListener) -> Result<UnixStream, RetryError<io::Error>> {
    let strategy = RetryStrategy::new()
        .with_unlimited_attempts()
        .with_backoff(Backoff::constant(REFUSED_PAUSE));
    let accepted = strategy.execute(|| async {
        let accepted = listener.accept().await;
        accepted.map(|(stream, _)| stream).inspect_err(|error| {
            tracing::warn!(%error, "cannot take a connection to the control socket");
        })
    });
    accepted.await
}

/// Resolves once the owner wants to end; a server that is gone wants to as well.
pub(super) async fn told_to_close(closing: &mut Closing) {
    let _told = closing.wait_for(|closing| *closing).await.is_ok();
}

/// Serves one connection. What goes wrong on it concerns only the client, who sees it too.
async fn serve(mut stream: UnixStream, local: Local, seats: Arc<Semaphore>, closing: Closing) {
    if let Err(error) = converse(&mut stream, &local, &seats, closing).await {
        tracing::debug!(%error, "a connection to the control socket ended early");
    }
}

async fn converse(stream: &mut UnixStream, local: &Local, seats: &Semaphore, mut closing: Closing) -> io::Result<()> {
    loop {
        // A request that has not come whole when the owner ends was not begun, and its sender is told so.
        let next = tokio::select! {
            biased;
            () = told_to_close(&mut closing) => return wire::write(stream, &Reply::Closing, &[]).await,
            next = wire::read(stream) => next?,
        };
        let Some((request, body)) = next else { return Ok(()) };
        if let Request::Watch { name } = request {
            return watch::tell(stream, local, &name, seats, &mut closing).await;
        }
        answer(stream, local, request, body).await?;
    }
}

async fn answer(stream: &mut UnixStream, local: &Local, request: Request, body: Bytes) -> io::Result<()> {
    let queue = match &request {
        Request::Queue { name, ask: Ask::Pop(_) } => Some(name.clone()),
        _ => None,
    };
    let mut work = pin!(perform(local, request, body));
    let (reply, body) = loop {
        tokio::select! {
            done = &mut work => break done.unwrap_or_else(|error| (Reply::Failed(Fault::from(&error)), Vec::new())),
            () = SystemClock.sleep_until(SystemClock.now() + WORKING_EVERY) => {
                wire::write(stream, &Reply::Working, &[]).await?;
            }
        }
    };
    let written = wire::write(stream, &reply, &body).await;
    if let (Err(_), Some(name), Reply::Queue(Told::Popped(jobs))) = (&written, queue, reply) {
        // Who asked is gone, and nobody else knows of the leases.
        give_back(local, &name, jobs).await;
    }
    written
}

async fn give_back(local: &Local, name: &str, jobs: Vec<Job>) {
    for Job { id, lease_token, .. } in jobs {
        let release = Ask::Release { id, token: lease_token.unwrap_or_default() };
        if let Err(error) = local.queue(name, release).await {
            tracing::warn!(%error, "an item that nobody received is back when its lease ends");
        }
    }
}

async fn perform(local: &Local, request: Request, body: Bytes) -> Result<(Reply, Vec<Bytes>)> {
    let reply = match request {
        Request::Hello { .. } => Reply::Hello { protocol: PROTOCOL, pid: os::process_id() },
        Request::Get { id } => {
            return Ok(match local.get(&id).await? {
                Some(item) => (Reply::Item(Some(item.about)), vec![item.content]),
                None => (Reply::Item(None), Vec::new()),
            });
        }
        Request::Put { items, only_changed } => {
            let results = local.put_many(unpack(items, body)?, only_changed).await;
            Reply::Puts(results.into_iter().map(|result| result.map_err(|error| Fault::from(&error))).collect())
        }
        Request::Delete { id } => Reply::Deleted(local.delete(&id).await?),
        Request::Scan(scan) => {
            let page = local.scan(&scan).await?;
            let (items, contents) = page.items.into_iter().map(|item| (item.about, item.content)).unzip();
            return Ok((Reply::Page { items, more: page.more }, contents));
        }
        Request::Flush => {
            local.flush().await?;
            Reply::Flushed
        }
        Request::Stats => Reply::Stats(local.stats().await?),
        Request::Verify => Reply::Verified(local.verify().await?),
        Request::Backup => {
            let dest = Path::new(std::ffi::OsStr::from_bytes(&body));
            Reply::Backup(local.backup(dest).await?)
        }
        Request::Watch { .. } => {
            return Err(Error::new(ErrorKind::Invalid, "a queue is watched with a connection of its own"));
        }
        Request::Inspect => Reply::Inspection(local.inspect().await?),
        Request::Queue { name, ask } => Reply::Queue(local.queue_for_others(&name, ask).await?),
    };
    Ok((reply, Vec::new()))
}

/// Items and their contents, which stand one after another in `body`.
fn unpack(headers: Vec<PutHeader>, mut body: Bytes) -> Result<Vec<NewItem>> {
    let mut items = Vec::with_capacity(headers.len());
    for header in headers {
        if header.bytes > body.len() {
            return Err(Error::new(ErrorKind::Invalid, "a request says that it holds more bytes than it does"));
        }
        // Copied: an item that lives on must not keep the whole request in memory.
        let content = Bytes::copy_from_slice(&body.split_to(header.bytes));
        let expires_at = header.expires_at_ms.map(WallTime::from_millis);
        items.push(NewItem { id: header.id, content, content_type: header.kind.into(), expires_at });
    }
    Ok(items)
}
