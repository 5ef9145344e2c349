//! Deliberate bugs of the queue, and of the journal under it.

use std::fmt;

use syncline_core::{Error, ErrorKind, Result};
use syncline_journal::planted::Planted as JournalBug;
use syncline_queue::planted::Planted as QueueBug;

/// One bug, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bug {
    pub(super) queue: Option<QueueBug>,
    pub(super) journal: Option<JournalBug>,
}

impl Bug {
    /// Those that only a queue can show.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let queue = QueueBug::ALL.into_iter().map(|bug| Self { queue: Some(bug), journal: None });
        queue.chain([Self { queue: None, journal: Some(JournalBug::UnlinkBeforeCopy) }])
    }

    /// Reads the name of one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] where there is none of that name.
    pub(super) fn parse(name: &str) -> Result<Self> {
        let bug = Self { queue: QueueBug::from_name(name), journal: JournalBug::from_name(name) };
        if bug == Self::default() {
            return Err(Error::new(ErrorKind::Invalid, format!("neither queue nor journal has a bug {name:?}")));
        }
        Ok(bug)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.queue, self.journal) {
            (Some(bug), _) => write!(f, "{bug:?}"),
            (None, Some(bug)) => write!(f, "{bug:?}"),
            (None, None) => f.write_str("none"),
        }
    }
}
