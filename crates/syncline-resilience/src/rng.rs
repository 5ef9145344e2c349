//! Random numbers for jitter.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use syncline_core::{port::Random as _, rt::SystemRandom};

/// Where jitter is drawn from: never a copy of another source, so that two operations never wait in step.
#[derive(Debug, Clone, Default)]
pub(crate) enum Rng {
    /// A generator for each thread, seeded by the system.
    #[default]
    Thread,
    /// One sequence for all who share it, for tests that replay.
    Seeded(Arc<AtomicU64>),
}

thread_local! {
    static STATE: Cell<u64> = Cell::new(SystemRandom.next_u64());
}

/// The increment of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rng {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(AtomicU64::new(seed)))
    }

    /// The next number of the sequence.
    pub(crate) fn next_u64(&self) -> u64 {
        match self {
            Self::Thread => {
                let state = STATE.get().wrapping_add(GAMMA);
                STATE.set(state);
                mix(state)
            }
            Self::Seeded(state) => mix(state.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA)),
        }
    }
}

/// A number from `low` to `high`, both possible; `low` when they are in the wrong order.
pub(crate) fn between(low: u64, high: u64, random: u64) -> u64 {
    let Some(span) = high.checked_sub(low) else { return low };
    // Multiplying and keeping the high word spreads over any span with a bias below 2^-64 of it (Lemire, 2019).
    let wide = u128::from(random) * (u128::from(span) + 1);
    low + u64::try_from(wide >> 64).unwrap_or(span)
}

/// The finalizer of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays() {
        let draw = |seed| {
            let rng = Rng::seeded(seed);
            [(); 4].map(|()| rng.next_u64())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        // The reference sequence of SplitMix64 for seed 0.
        assert_eq!(draw(0)[..2], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn both_ends_can_be_drawn() {
        assert_eq!((between(3, 5, 0), between(3, 5, u64::MAX)), (3, 5));
        assert_eq!((between(0, u64::MAX, u64::MAX), between(9, 2, 77)), (u64::MAX, 9));
    }
}
