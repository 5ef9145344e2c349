//! The series of all names.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use prometheus::{HistogramOpts, HistogramVec};

use super::series::{Place, Series, Totals};

/// Names that have a series of their own. Each costs about 2 KiB for the life of the process.
const NAMES_MAX: usize = 256;
/// The longest name that has one, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The series of operations without a name.
const UNNAMED: &str = "unnamed";
/// The series of all names that have none of their own.
const OTHER: &str = "other";

/// From the shortest delays to the longest that a server may ask for, in seconds.
const BUCKETS: [f64; 13] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The series of all names.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) delays: HistogramVec,
    unnamed: &'static Series,
    other: &'static Series,
    /// At most `NAMES_MAX`. None is ever removed.
    named: RwLock<Named>,
}

type Named = HashMap<&'static str, &'static Series>;

/// What a thread knows.
struct Here {
    /// Its number.
    thread: usize,
    /// Names that it met, of those that have a series.
    met: RefCell<Named>,
}

thread_local! {
    static HERE: Here = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Here { thread: NEXT.fetch_add(1, Ordering::Relaxed), met: RefCell::default() }
    };
}

impl Table {
    pub(super) fn new() -> prometheus::Result<Self> {
        let opts = HistogramOpts::new("retry_delay_seconds", "Delays before retries.").buckets(BUCKETS.to_vec());
        let delays = HistogramVec::new(opts, &["operation"])?;
        let unnamed = series(UNNAMED, &delays)?;
        let other = series(OTHER, &delays)?;
        Ok(Self { delays, unnamed, other, named: RwLock::default() })
    }

    /// Where an operation of this thread is counted. `None` only where `prometheus` refuses its name.
    #[inline]
    pub(super) fn place(&self, name: Option<&str>) -> Option<Place> {
        // A thread that ends has no memory any more.
        let thread = HERE.try_with(|here| here.thread).unwrap_or(0);
        let series = match name {
            None => self.unnamed,
            Some(name) => HERE.try_with(|here| self.met(here, name)).unwrap_or_else(|_| self.find(name))?,
        };
        series.place(thread)
    }

    #[inline]
    fn met(&self, here: &Here, name: &str) -> Option<&'static Series> {
        if let Some(series) = here.met.borrow().get(name) {
            return Some(series);
        }
        let series = self.find(name)?;
        if series.name == name {
            here.met.borrow_mut().insert(series.name, series);
        }
        Some(series)
    }

    /// The series of `name`, made if there is room for one.
    fn find(&self, name: &str) -> Option<&'static Series> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = named.get(name) {
            return Some(series);
        }
        if named.len() >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
            return Some(self.other);
        }
        drop(named);
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have come first.
        if let Some(series) = named.get(name) {
            return Some(series);
        }
        if named.len() >= NAMES_MAX {
            return Some(self.other);
        }
        let series = series(name, &self.delays).ok()?;
        named.insert(series.name, series);
        Some(series)
    }

    /// The numbers of each name that has any.
    pub(super) fn totals(&self) -> Vec<(&'static str, Totals)> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = named.values().copied().chain([self.unnamed, self.other]).collect();
        drop(named);
        all.sort_unstable_by_key(|series| series.name);
        all.into_iter()
            .map(|series| (series.name, series.totals()))
            .filter(|(_, totals)| *totals != Totals::default())
            .collect()
    }
}

/// A series that lives as long as the process: who counts need not hold it.
fn series(name: &str, delays: &HistogramVec) -> prometheus::Result<&'static Series> {
    let delays = delays.get_metric_with_label_values(&[name])?;
    let name: &'static str = Box::leak(Box::from(name));
    Ok(Box::leak(Box::new(Series::new(name, delays))))
}

#[cfg(test)]
mod tests {
    use prometheus::core::Collector as _;

    use super::*;

    /// Trap 59: each path of a server becomes a label, and the series never end.
    #[test]
    fn a_hundred_thousand_names_are_a_bounded_number_of_series() {
        let table = Table::new().unwrap();
        for number in 0..100_000 {
            table.place(Some(&format!("/users/{number}"))).unwrap().attempted();
        }
        let totals = table.totals();
        assert_eq!(totals.len(), NAMES_MAX + 1);
        let attempts = |wanted: &str| totals.iter().find(|(name, _)| *name == wanted).unwrap().1.attempts;
        assert_eq!((attempts("/users/255"), attempts(OTHER)), (1, 100_000 - NAMES_MAX as u64));
        // The two that every table has, besides.
        assert_eq!(table.delays.collect().first().unwrap().get_metric().len(), NAMES_MAX + 2);
    }

    #[test]
    fn a_name_of_any_length_costs_a_bounded_memory() {
        let table = Table::new().unwrap();
        table.place(Some(&"x".repeat(NAME_BYTES_MAX + 1))).unwrap().attempted();
        assert_eq!(table.totals().first().unwrap().0, OTHER);
    }

    #[test]
    fn the_places_of_all_threads_add_up() {
        let table = Table::new().unwrap();
        let series = table.find("sum").unwrap();
        (0..100).for_each(|thread| series.place(thread).unwrap().attempted());
        assert_eq!(series.totals().attempts, 100);
    }
}
