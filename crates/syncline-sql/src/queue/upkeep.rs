//! Taking back leases that are over, burying what is of no use any more, throwing away what was dead for long enough.

use std::time::Duration;

use syncline_core::{
    Result,
    port::{DeadReason, Ending, ExpiredDead, Reaped},
};

use super::step::{Item, Step};
use crate::kept::{self, EXPIRED, LEASE_ENDED};

/// Most that one call touches of each kind.
pub(super) const MOST: usize = 64;

/// Leases that are over.
pub(super) const OVER: &str =
    "INDEXED BY item_lease WHERE queue = ? AND phase = 2 AND lease_until <= ? ORDER BY lease_until LIMIT ?";
/// What is of no use any more.
pub(super) const EXPIRY: &str =
    "INDEXED BY item_expiry WHERE queue = ? AND phase < 2 AND expires_at <= ? ORDER BY expires_at LIMIT ?";

/// What has been dead since a time, oldest first.
pub(super) const OUTLIVED: &str =
    "INDEXED BY item_dead WHERE queue = ? AND phase = 3 AND dead_at <= ? ORDER BY dead_at, seq LIMIT ?";
/// When the one that is dead for the longest time died.
pub(super) const FIRST_DEAD: &str =
    "SELECT dead_at FROM item INDEXED BY item_dead WHERE queue = ? AND phase = 3 ORDER BY dead_at LIMIT 1";

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
    let expired = bury_expired(step, MOST)?.len();
    reaped.dead += expired as u64;
    reaped.expired = expired as u64;
    let swept = step.sweep_keys(MOST)?;
    let forgotten = step.forget_ends(MOST)?;
    reaped.more = [over.len(), expired, swept, forgotten].into_iter().any(|done| done >= MOST);
    Ok(reaped)
}

/// Buries what expired before anybody took it, up to `most`; returns which.
pub(super) fn bury_expired(step: &mut Step<'_>, most: usize) -> Result<Vec<Item>> {
    let expired = due(step, EXPIRY, most)?;
    for item in &expired {
        step.bury(item, DeadReason::Expired, EXPIRED)?;
    }
    Ok(expired)
}

/// Throws away what has been dead for `older_than`, a bounded part of it.
pub(super) fn expire_dead(step: &mut Step<'_>, older_than: Duration) -> Result<ExpiredDead> {
    let over = step.items(OUTLIVED, (step.queue, kept::died_by(older_than, step.now), limit(MOST)))?;
    for item in &over {
        step.remove(item, Ending::Expired)?;
    }
    let left: Option<i64> = step.first(FIRST_DEAD, [step.queue], |row| row.get(0))?;
    Ok(ExpiredDead {
        ids: over.into_iter().map(|item| item.name()).collect(),
        next: left.map(|dead_at| kept::until_dead_for(older_than, dead_at, step.now)),
    })
}

fn due(step: &Step<'_>, rest: &str, most: usize) -> Result<Vec<Item>> {
    step.items(rest, (step.queue, step.now, limit(most)))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
