//! Breakers and budgets as they are watched.

use super::list::{List, Merge, Subject};
use crate::{CircuitBreaker, RetryBudget, breaker::CircuitState, time::Clock};

static BREAKERS: List<CircuitState, BreakerTotals> = List::new();
static BUDGETS: List<Tokens, BudgetTotals> = List::new();

/// Generations of a breaker go round after so many.
const GENERATIONS: u32 = 1 << 20;

/// All breakers that are watched.
pub(super) fn breakers() -> &'static List<CircuitState, BreakerTotals> {
    &BREAKERS
}

/// All budgets that are watched.
pub(super) fn budgets() -> &'static List<Tokens, BudgetTotals> {
    &BUDGETS
}

/// What a breaker counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BreakerTotals {
    pub(super) transitions: u64,
    pub(super) rejected: u64,
    pub(super) stale: u64,
    /// The generation that `transitions` stands for.
    generation: u32,
}

impl<C: Clock> Subject<CircuitState, BreakerTotals> for CircuitBreaker<C> {
    fn read(&self, last: &BreakerTotals) -> (CircuitState, BreakerTotals) {
        let stats = self.stats();
        let since = stats.generation.wrapping_sub(last.generation) % GENERATIONS;
        let totals = BreakerTotals {
            transitions: last.transitions + u64::from(since),
            rejected: stats.rejected_total,
            stale: stats.stale_total,
            generation: stats.generation,
        };
        (stats.state, totals)
    }
}

/// Of states the worst is shown.
impl Merge for CircuitState {
    fn merge(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::HalfOpen, _) | (_, Self::HalfOpen) => Self::HalfOpen,
            (Self::Closed, Self::Closed) => Self::Closed,
        };
    }
}

impl Merge for BreakerTotals {
    fn merge(&mut self, other: Self) {
        self.transitions += other.transitions;
        self.rejected += other.rejected;
        self.stale += other.stale;
    }
}

/// What a budget has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tokens {
    pub(super) available: f64,
    pub(super) capacity: f64,
}

/// What a budget counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BudgetTotals {
    pub(super) denied: u64,
}

impl<C: Clock> Subject<Tokens, BudgetTotals> for RetryBudget<C> {
    fn read(&self, _last: &BudgetTotals) -> (Tokens, BudgetTotals) {
        let tokens = Tokens { available: tokens_of(self.available()), capacity: tokens_of(self.capacity()) };
        (tokens, BudgetTotals { denied: self.denied_total() })
    }
}

/// A budget without a limit says so by the largest number.
fn tokens_of(tokens: u32) -> f64 {
    if tokens == u32::MAX { f64::INFINITY } else { f64::from(tokens) }
}

impl Merge for Tokens {
    fn merge(&mut self, other: Self) {
        self.available += other.available;
        self.capacity += other.capacity;
    }
}

impl Merge for BudgetTotals {
    fn merge(&mut self, other: Self) {
        self.denied += other.denied;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_that_went_round_are_counted_on() {
        let breaker = CircuitBreaker::new();
        breaker.force_open();
        let last = BreakerTotals { transitions: 7, generation: GENERATIONS - 2, ..BreakerTotals::default() };
        let (_, totals) = breaker.read(&last);
        assert_eq!(totals.transitions, 7 + 2 + u64::from(breaker.stats().generation));
    }
}
