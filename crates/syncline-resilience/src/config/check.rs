//! What a field may say.

use std::{convert::Infallible, fmt::Debug, time::Duration};

use crate::{RetryError, error::invalid};

pub(super) type Result<T = ()> = std::result::Result<T, RetryError<Infallible>>;

/// Refuses `value` of `field` unless it `may` be, and says why not.
pub(super) fn require(may: bool, field: &str, value: impl Debug, why: &str) -> Result {
    if may {
        return Ok(());
    }
    Err(invalid(format!("{field} is {value:?}: {why}")))
}

pub(super) fn count(field: &str, value: u32, why: &str) -> Result {
    require(value > 0, field, value, why)
}

pub(super) fn within(field: &str, value: u32, most: u32) -> Result {
    require((1..=most).contains(&value), field, value, &format!("it goes from 1 to {most}"))
}

pub(super) fn time(field: &str, value: Duration, why: &str) -> Result {
    require(!value.is_zero(), field, value, why)
}

/// A share of a whole. Not a number is none.
pub(super) fn part(field: &str, value: f64) -> Result {
    require((0.0..=1.0).contains(&value), field, value, "it is a part, from 0.0 to 1.0")
}

/// A share of a whole that is not nothing.
pub(super) fn rate(field: &str, value: f64) -> Result {
    require(value > 0.0 && value <= 1.0, field, value, "it is a rate, above 0.0 and up to 1.0")
}
