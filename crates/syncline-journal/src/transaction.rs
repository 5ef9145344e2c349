//! Records of any streams that are there together or not at all.

use std::sync::Arc;

use bytes::Bytes;
use syncline_core::{Error, ErrorKind, Result, limits};

use crate::{
    Commit, Durability, Reservation, Stream,
    frame::{self, PLAIN_MAX},
    journal::Handle,
    log::Submission,
    reservation::Reservations,
};

/// Collects records. Dropping it writes none of them, and gives back what rooms reserved for them.
#[derive(Debug)]
#[must_use = "nothing is written before `commit`"]
pub struct Transaction {
    pub(crate) handle: Arc<Handle>,
    pub(crate) submission: Submission,
    pub(crate) reservations: Reservations,
    /// Whether one of them asks for `Sync`.
    pub(crate) is_synced: bool,
    /// Bytes of the records, and bytes that they take in a frame.
    pub(crate) bytes: usize,
    pub(crate) framed: usize,
}

impl Transaction {
    /// Adds a record to `stream`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when all records together exceed [`limits::SUBMISSION_BYTES_MAX`], or a quarter more with their
    /// lengths, or when the stream is another journal's.
    pub fn stage(&mut self, stream: &Stream, payload: impl Into<Bytes>) -> Result<()> {
        if !Arc::ptr_eq(&self.handle, &stream.handle) {
            let message = format!("the stream {:?} belongs to another journal", stream.name());
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let payload = payload.into();
        let bytes = self.bytes.saturating_add(payload.len());
        if bytes > limits::SUBMISSION_BYTES_MAX {
            let max = limits::SUBMISSION_BYTES_MAX;
            return Err(Error::new(ErrorKind::Invalid, format!("a submission of {bytes} bytes, the most is {max}")));
        }
        let framed = self.framed + frame::record_len(stream.id, payload.len());
        if framed > PLAIN_MAX {
            let message =
                format!("a submission of {framed} bytes with the lengths of its records, the most is {PLAIN_MAX}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        (self.bytes, self.framed) = (bytes, framed);
        self.submission.records.push((stream.id, payload));
        Ok(())
    }

    /// Lets the transaction own what a room reserved for records that it staged: kept once they are durable and applied, given
    /// back otherwise. What holds one is committed with `Sync`, whatever is asked: nobody may see what is reserved for before
    /// it survives.
    pub fn reserve(&mut self, reservation: Box<dyn Reservation>) {
        self.is_synced = true;
        self.reservations.push(reservation);
    }

    /// The same for what may be seen as soon as it is as durable as was asked: the durability stays.
    pub fn accompany(&mut self, reservation: Box<dyn Reservation>) {
        self.reservations.push(reservation);
    }

    /// Records that were staged so far: the next one stands this many places after the first.
    pub fn len(&self) -> usize {
        self.submission.records.len()
    }

    /// Whether nothing was staged.
    pub fn is_empty(&self) -> bool {
        self.submission.records.is_empty()
    }

    /// Marks it as freeing more than it takes, such as a delete or an acknowledgement: it may use the reserved segment when
    /// the disk is full.
    pub fn essential(&mut self) {
        self.submission.essential = true;
    }

    /// Hands the records over, as one. Never blocks: the returned [`Commit`] tells when they are as durable as asked, and
    /// applied by their streams' owners.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] without records; [`ErrorKind::Full`] when too many bytes wait already;
    /// [`ErrorKind::Poisoned`]; [`ErrorKind::Closed`]. Nothing was handed over then.
    pub fn commit(self, durability: Durability) -> Result<Commit> {
        if self.submission.records.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the transaction holds no records"));
        }
        let durability = if self.is_synced { Durability::Sync } else { durability };
        self.handle.submit(self.submission, self.reservations, durability)
    }
}
