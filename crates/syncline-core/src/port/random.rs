//! Randomness, so that a seed can replay it.

use std::fmt::Debug;

/// Where random bytes come from.
///
/// # Contract
///
/// 1. Bytes drawn from the operating system's generator are fit for keys and salts; those of a seeded one are for tests.
/// 2. Two calls never return the same stream by design.
pub trait Random: Debug + Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// Eight random bytes as a number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
