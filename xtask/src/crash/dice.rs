//! A small seeded generator (splitmix64): the seed that a run prints replays its choices.

/// Draws numbers.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number from `low` to below `high`; `low` when there is none between.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.word().checked_rem(high.saturating_sub(low)).unwrap_or(0)
    }

    /// True once in `of` times.
    pub fn one_in(&mut self, of: u64) -> bool {
        self.between(0, of) == 0
    }
}

/// A seed for a run that was given none, and that will print it.
#[expect(clippy::disallowed_methods, reason = "a seed to start from; it is printed, and replays the run")]
pub fn fresh_seed() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // Short enough to be typed again.
    Dice::new(since_1970.as_secs() << 20 ^ u64::from(since_1970.subsec_nanos())).word() >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| dice.between(5, 9)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|number| (5..9).contains(number)));
    }

    #[test]
    fn an_empty_range_gives_its_start() {
        assert_eq!(Dice::new(1).between(7, 7), 7);
        assert_eq!(Dice::new(1).between(7, 3), 7);
    }
}
