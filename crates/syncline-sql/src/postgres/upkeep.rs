//! Taking back leases that are over, and burying what is of no use any more.

use syncline_core::{
    Result,
    port::{DeadReason, Reaped},
};

use super::{
    lanes,
    step::{Step, items, run, select_item},
    tally,
};
use crate::kept::{EXPIRED, LEASE_ENDED, Phase};

/// Most that one call touches of each kind.
pub(super) const MOST: i64 = 64;
/// Leases that are over. A row that another one moves at this moment is looked at again before it is taken.
const OVER: &str = select_item!(
    "where queue = $1 and phase = 2 and lease_until <= $2 order by lease_until, seq limit $3 for update skip locked"
);
/// What is of no use any more.
const EXPIRY: &str = select_item!(
    "where queue = $1 and phase < 2 and expires_at is not null and expires_at <= $2 order by expires_at limit $3 \
     for update skip locked"
);
const TAKE_BACK: &str = "update syncline_queue.item set phase = case when lane is null then 0 else 1 end, lease_until = null \
    where seq = any($1)";

/// Does what is due, a bounded part of it.
pub(super) async fn reap(step: &mut Step<'_>) -> Result<Reaped> {
    let mut reaped = Reaped::default();
    let over = items!(step, OVER, step.queue, step.now, MOST)?;
    let (exhausted, back): (Vec<_>, Vec<_>) = over.iter().partition(|item| item.is_exhausted());
    for item in &exhausted {
        step.bury(item, DeadReason::Exhausted, LEASE_ENDED).await?;
    }
    if !back.is_empty() {
        run!(step, TAKE_BACK, back.iter().map(|item| item.seq).collect::<Vec<_>>())?;
    }
    for item in &back {
        step.count_moved(item, Phase::Waiting);
    }
    let expired = bury_expired(step).await?;
    let swept = step.sweep_keys(MOST).await?;
    lanes::take_words(step).await?;
    tally::fold(step).await?;
    (reaped.leases, reaped.dead) = (back.len() as u64, exhausted.len() as u64 + expired);
    reaped.expired = expired;
    reaped.more = [over.len() as u64, expired, swept].into_iter().any(|done| done >= MOST.cast_unsigned());
    Ok(reaped)
}

/// Buries what expired before anybody took it, a bounded part of it; returns how many.
pub(super) async fn bury_expired(step: &mut Step<'_>) -> Result<u64> {
    let expired = items!(step, EXPIRY, step.queue, step.now, MOST)?;
    for item in &expired {
        step.bury(item, DeadReason::Expired, EXPIRED).await?;
    }
    Ok(expired.len() as u64)
}
