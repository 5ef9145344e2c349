//! What a retry costs, by the class of the failure before it.

use crate::Class;

/// Tokens of one retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    transient: u32,
    throttled: u32,
    not_sent: u32,
}

impl Default for Costs {
    fn default() -> Self {
        Self { transient: 1, throttled: 1, not_sent: 1 }
    }
}

impl Costs {
    /// `None` for what no retry can cure, at any price.
    pub(super) fn of(&self, class: Class) -> Option<u32> {
        match class {
            Class::Transient => Some(self.transient),
            Class::Throttled { .. } => Some(self.throttled),
            Class::NotSent => Some(self.not_sent),
            Class::Permanent => None,
        }
    }

    pub(super) fn set(&mut self, class: Class, tokens: u32) {
        match class {
            Class::Transient => self.transient = tokens,
            Class::Throttled { .. } => self.throttled = tokens,
            Class::NotSent => self.not_sent = tokens,
            Class::Permanent => {}
        }
    }
}
