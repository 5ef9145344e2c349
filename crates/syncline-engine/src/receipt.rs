//! What a submit returns: says how far the write has come.

use std::{fmt, sync::Arc};

use syncline_core::{Error, ErrorKind, Key, Result, Version};

use crate::{handover::Local, ingest::Stamped, ledger::Verdict, spine::Spine};

/// How far a write has to have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It is on this node's disk and survives loss of power. Without a journal the same as `Archived`; with neither journal
    /// nor archive it is in memory, and nothing more is promised.
    Local,
    /// The archive has it, or a newer write of the same item.
    Archived,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is there, as durable as was asked.
    Written,
    /// A newer write of the same item took its place before it was archived.
    Superseded {
        /// The version that stands.
        by: Version,
    },
}

/// Proof that a write was handed over; it can be waited on as often as wanted.
///
/// Dropping it changes nothing: the write goes its way.
pub struct Receipt {
    spine: Arc<Spine>,
    key: Key,
    version: Version,
    local: Local,
}

impl Receipt {
    pub(crate) fn new(spine: &Arc<Spine>, stamped: Stamped, local: Local) -> Self {
        let Stamped { key, version } = stamped;
        Self { spine: Arc::clone(spine), key, version, local }
    }

    /// The version that the write was given.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Waits until the write is as durable as asked, or until it is known that it never will be.
    ///
    /// Waiting for `Archived` has no end of its own while the archive is down: the journal keeps the write, and the archive
    /// gets it when it is back. Race it against a deadline where that matters.
    ///
    /// # Errors
    ///
    /// Of `Local`: what the journal said; [`Poisoned`](ErrorKind::Poisoned) means that the outcome is known only once the
    /// journal is opened again. Of `Archived` also: what the archive said when it refused the write for what it is, and the
    /// write was put aside; [`Invalid`](ErrorKind::Invalid) without an archive; [`Closed`](ErrorKind::Closed) when the engine
    /// was shut down before, the write being safe in the journal; without a journal what the archive said when it failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the write.
    pub async fn wait(&self, durability: Durability) -> Result<Settled> {
        let seq = self.local.wait().await?;
        match durability {
            Durability::Local if self.spine.store.tiers.shows_pending() => Ok(Settled::Written),
            Durability::Local | Durability::Archived => self.archived(seq).await,
        }
    }

    /// What became of the write, which stands at `seq`, once that is decided.
    pub(crate) async fn archived(&self, seq: u64) -> Result<Settled> {
        if self.spine.archive.is_none() {
            return Err(Error::new(ErrorKind::Invalid, "this engine has no archive: nothing is ever archived"));
        }
        self.spine.settled(seq).await?;
        match self.spine.store.ledger.verdict(seq) {
            Verdict::Written => Ok(Settled::Written),
            Verdict::Superseded(by) => Ok(Settled::Superseded { by }),
            Verdict::Failed(error) => Err(error),
            Verdict::Forgotten => self.ask_archive().await,
        }
    }

    /// Too long ago to be remembered: what stands in the archive tells.
    async fn ask_archive(&self) -> Result<Settled> {
        let spine = &self.spine;
        let Some(archive) = &spine.archive else { return Ok(Settled::Written) };
        let keys = std::slice::from_ref(&self.key);
        let heads = spine.call(ErrorKind::Unavailable, archive.heads(keys)).await?;
        match heads.into_iter().next().flatten() {
            Some(head) if head.version == self.version => Ok(Settled::Written),
            Some(head) if head.version > self.version => Ok(Settled::Superseded { by: head.version }),
            _ => {
                let message =
                    format!("version {} of {:?} was settled and is not in the archive", self.version, self.key);
                Err(Error::new(ErrorKind::Unknown, message))
            }
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("key", &self.key)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
