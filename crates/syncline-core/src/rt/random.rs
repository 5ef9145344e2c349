//! The operating system's generator.

use crate::port::Random;

/// Draws from the operating system's generator; fit for keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    ///
    /// When the system has no randomness to give: nothing that needs a key may go on then.
    #[expect(clippy::expect_used, clippy::disallowed_methods, reason = "without randomness no key can be made")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(SystemRandom.next_u64(), SystemRandom.next_u64());
    }
}
