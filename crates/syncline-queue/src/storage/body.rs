//! What an item carries.

use bytes::Bytes;

/// The content of an item, and where it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Body {
    /// What was pushed.
    pub(crate) bytes: Bytes,
    /// The journal's seq of the record that holds it; 0 where there is no journal.
    pub(crate) home: u64,
}
