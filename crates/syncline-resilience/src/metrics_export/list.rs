//! What is watched, by name, without being kept alive.

use std::{
    collections::{BTreeMap, HashSet},
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// The most that is watched at once.
const WATCHED_MAX: usize = 4_096;
/// Names that have series of their own.
const NAMES_MAX: usize = 256;
/// The longest of them, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The name of all that have none of their own.
const OTHER: &str = "other";

/// Something that can be watched. `L` is what it shows now, `T` what it counted.
pub(super) trait Subject<L, T>: Send + Sync {
    /// Reads it; `last` is what it had counted when it was read before.
    fn read(&self, last: &T) -> (L, T);
}

/// How the values of those that share a name become one.
pub(super) trait Merge {
    fn merge(&mut self, other: Self);
}

/// What a name shows.
#[derive(Debug, Default)]
pub(super) struct Reading<L, T> {
    /// `None` when all of the name are gone.
    pub(super) level: Option<L>,
    /// Of those that are gone too.
    pub(super) totals: T,
}

/// All that is watched of a kind.
pub(super) struct List<L, T>(Mutex<Watched<L, T>>);

struct Watched<L, T> {
    entries: Vec<Entry<L, T>>,
    /// What those counted that are gone.
    gone: BTreeMap<Arc<str>, T>,
}

struct Entry<L, T> {
    name: Arc<str>,
    subject: Weak<dyn Subject<L, T>>,
    last: T,
}

impl<L: Merge, T: Merge + Default + Copy> List<L, T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Watched { entries: Vec::new(), gone: BTreeMap::new() }))
    }

    /// Adds `subject`, or finds it there; `false` when there is no room.
    pub(super) fn watch(&self, name: &str, subject: Arc<dyn Subject<L, T>>) -> bool {
        let mut watched = self.lock();
        if watched.has(&subject) {
            return true;
        }
        if watched.entries.len() >= WATCHED_MAX {
            watched.forget_dead();
        }
        if watched.entries.len() >= WATCHED_MAX {
            return false;
        }
        let name = watched.label(name);
        watched
            .entries
            .push(Entry { name, subject: Arc::downgrade(&subject), last: T::default() });
        true
    }

    /// What each name shows.
    pub(super) fn scrape(&self) -> BTreeMap<Arc<str>, Reading<L, T>> {
        let mut watched = self.lock();
        watched.forget_dead();
        let mut readings: BTreeMap<_, Reading<L, T>> = BTreeMap::new();
        for (name, totals) in &watched.gone {
            readings.insert(Arc::clone(name), Reading { level: None, totals: *totals });
        }
        // Whoever turns out to be the last holder must not end it under the lock: its end may be the user's code.
        let mut held = Vec::with_capacity(watched.entries.len());
        for entry in &mut watched.entries {
            let Some(subject) = entry.subject.upgrade() else { continue };
            let (level, totals) = subject.read(&entry.last);
            entry.last = totals;
            held.push(subject);
            let reading = readings
                .entry(Arc::clone(&entry.name))
                .or_insert_with(|| Reading { level: None, totals: T::default() });
            reading.totals.merge(totals);
            match &mut reading.level {
                Some(merged) => merged.merge(level),
                none => *none = Some(level),
            }
        }
        drop(watched);
        readings
    }

    /// Whatever happened to an earlier holder: no step leaves a list half changed.
    fn lock(&self) -> MutexGuard<'_, Watched<L, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L, T: Merge + Default + Copy> Watched<L, T> {
    fn has(&self, subject: &Arc<dyn Subject<L, T>>) -> bool {
        self.entries
            .iter()
            .any(|entry| ptr::addr_eq(entry.subject.as_ptr(), Arc::as_ptr(subject)))
    }

    /// The label of `name`: that of others where there are too many names.
    fn label(&self, name: &str) -> Arc<str> {
        let names: HashSet<&str> = self
            .entries
            .iter()
            .map(|entry| &*entry.name)
            .chain(self.gone.keys().map(|gone| &**gone))
            .collect();
        let has_room = names.len() < NAMES_MAX && name.len() <= NAME_BYTES_MAX;
        Arc::from(if has_room || names.contains(name) { name } else { OTHER })
    }

    /// Keeps what the dead counted.
    fn forget_dead(&mut self) {
        let gone = &mut self.gone;
        self.entries.retain(|entry| {
            let lives = entry.subject.strong_count() > 0;
            if !lives {
                gone.entry(Arc::clone(&entry.name)).or_default().merge(entry.last);
            }
            lives
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Merge for u32 {
        fn merge(&mut self, other: Self) {
            *self += other;
        }
    }

    /// Shows one number, and has counted another.
    struct Numbers(u32, u32);

    impl Subject<u32, u32> for Numbers {
        fn read(&self, _last: &u32) -> (u32, u32) {
            (self.0, self.1)
        }
    }

    fn readings(list: &List<u32, u32>) -> Vec<(String, Option<u32>, u32)> {
        let scraped = list.scrape().into_iter();
        scraped.map(|(name, reading)| (name.to_string(), reading.level, reading.totals)).collect()
    }

    #[test]
    fn those_that_share_a_name_are_one_and_are_watched_once() {
        let list = List::new();
        let subjects = [Arc::new(Numbers(1, 10)), Arc::new(Numbers(2, 20))];
        for subject in subjects.iter().chain(&subjects) {
            assert!(list.watch("a", subject.clone()));
        }
        assert_eq!(readings(&list), [("a".to_owned(), Some(3), 30)]);
    }

    #[test]
    fn what_is_gone_shows_no_level_and_keeps_its_totals() {
        let list = List::new();
        let (first, second) = (Arc::new(Numbers(1, 10)), Arc::new(Numbers(2, 5)));
        list.watch("a", first.clone());
        assert_eq!(readings(&list), [("a".to_owned(), Some(1), 10)]);
        drop(first);
        assert_eq!(readings(&list), [("a".to_owned(), None, 10)]);
        list.watch("a", second.clone());
        assert_eq!(readings(&list), [("a".to_owned(), Some(2), 15)]);
    }

    #[test]
    fn neither_names_nor_subjects_are_without_end() {
        let list = List::new();
        let subjects: Vec<_> = (0..=WATCHED_MAX).map(|_| Arc::new(Numbers(1, 1))).collect();
        let watched = subjects.iter().enumerate();
        let taken = watched.filter(|(number, subject)| list.watch(&number.to_string(), (*subject).clone()));
        assert_eq!(taken.count(), WATCHED_MAX);
        let readings = readings(&list);
        assert_eq!(readings.len(), NAMES_MAX + 1);
        let rest = u32::try_from(WATCHED_MAX - NAMES_MAX).unwrap();
        assert!(readings.contains(&(OTHER.to_owned(), Some(rest), rest)));
    }
}
