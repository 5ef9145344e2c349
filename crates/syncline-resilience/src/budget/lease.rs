//! Tokens that are held until they are spent or given back.

use std::{ops::Deref, sync::Arc};

use super::RetryBudget;
use crate::time::{Clock, SystemClock};

/// Tokens taken in advance from a [`RetryBudget`]. Dropping it returns those that were not spent, on every path: success,
/// error, panic and cancellation.
///
/// # Examples
///
/// ```
/// use syncline_resilience::RetryBudget;
///
/// let budget = RetryBudget::new(100, 0.0);
/// {
///     let mut lease = budget.try_lease(3).expect("it is full");
///     assert_eq!(budget.available(), 97);
///     assert!(lease.spend());
///     assert_eq!(lease.remaining(), 2);
/// }
/// assert_eq!(budget.available(), 99);
/// ```
#[derive(Debug)]
#[must_use = "dropping it returns every token at once"]
pub struct BudgetLease<'a, C: Clock = SystemClock> {
    budget: Holder<'a, C>,
    left: u32,
}

#[derive(Debug)]
enum Holder<'a, C: Clock> {
    Borrowed(&'a RetryBudget<C>),
    Shared(Arc<RetryBudget<C>>),
}

impl<C: Clock> Deref for Holder<'_, C> {
    type Target = RetryBudget<C>;

    fn deref(&self) -> &RetryBudget<C> {
        match self {
            Self::Borrowed(budget) => budget,
            Self::Shared(budget) => budget,
        }
    }
}

impl<C: Clock> BudgetLease<'_, C> {
    /// Spends one token, or returns `false` when none is left.
    #[must_use = "a token was spent; `false` means do not retry"]
    pub fn spend(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// Tokens that are not spent.
    pub fn remaining(&self) -> u32 {
        self.left
    }
}

impl<C: Clock> Drop for BudgetLease<'_, C> {
    fn drop(&mut self) {
        self.budget.return_tokens(self.left);
    }
}

impl<C: Clock> RetryBudget<C> {
    /// Takes `n` tokens to be spent one by one; `None` where [`try_acquire_multiple`](Self::try_acquire_multiple) would refuse.
    pub fn try_lease(&self, n: u32) -> Option<BudgetLease<'_, C>> {
        self.try_acquire_multiple(n)
            .then(|| BudgetLease { budget: Holder::Borrowed(self), left: n })
    }

    /// [`try_lease`](Self::try_lease) for a lease that moves into a task: it keeps the budget alive.
    pub fn try_lease_owned(self: &Arc<Self>, n: u32) -> Option<BudgetLease<'static, C>>
    where
        C: 'static,
    {
        self.try_acquire_multiple(n)
            .then(|| BudgetLease { budget: Holder::Shared(Arc::clone(self)), left: n })
    }
}
