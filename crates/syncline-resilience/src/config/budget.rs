//! A retry budget as data.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};

use super::check::{self, Result};
use crate::{
    Class, RetryBudget, RetryError,
    retry::BUDGET_REFILL_INTERVAL,
    time::{Clock, SystemClock},
};

/// Retries that a budget of savings can hold.
const SAVED_MAX: u32 = 16_777;

/// Settings of a [`RetryBudget`]. Plain data; its default is `RetryBudget::new(100, 10.0)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// What metrics call it. Without one it is not exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How tokens come back.
    pub kind: BudgetKind,
    /// Tokens of a full budget; of gRPC's kind the tokens that it begins with. At least 1.
    pub capacity: u32,
    /// Tokens that come back in each `refill_interval`, for [`BudgetKind::Rate`]. 0.0 brings none.
    pub refill_rate: f64,
    /// The time that `refill_rate` is about. Above zero.
    #[serde(with = "humantime_serde")]
    pub refill_interval: Duration,
    /// What each success earns, in tokens: 0.1 lets retries add a tenth to the successes.
    pub earned_per_success: f64,
    /// Time without a failure after which [`BudgetKind::Saved`] is full again. Above zero.
    #[serde(with = "humantime_serde")]
    pub quiet: Duration,
    /// Tokens of a retry after a transient failure. 0 makes it free.
    pub transient_cost: u32,
    /// Tokens of a retry after the other side asked for patience.
    pub throttled_cost: u32,
    /// Tokens of a retry of what never reached the other side.
    pub not_sent_cost: u32,
}

/// How tokens come back: see [`RetryBudget`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetKind {
    /// With time, and with successes where they earn something: [`RetryBudget::new`].
    #[default]
    Rate,
    /// With successes, and all after a quiet time: [`RetryBudget::saved`].
    Saved,
    /// With successes, and failures take them: [`RetryBudget::grpc`].
    Grpc,
    /// They are not counted: [`RetryBudget::unlimited`].
    Unlimited,
    /// There are none: [`RetryBudget::none`].
    None,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            name: None,
            kind: BudgetKind::default(),
            capacity: 100,
            refill_rate: 10.0,
            refill_interval: BUDGET_REFILL_INTERVAL,
            earned_per_success: 0.0,
            quiet: Duration::from_secs(10),
            transient_cost: 1,
            throttled_cost: 1,
            not_sent_cost: 1,
        }
    }
}

impl BudgetConfig {
    /// The budget, on the machine's clock.
    ///
    /// # Errors
    ///
    /// [`RetryError::InvalidConfiguration`] that names the first field that makes no sense, and its value.
    pub fn build(&self) -> Result<RetryBudget> {
        self.build_with_clock(SystemClock)
    }

    /// The budget, on `clock`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_with_clock<C: Clock>(&self, clock: C) -> Result<RetryBudget<C>> {
        self.check()?;
        let (capacity, earned) = (self.capacity, self.earned_per_success);
        let budget = match self.kind {
            BudgetKind::Rate => RetryBudget::with_clock(capacity, self.refill_rate, clock)
                .with_refill_interval(self.refill_interval)
                .with_deposit_ratio(earned),
            BudgetKind::Saved => RetryBudget::saved_with_clock(capacity, earned, self.quiet, clock),
            BudgetKind::Grpc => RetryBudget::grpc_with_clock(capacity, earned, clock),
            BudgetKind::Unlimited => RetryBudget::unlimited_with_clock(clock),
            BudgetKind::None => RetryBudget::none_with_clock(clock),
        };
        let budget = budget
            .with_cost(Class::Transient, self.transient_cost)
            .with_cost(Class::Throttled { retry_after: None }, self.throttled_cost)
            .with_cost(Class::NotSent, self.not_sent_cost);
        Ok(match &self.name {
            Some(name) => budget.with_name(name.clone()),
            None => budget,
        })
    }

    fn check(&self) -> Result {
        if !matches!(self.kind, BudgetKind::Unlimited | BudgetKind::None) {
            check::count("capacity", self.capacity, "no retry would ever be paid; the kind `none` says so on purpose")?;
        }
        if self.kind == BudgetKind::Saved {
            let why = format!("at most {SAVED_MAX} retries can be saved");
            check::require(self.capacity <= SAVED_MAX, "capacity", self.capacity, &why)?;
        }
        check::time("refill_interval", self.refill_interval, "a rate is per time")?;
        check::time("quiet", self.quiet, "it would always be full")?;
        let earned = self.earned_per_success;
        check::require(
            earned >= 0.0 && earned.is_finite(),
            "earned_per_success",
            earned,
            "a success earns a number of tokens, 0.0 or more",
        )?;
        self.check_rate()
    }

    fn check_rate(&self) -> Result {
        let per_second = self.refill_rate / self.refill_interval.as_secs_f64();
        match RetryBudget::try_new(self.capacity.max(1), per_second) {
            Err(RetryError::InvalidConfiguration { message }) => {
                check::require(false, "refill_rate", self.refill_rate, &message)
            }
            _ => Ok(()),
        }
    }
}

impl TryFrom<BudgetConfig> for RetryBudget {
    type Error = RetryError<Infallible>;

    fn try_from(config: BudgetConfig) -> Result<Self> {
        config.build()
    }
}
