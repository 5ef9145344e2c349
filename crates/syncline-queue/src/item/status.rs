//! Where an item stands, as its users see it.

use std::fmt;

use serde::{Deserialize, Serialize};
use syncline_core::port::Standing;

/// Where an item stands.
///
/// An item that is to be tried again is [`Scheduled`](Self::Scheduled) until its delay is over and then
/// [`Pending`](Self::Pending); [`Failed`](Self::Failed) is for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ItemStatus {
    /// It can be handed out, or will be when what is before it is.
    #[default]
    Pending,
    /// Its time has not come, or another item of its partition is before it.
    Scheduled,
    /// It is in a worker's hands.
    Processing,
    /// It is done.
    Completed,
    /// It will not be tried again: a dead letter.
    Failed,
    /// It was withdrawn.
    Cancelled,
}

impl From<Standing> for ItemStatus {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ready => Self::Pending,
            Standing::Scheduled => Self::Scheduled,
            Standing::Leased => Self::Processing,
            Standing::Dead => Self::Failed,
        }
    }
}

impl fmt::Display for ItemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "Pending",
            Self::Scheduled => "Scheduled",
            Self::Processing => "Processing",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        })
    }
}
