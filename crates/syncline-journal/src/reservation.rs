//! What a room reserves for the records that it stages.

use std::fmt;

/// What a room holds for a record that it staged in a [`Transaction`](crate::Transaction): an id, room, a lease.
///
/// The transaction owns it, then the submission. It is [`keep`](Self::keep)ed once the records are durable and applied, and
/// dropped where that will not happen: the transaction was dropped, or the journal refused it. Dropping gives back.
pub trait Reservation: fmt::Debug + Send {
    /// The records are durable, and their owners were told: what was reserved belongs to them now. Called on a thread of the
    /// journal, as [`Owner::apply`](crate::Owner::apply) is, with the same duties.
    fn keep(self: Box<Self>);
}

/// All that is reserved for one submission.
pub(crate) type Reservations = Vec<Box<dyn Reservation>>;
