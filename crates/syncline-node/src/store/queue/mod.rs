//! Queues of the directory: what is asked of one and told of it, the same in this process and through the socket.

mod events;
mod job;
mod list;
mod tell;

pub(crate) use events::{Events, Happened};
pub(crate) use job::Job;
pub(crate) use list::Filter;
use serde::{Deserialize, Serialize};
pub(super) use tell::{Hands, ask, events};

/// A question to a queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    Push(Box<Job>),
    /// All that are new, or none where they do not all fit.
    PushMany(Vec<Job>),
    Pop(Pop),
    Complete {
        id: String,
        token: Option<u64>,
    },
    Fail {
        id: String,
        token: Option<u64>,
        error: Option<String>,
        /// How long until the next attempt; the queue's own delay unless given.
        delay_ms: Option<u64>,
        for_good: bool,
    },
    /// Given back untouched.
    Release {
        id: String,
        token: u64,
    },
    Extend {
        id: String,
        token: u64,
        lease_ms: u64,
    },
    Inspect {
        id: String,
    },
    /// Items as they stand, without their content, from the place that the page before ended at.
    List {
        filter: Filter,
        after: Option<String>,
        limit: usize,
    },
    /// Of these dead letters, or of all when none is named.
    Redrive {
        ids: Vec<String>,
    },
    Purge {
        ids: Vec<String>,
    },
    Stats,
}

/// Takes what is next.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Pop {
    /// Most items; fewer come where they are large.
    pub(crate) most: usize,
    /// How long each lease lasts.
    pub(crate) lease_ms: u64,
    /// How long it waits where there is none; a moment at most, so that an owner that wants to end is not held up.
    pub(crate) wait_ms: u64,
}

impl Ask {
    /// Whether asking twice does no more than asking once. An item that was popped and not received is handed out again when
    /// its lease ends, with its owner or by time.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Self::Pop(_) | Self::Extend { .. } | Self::Inspect { .. } | Self::List { .. } | Self::Stats => true,
            Self::Push(_)
            | Self::PushMany(_)
            | Self::Complete { .. }
            | Self::Fail { .. }
            | Self::Release { .. }
            | Self::Redrive { .. }
            | Self::Purge { .. } => false,
        }
    }

    /// Whether it is about a lease.
    fn needs_lease(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::Fail { .. } | Self::Release { .. } | Self::Extend { .. })
    }
}

/// What a queue answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    Done,
    /// Ids of those that are new.
    Pushed(Vec<String>),
    Popped(Vec<Job>),
    /// Nothing was popped: who holds the directory is about to let go of it, and a lease would end with that.
    NoKeeper,
    /// The attempt failed, and whether another one follows.
    Failed {
        again: bool,
    },
    /// There is no item of this id.
    Missing(String),
    /// The lease has ended, or nobody has the item; says which.
    Lost(String),
    Job(Option<Box<Job>>),
    /// A page, and the place after which the list goes on.
    Listed {
        jobs: Vec<Job>,
        next: Option<String>,
    },
    Count(usize),
    Numbers(Numbers),
}

/// Numbers of a queue since its directory was opened.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) current_size: u64,
    pub(crate) in_flight: u64,
    pub(crate) dead: u64,
    pub(crate) total_enqueued: u64,
    pub(crate) total_dequeued: u64,
    pub(crate) total_completed: u64,
    pub(crate) total_retried: u64,
    pub(crate) total_failed: u64,
}
