//! Taking back leases that are over, and burying what is of no use any more.

use syncline_core::{
    Result,
    port::{DeadReason, Reaped},
};

use super::step::{Item, Step};
use crate::kept::{EXPIRED, LEASE_ENDED};

/// Most that one call touches of each kind.
pub(super) const MOST: usize = 64;

/// Leases that are over.
pub(super) const OVER: &str =
    "INDEXED BY item_lease WHERE queue = ? AND phase = 2 AND lease_until <= ? ORDER BY lease_until LIMIT ?";
/// What is of no use any more.
pub(super) const EXPIRY: &str =
    "INDEXED BY item_expiry WHERE queue = ? AND phase < 2 AND expires_at <= ? ORDER BY expires_at LIMIT ?";

/// Does what is due, a bounded part of it.
pub(super) fn reap(step: &mut Step<'_>) -> Result<Reaped> {
    let mut reaped = Reaped::default();
    let over = due(step, OVER, MOST)?;
    for item in &over {
        if item.is_exhausted() {
            step.bury(item, DeadReason::Exhausted, LEASE_ENDED)?;
            reaped.dead += 1;
        } else {
            step.put_back(item, "", &[])?;
            reaped.leases += 1;
        }
    }
    let expired = bury_expired(step, MOST)?;
    reaped.dead += expired as u64;
    reaped.expired = expired as u64;
    let swept = step.sweep_keys(MOST)?;
    reaped.more = [over.len(), expired, swept].into_iter().any(|done| done >= MOST);
    Ok(reaped)
}

/// Buries what expired before anybody took it, up to `most`; returns how many.
pub(super) fn bury_expired(step: &mut Step<'_>, most: usize) -> Result<usize> {
    let expired = due(step, EXPIRY, most)?;
    for item in &expired {
        step.bury(item, DeadReason::Expired, EXPIRED)?;
    }
    Ok(expired.len())
}

fn due(step: &Step<'_>, rest: &str, most: usize) -> Result<Vec<Item>> {
    step.items(rest, (step.queue, step.now, i64::try_from(most).unwrap_or(i64::MAX)))
}
