//! Randomness from a seed: the same seed gives the same bytes on every machine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use syncline_core::port::Random;

/// Step of the sequence (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws from a seed; clones share one sequence. For tests, never for keys.
///
/// # Examples
///
/// ```
/// use syncline_core::port::Random as _;
/// use syncline_testkit::SeededRandom;
///
/// assert_eq!(SeededRandom::new(7).next_u64(), SeededRandom::new(7).next_u64());
/// ```
#[derive(Debug, Clone)]
pub struct SeededRandom {
    state: Arc<AtomicU64>,
}

impl SeededRandom {
    /// The sequence that `seed` begins.
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(AtomicU64::new(seed)) }
    }

    /// A sequence of its own, the `index`-th that this seed can give: what one part draws does not shift another's.
    #[must_use]
    pub fn split(&self, index: u64) -> Self {
        Self::new(mix(self.state.load(Ordering::Relaxed) ^ mix(index.wrapping_add(GAMMA))))
    }

    /// The next word of the sequence.
    pub fn word(&self) -> u64 {
        mix(self.state.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }

    /// A number below `bound`; 0 for a bound of 0. The bias of one in 2^64 / `bound` does not matter in a test.
    pub fn below(&self, bound: u64) -> u64 {
        self.word().checked_rem(bound).unwrap_or(0)
    }

    /// An index into something `len` long; 0 where it is empty.
    pub fn index(&self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// True once in `of` times on average; never for 0.
    pub fn once_in(&self, of: u64) -> bool {
        of > 0 && self.below(of) == 0
    }
}

/// Spreads every bit of a counter over the whole word.
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.word().to_le_bytes()) {
                *to = from;
            }
        }
    }

    fn next_u64(&self) -> u64 {
        self.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_sequence() {
        let random = SeededRandom::new(1_234_567);
        let words = [random.word(), random.word(), random.word()];
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_split_does_not_move_the_sequence_it_came_from() {
        let (a, b) = (SeededRandom::new(1), SeededRandom::new(1));
        let (left, right) = (a.split(0), a.split(1));
        assert_ne!(left.word(), right.word());
        assert_eq!(a.word(), b.word());
    }

    #[test]
    fn filled_bytes_are_the_words() {
        let mut bytes = [0; 12];
        SeededRandom::new(3).fill(&mut bytes);
        assert_eq!(bytes[..8], SeededRandom::new(3).word().to_le_bytes());
        assert_ne!(bytes[8..], [0; 4]);
    }
}
