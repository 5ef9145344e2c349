//! What is said on the control socket: one request, then its reply, on each connection.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use syncline::{Error, ErrorKind, Inspection, Stats, Verified};

use crate::store::{About, Ask, Happened, Kind, Put, Scan, Told};

/// Number of this protocol. Both sides must speak the same: they are one program.
pub(crate) const PROTOCOL: u32 = 5;

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// The first on every connection.
    Hello {
        /// The client's [`PROTOCOL`].
        protocol: u32,
    },
    /// One item.
    Get {
        /// Its id.
        id: String,
    },
    /// Store items; their contents are the body.
    Put {
        /// What they are, in the order of the body.
        items: Vec<PutHeader>,
        /// Whether what is stored already is left as it is.
        only_changed: bool,
    },
    /// Delete one item.
    Delete {
        /// Its id.
        id: String,
    },
    /// One page of items.
    Scan(Scan),
    /// Wait until all that was accepted so far is archived.
    Flush,
    /// Counts.
    Stats,
    /// Read everything back.
    Verify,
    /// Copy the archive to the directory whose path is the body.
    Backup,
    /// What a doctor looks at.
    Inspect,
    /// A question to a queue.
    Queue {
        /// Its name.
        name: String,
        /// What is asked.
        ask: Ask,
    },
    /// What happens on a queue from now on: [`Reply::Events`] without end. Nothing else is asked on this connection.
    Watch {
        /// Its name.
        name: String,
    },
}

impl Request {
    /// Whether asking twice does no more than asking once, so that a lost answer may be asked for again.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            // A repeat would stamp a new version, perhaps over somebody else's.
            Self::Put { only_changed, .. } => *only_changed,
            Self::Queue { ask, .. } => ask.is_repeatable(),
            Self::Delete { .. } | Self::Backup => false,
            Self::Hello { .. }
            | Self::Get { .. }
            | Self::Scan(_)
            | Self::Flush
            | Self::Stats
            | Self::Verify
            | Self::Inspect
            | Self::Watch { .. } => true,
        }
    }
}

/// One item of [`Request::Put`] without its content.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PutHeader {
    /// Its id.
    pub(crate) id: String,
    /// Bytes of its content in the body.
    pub(crate) bytes: usize,
    /// What they are.
    pub(crate) kind: Kind,
    /// When it ceases to exist, in milliseconds since 1970.
    pub(crate) expires_at_ms: Option<u64>,
}

/// What the owner answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// To [`Request::Hello`].
    Hello {
        /// The owner's [`PROTOCOL`].
        protocol: u32,
        /// The owner's process.
        pid: u32,
    },
    /// It is at work; the reply follows.
    Working,
    /// To [`Request::Get`]; content is the body.
    Item(Option<About>),
    /// To [`Request::Put`], in order.
    Puts(Vec<Result<Put, Fault>>),
    /// To [`Request::Delete`]: the version of the tombstone, or that there was no such item.
    Deleted(Option<String>),
    /// To [`Request::Scan`]; contents are the body.
    Page {
        /// The items.
        items: Vec<About>,
        /// Whether there may be more.
        more: bool,
    },
    /// To [`Request::Flush`].
    Flushed,
    /// To [`Request::Stats`].
    Stats(Stats),
    /// To [`Request::Verify`].
    Verified(Verified),
    /// To [`Request::Backup`].
    Backup(syncline::Backup),
    /// To [`Request::Inspect`].
    Inspection(Inspection),
    /// To [`Request::Queue`].
    Queue(Told),
    /// To [`Request::Watch`]; the first one is empty.
    Events(Vec<Happened>),
    /// The request was not done.
    Failed(Fault),
    /// The owner is about to end: what was asked after its last reply was not begun.
    Closing,
}

/// An error as it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fault {
    kind: FaultKind,
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FaultKind {
    Invalid,
    Full,
    Throttled { retry_after_ms: u64 },
    Unavailable,
    Unknown,
    Conflict,
    Denied,
    Corrupt,
    Poisoned,
    Closed,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        // The cause is folded into the message: it cannot be sent.
        Self { kind: error.kind().into(), message: error.share().message().to_owned() }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind.into(), fault.message)
    }
}

impl From<ErrorKind> for FaultKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Full => Self::Full,
            ErrorKind::Throttled { retry_after } => {
                Self::Throttled { retry_after_ms: u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX) }
            }
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Poisoned => Self::Poisoned,
            ErrorKind::Closed => Self::Closed,
            // A kind that this protocol does not know: claim nothing about what happened.
            _ => Self::Unknown,
        }
    }
}

impl From<FaultKind> for ErrorKind {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Invalid => Self::Invalid,
            FaultKind::Full => Self::Full,
            FaultKind::Throttled { retry_after_ms } => {
                Self::Throttled { retry_after: Duration::from_millis(retry_after_ms) }
            }
            FaultKind::Unavailable => Self::Unavailable,
            FaultKind::Unknown => Self::Unknown,
            FaultKind::Conflict => Self::Conflict,
            FaultKind::Denied => Self::Denied,
            FaultKind::Corrupt => Self::Corrupt,
            FaultKind::Poisoned => Self::Poisoned,
            FaultKind::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_crosses_the_socket() {
        let kinds = [
            ErrorKind::Invalid,
            ErrorKind::Full,
            ErrorKind::Throttled { retry_after: Duration::from_millis(7) },
            ErrorKind::Unavailable,
            ErrorKind::Unknown,
            ErrorKind::Conflict,
            ErrorKind::Denied,
            ErrorKind::Corrupt,
            ErrorKind::Poisoned,
            ErrorKind::Closed,
        ];
        for kind in kinds {
            let error = Error::new(kind, "what").with_source(std::io::Error::other("why"));
            let sent = serde_json::to_string(&Fault::from(&error)).unwrap();
            let received = Error::from(serde_json::from_str::<Fault>(&sent).unwrap());
            assert_eq!((received.kind(), received.message()), (kind, "what: why"));
        }
    }
}
