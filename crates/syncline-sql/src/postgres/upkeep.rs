//! Taking back leases that are over, burying what is of no use any more, throwing away what was dead for long enough.

use std::time::Duration;

use syncline_core::{
    Result,
    port::{DeadReason, Ending, ExpiredDead, Reaped},
};

use super::{
    error::failed,
    lanes,
    look::FIRST_DEAD,
    step::{Item, Step, items, run, select_item},
    tally,
};
use crate::kept::{self, EXPIRED, LEASE_ENDED, Phase};

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
/// What has been dead since a time, oldest first. What another one redrives or throws away at this moment is passed over.
pub(super) const OUTLIVED: &str = select_item!(
    "where queue = $1 and phase = 3 and dead_at <= $2 order by dead_at, seq limit $3 for update skip locked"
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
    let expired = bury_expired(step).await?.len() as u64;
    let swept = step.sweep_keys(MOST).await?;
    lanes::take_words(step).await?;
    let forgotten = step.forget_ends(MOST).await?;
    tally::fold(step).await?;
    (reaped.leases, reaped.dead) = (back.len() as u64, exhausted.len() as u64 + expired);
    reaped.expired = expired;
    reaped.more = [over.len() as u64, expired, swept, forgotten]
        .into_iter()
        .any(|done| done >= MOST.cast_unsigned());
    Ok(reaped)
}

/// Throws away what has been dead for `older_than`, a bounded part of it.
pub(super) async fn expire_dead(step: &mut Step<'_>, older_than: Duration) -> Result<ExpiredDead> {
    let over = items!(step, OUTLIVED, step.queue, kept::died_by(older_than, step.now), MOST)?;
    step.remove(&over, Ending::Expired).await?;
    let left: Option<i64> = sqlx::query_scalar(FIRST_DEAD)
        .bind(step.queue)
        .fetch_optional(&mut *step.connection)
        .await
        .map_err(failed("the dead cannot be read"))?;
    Ok(ExpiredDead {
        ids: over.into_iter().map(|item| item.id).collect(),
        next: left.map(|dead_at| kept::until_dead_for(older_than, dead_at, step.now)),
    })
}

/// Buries what expired before anybody took it, a bounded part of it; returns which.
pub(super) async fn bury_expired(step: &mut Step<'_>) -> Result<Vec<Item>> {
    let expired = items!(step, EXPIRY, step.queue, step.now, MOST)?;
    for item in &expired {
        step.bury(item, DeadReason::Expired, EXPIRED).await?;
    }
    Ok(expired)
}
