//! Counters that are written by many and read by few.

use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// A value alone in its cache lines: processors fetch them in pairs of 64 bytes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// Threads share this many places.
const PLACES: usize = 8;

thread_local! {
    static PLACE: Cell<usize> = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % PLACES)
    };
}

/// A counter that threads raise without waiting for each other. It takes no memory to speak of before the first time.
#[derive(Debug, Default)]
pub(super) struct Spread(OnceLock<Box<[Padded<AtomicU64>; PLACES]>>);

impl Spread {
    pub(super) fn raise(&self) {
        let places = self.0.get_or_init(Box::default);
        if let Some(Padded(place)) = places.get(PLACE.get()) {
            place.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> u64 {
        let places = self.0.get().map(|places| places.as_slice()).unwrap_or_default();
        places
            .iter()
            .fold(0, |sum, Padded(place)| sum.wrapping_add(place.load(Ordering::Relaxed)))
    }
}

#[cfg(all(test, not(syncline_loom)))]
mod tests {
    use std::sync::Arc;

    use syncline_core::rt;

    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let count = Arc::new(Spread::default());
        assert_eq!(count.sum(), 0);
        let threads = [(); 4].map(|()| {
            let count = Arc::clone(&count);
            rt::thread("raise", move || (0..10_000).for_each(|_| count.raise())).unwrap()
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(count.sum(), 40_000);
    }
}
