//! An item with a past.

use syncline_core::port::NewItem;

/// An item that comes from another queue, and where it stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenIn {
    pub(crate) new: NewItem,
    /// Attempts that it has had.
    pub(crate) attempts: u16,
    /// What the last of them failed with.
    pub(crate) error: Option<String>,
    pub(crate) is_dead: bool,
}
