//! The side that asks: for processes that do not hold the directory.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use syncline::{Error, ErrorKind, Result, port::Clock as _, rt::SystemClock};
use tokio::net::UnixStream;

use super::{
    message::{PROTOCOL, Reply, Request},
    socket,
    watch::Watch,
    wire,
};

/// Most connections kept for later requests.
const IDLE_MAX: usize = 8;

/// Why nobody answers.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no owner: the socket is not there, or was left by a process that ended.
    NoOwner,
    /// The owner is about to end; soon there is none.
    Closing,
    /// There is one, but it cannot be worked with.
    Failed(Error),
}

/// Connections to the owner of a directory.
#[derive(Debug)]
pub(crate) struct Client {
    dir: PathBuf,
    pid: u32,
    patience: Duration,
    /// Connections whose last request was answered.
    idle: Mutex<Vec<UnixStream>>,
}

impl Client {
    /// Asks for the owner of `dir`; each of its answers may take `patience`.
    pub(crate) async fn connect(dir: &Path, patience: Duration) -> Result<Self, Refusal> {
        let (stream, pid) = greet(dir, patience).await?;
        Ok(Self { dir: dir.to_owned(), pid, patience, idle: Mutex::new(vec![stream]) })
    }

    /// The owner's process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// What the owner says. [`ErrorKind::Closed`] when it ended and the request may be repeated to whoever owns the
    /// directory then; [`ErrorKind::Unknown`] when it ended and the request may have been done.
    pub(crate) async fn ask(&self, request: &Request, body: &[Bytes]) -> Result<(Reply, Bytes)> {
        let mut stream = self.take().await?;
        let (reply, body) = match within(self.patience, wire::write(&mut stream, request, body)).await {
            // The owner may have said that it closes before it stopped listening.
            Ok(()) | Err(Trouble::Lost(_)) => self.answer(&mut stream, request).await?,
            Err(trouble) => return Err(self.explain(trouble, request)),
        };
        match reply {
            Reply::Closing => Err(Error::new(ErrorKind::Closed, format!("process {} is about to end", self.pid))),
            Reply::Failed(fault) => {
                self.give_back(stream);
                Err(fault.into())
            }
            reply => {
                self.give_back(stream);
                Ok((reply, body))
            }
        }
    }

    /// Watches the queue called `name`, through a connection of its own.
    pub(crate) async fn watch(self: &Arc<Self>, name: &str) -> Result<Watch> {
        let mut stream = self.take().await?;
        let request = Request::Watch { name: name.to_owned() };
        match within(self.patience, wire::write(&mut stream, &request, &[])).await {
            Ok(()) | Err(Trouble::Lost(_)) => {}
            Err(trouble) => return Err(self.explain(trouble, &request)),
        }
        let mut watched = Watched { client: Arc::clone(self), stream, request };
        match watched.next().await? {
            Reply::Failed(fault) => Err(fault.into()),
            Reply::Closing => Err(Error::new(ErrorKind::Closed, format!("process {} is about to end", self.pid))),
            // From now on nothing is missed.
            _ => Ok(Watch::new(watched)),
        }
    }

    async fn answer(&self, stream: &mut UnixStream, request: &Request) -> Result<(Reply, Bytes)> {
        loop {
            match within(self.patience, wire::read(stream)).await {
                // At work: patience begins anew.
                Ok(Some((Reply::Working, _))) => {}
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => return Err(self.explain(Trouble::Lost(io::ErrorKind::UnexpectedEof.into()), request)),
                Err(trouble) => return Err(self.explain(trouble, request)),
            }
        }
    }

    fn explain(&self, trouble: Trouble, request: &Request) -> Error {
        let repeatable = request.is_repeatable();
        match trouble {
            Trouble::Lost(error) => {
                let kind = if repeatable { ErrorKind::Closed } else { ErrorKind::Unknown };
                let message = format!("process {}, which held the directory, ended before it answered", self.pid);
                Error::new(kind, message).with_source(error)
            }
            Trouble::Slow => {
                let kind = if repeatable { ErrorKind::Unavailable } else { ErrorKind::Unknown };
                Error::new(kind, silence(&self.dir, self.patience, Some(self.pid)))
            }
            Trouble::Frame(error) => {
                let message = format!("process {} and this one do not understand one another", self.pid);
                Error::new(ErrorKind::Invalid, message).with_source(error)
            }
        }
    }

    async fn take(&self) -> Result<UnixStream> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(stream) => Ok(stream),
            None => match greet(&self.dir, self.patience).await {
                Ok((stream, _)) => Ok(stream),
                Err(Refusal::NoOwner | Refusal::Closing) => {
                    Err(Error::new(ErrorKind::Closed, format!("process {} ended", self.pid)))
                }
                Err(Refusal::Failed(error)) => Err(error),
            },
        }
    }

    fn give_back(&self, stream: UnixStream) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(stream);
        }
    }
}

/// A connection that replies come through without end.
#[derive(Debug)]
pub(super) struct Watched {
    client: Arc<Client>,
    stream: UnixStream,
    request: Request,
}

impl Watched {
    /// The next reply.
    pub(super) async fn next(&mut self) -> Result<Reply> {
        self.client.answer(&mut self.stream, &self.request).await.map(|(reply, _)| reply)
    }
}

/// Connects and agrees on the protocol; the owner's process comes with the connection.
async fn greet(dir: &Path, patience: Duration) -> Result<(UnixStream, u32), Refusal> {
    let mut stream = match within(patience, socket::connect(dir)).await {
        Ok(stream) => stream,
        Err(Trouble::Lost(_)) => return Err(Refusal::NoOwner),
        Err(trouble) => return Err(refuse(trouble, dir, patience)),
    };
    let hello = Request::Hello { protocol: PROTOCOL };
    match within(patience, wire::write(&mut stream, &hello, &[])).await {
        Ok(()) | Err(Trouble::Lost(_)) => {}
        Err(trouble) => return Err(refuse(trouble, dir, patience)),
    }
    match within(patience, wire::read(&mut stream)).await {
        Ok(Some((Reply::Hello { protocol: PROTOCOL, pid }, _))) => Ok((stream, pid)),
        Ok(Some((Reply::Closing, _)) | None) | Err(Trouble::Lost(_)) => Err(Refusal::Closing),
        Ok(Some((Reply::Hello { protocol, pid }, _))) => {
            let message = format!(
                "{} is held by process {pid}, which speaks protocol {protocol} and this program {PROTOCOL}: \
                 use the version that it uses, or end it",
                dir.display()
            );
            Err(Refusal::Failed(Error::new(ErrorKind::Conflict, message)))
        }
        Ok(Some((Reply::Failed(fault), _))) => Err(Refusal::Failed(fault.into())),
        Ok(Some(_)) => Err(refuse(Trouble::Frame(io::ErrorKind::InvalidData.into()), dir, patience)),
        Err(trouble) => Err(refuse(trouble, dir, patience)),
    }
}

fn refuse(trouble: Trouble, dir: &Path, patience: Duration) -> Refusal {
    let path = socket::path(dir);
    Refusal::Failed(match trouble {
        Trouble::Slow => Error::new(ErrorKind::Unavailable, silence(dir, patience, None)),
        Trouble::Lost(error) | Trouble::Frame(error) => {
            Error::new(ErrorKind::Unavailable, format!("cannot talk through {}", path.display())).with_source(error)
        }
    })
}

fn silence(dir: &Path, patience: Duration, pid: Option<u32>) -> String {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    format!(
        "{} is held by {who}, which did not answer for {} s: wait, or end it",
        dir.display(),
        patience.as_secs_f64()
    )
}

/// What goes wrong between two processes.
enum Trouble {
    /// The other side is not there any more.
    Lost(io::Error),
    /// It is there and says nothing.
    Slow,
    /// It says what we do not understand.
    Frame(io::Error),
}

async fn within<T>(patience: Duration, action: impl Future<Output = io::Result<T>>) -> Result<T, Trouble> {
    let clock = SystemClock;
    let result = tokio::select! {
        result = action => result,
        () = clock.sleep_until(clock.now() + patience) => return Err(Trouble::Slow),
    };
    result.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Trouble::Lost(error),
        // The queue of connections is full: nobody takes any.
        io::ErrorKind::WouldBlock => Trouble::Slow,
        _ => Trouble::Frame(error),
    })
}
