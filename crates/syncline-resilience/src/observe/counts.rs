//! How many operations, attempts and retries there were, by the name of the operation.
//!
//! Nothing is counted before somebody exports it. From then on an operation finds its series once, in a table of its thread,
//! and raises counters that it shares with few threads; [`totals`] adds them up when they are asked for. A series lives as
//! long as the process, and there is a bound on their number: names beyond it are counted together.

mod series;
mod table;

use std::{sync::OnceLock, time::Duration};

use prometheus::{core::Collector as _, proto::MetricFamily};

pub(crate) use self::series::Totals;
use self::{series::Place, table::Table};
use super::{Outcome, outcome::Reason};

/// Where everything of this process is counted.
static TABLE: OnceLock<Table> = OnceLock::new();

/// Counts from now on.
///
/// # Errors
///
/// What `prometheus` refuses.
pub(crate) fn start() -> prometheus::Result<()> {
    if TABLE.get().is_none() {
        // Whose table it is, if two come at once, does not matter: both are empty.
        let _ = TABLE.set(Table::new()?);
    }
    Ok(())
}

/// The numbers of each name.
pub(crate) fn totals() -> Vec<(&'static str, Totals)> {
    TABLE.get().map(Table::totals).unwrap_or_default()
}

/// The delays of each name.
pub(crate) fn delays() -> Vec<MetricFamily> {
    TABLE.get().map(|table| table.delays.collect()).unwrap_or_default()
}

/// Counts one operation, until it ended.
#[derive(Debug)]
pub(super) struct Operation {
    place: Option<Place>,
    is_over: bool,
}

impl Operation {
    #[inline]
    pub(super) fn begin(name: Option<&str>) -> Self {
        Self { place: TABLE.get().and_then(|table| table.place(name)), is_over: false }
    }

    #[inline]
    pub(super) fn attempt(&mut self) {
        if let Some(place) = &self.place {
            place.attempted();
        }
    }

    #[inline]
    pub(super) fn waits(&mut self, delay: Duration) {
        if let Some(place) = &self.place {
            place.waits(delay);
        }
    }

    /// Counts the first end alone.
    #[inline]
    pub(super) fn ended(&mut self, outcome: Outcome) {
        if let Some(place) = &self.place
            && !self.is_over
        {
            self.is_over = true;
            place.ended(outcome);
        }
    }
}

impl Drop for Operation {
    #[inline]
    fn drop(&mut self) {
        if !self.is_over {
            self.ended(Outcome::Failed(Reason::of_drop()));
        }
    }
}
