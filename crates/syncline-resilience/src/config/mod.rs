//! Configuration as data: what a file or another program can say.
//!
//! [`RetryConfig`], [`BreakerConfig`] and [`BudgetConfig`] are plain data. Every field has a default, so that a file names only
//! what differs; a field that does not exist is refused. Durations are written as people do: `"250ms"`, `"1m 30s"`.
//!
//! What plain data cannot rule out is refused when the part is made, in [`RetryError::InvalidConfiguration`] that names the
//! field and its value. Unlike the setters, which clamp, it takes no number for another: a file is read once and by a person.
//!
//! [`RetryError::InvalidConfiguration`]: crate::RetryError::InvalidConfiguration
//!
//! # Examples
//!
//! ```
//! use syncline_resilience::{RetryStrategy, config::RetryConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config: RetryConfig = toml::from_str(
//!     r#"
//!         max_attempts = 3
//!         base_delay = "100ms"
//!         timeout = "10s"
//!     "#,
//! )?;
//! let strategy = RetryStrategy::try_from(config)?;
//! assert_eq!(strategy.worst_case_duration(), Some(std::time::Duration::from_millis(300)));
//!
//! let bad: RetryConfig = toml::from_str(r#"base_delay = "0s""#)?;
//! let refused = RetryStrategy::try_from(bad).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "invalid configuration: base_delay is 0ns: it would retry without a pause"
//! );
//! # Ok(())
//! # }
//! ```

mod breaker;
mod budget;
mod check;
mod retry;
#[cfg(test)]
mod tests;

pub use self::{
    breaker::{BreakerConfig, CountWindow, GrowingTimeout, SlowCalls, TimeWindow, Window},
    budget::{BudgetConfig, BudgetKind},
    retry::{BackoffKind, JitterKind, RetryConfig},
};
