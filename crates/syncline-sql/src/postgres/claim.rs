//! Handing out: who is next, and the lease that goes with it.

use syncline_core::{
    Error, ErrorKind, Priority, Result, limits,
    port::{Buried, Claim, Claimed, DeadReason, Handed},
};

use super::{
    error::failed,
    lanes,
    row::{View, view_columns},
    step::Step,
    tally, upkeep,
};
use crate::kept::{self, First, Phase};

/// Most items of one claim.
const ITEMS_MAX: usize = 1_024;
/// Bytes of content after which a claim hands out no more: they are all in memory at once.
const BYTES_MAX: usize = limits::SUBMISSION_BYTES_MAX;

/// Whether anything is to be done before a claim.
const GLANCE: &str = "select exists (select from syncline_queue.lane where queue = $1) as words, \
    exists (select from syncline_queue.item where queue = $1 and phase < 2 and expires_at is not null and expires_at <= $2) \
    as expired";
/// The first of each level that may be handed out.
const FIRSTS: &str = "select l.level, first.eligible_at, first.seq from generate_series(0, 4) as l(level) cross join lateral ( \
    select eligible_at, seq from syncline_queue.item where queue = $1 and priority = l.level and phase = 0 \
    and eligible_at <= $2 and (expires_at is null or expires_at > $2) order by eligible_at, seq limit 1) as first";
/// Leases the first of a level, their attempts counted. What another claim has its hand on is passed over. Materialized: a
/// plan that looked at the first part twice would lease more than the limit.
const TAKE: &str = concat!(
    "with picked as materialized (select seq, eligible_at, octet_length(body) as bytes from syncline_queue.item \
        where queue = $1 and priority = $2 and phase = 0 and eligible_at <= $3 and (expires_at is null or expires_at > $3) \
        order by eligible_at, seq limit $4 for update skip locked), \
     fit as materialized (select seq, sum(bytes) over (order by eligible_at, seq) - bytes as before from picked) \
     update syncline_queue.item set phase = 2, lease_until = $5, token = nextval('syncline_queue.lease_token'), \
     attempts = attempts + 1 from fit where item.seq = fit.seq and fit.before < $6 returning ",
    view_columns!()
);

/// Hands out what is next.
pub(super) async fn claim(step: &mut Step<'_>, claim: Claim) -> Result<Handed> {
    if claim.in_hand.of_lane > 1 {
        return Err(Error::new(ErrorKind::Invalid, "of a lane one item at a time is in hand here"));
    }
    if claim.in_hand.most.is_some() {
        // Two who counted at once would both take what is left.
        lanes::lock_queue(step).await?;
    }
    let room = tally::room_in_hand(step.connection, step.queue, claim.in_hand).await?;
    let mut buried = Vec::new();
    if prepare(step, &mut buried).await? == Prepared::InPart {
        // Something is due at once: the claim is made again, and nobody waits meanwhile.
        return Ok(Handed { items: Vec::new(), buried });
    }
    let until = step.now.saturating_add(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX));
    let aging = claim.aging.map(|aging| i64::try_from(aging.as_millis()).unwrap_or(i64::MAX).max(1));
    let most = claim.most.min(ITEMS_MAX).min(usize::try_from(room).unwrap_or(usize::MAX));
    let (mut claimed, mut bytes) = (Vec::<Claimed>::new(), 0);
    let mut firsts = firsts(step).await?;
    while claimed.len() < most && bytes < BYTES_MAX {
        let Some((level, _)) = kept::next(&firsts, step.now, aging) else { break };
        let is_only = firsts.iter().flatten().count() == 1;
        // With aging, whoever is next after this one may be of another level.
        let asked = if aging.is_none() || is_only { most - claimed.len() } else { 1 };
        let taken = take(step, level, asked, until, BYTES_MAX - bytes).await?;
        let is_all = taken.len() < asked;
        bytes += taken.iter().map(|view| view.item.body.len()).sum::<usize>();
        for view in taken {
            claimed.extend(hand_out(step, view, &mut buried).await?);
        }
        if aging.is_some() && !is_only {
            firsts = self::firsts(step).await?;
        }
        // What is left of it, another claim has its hand on.
        if let Some(first) = firsts.get_mut(usize::from(level.number())).filter(|_| is_all || aging.is_none()) {
            *first = None;
        }
    }
    Ok(Handed { items: claimed, buried })
}

/// How far a claim got with what is to be done before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prepared {
    Whole,
    /// There may be more that expired.
    InPart,
}

/// Buries what expired and sees to lanes, so that who stands behind one that expired has its turn.
async fn prepare(step: &mut Step<'_>, buried: &mut Vec<Buried>) -> Result<Prepared> {
    let (words, expired): (bool, bool) = sqlx::query_as(GLANCE)
        .bind(step.queue)
        .bind(step.now)
        .fetch_one(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    if expired {
        let expired = upkeep::bury_expired(step).await?;
        let is_part = expired.len() as u64 >= upkeep::MOST.cast_unsigned();
        buried.extend(expired.into_iter().map(|item| Buried { id: item.id, reason: DeadReason::Expired }));
        if is_part {
            return Ok(Prepared::InPart);
        }
        lanes::advance(step).await?;
    }
    if words {
        lanes::take_words(step).await?;
    }
    Ok(Prepared::Whole)
}

async fn firsts(step: &mut Step<'_>) -> Result<[Option<First>; 5]> {
    let found: Vec<(i32, i64, i64)> = sqlx::query_as(FIRSTS)
        .bind(step.queue)
        .bind(step.now)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    let mut firsts = [None; 5];
    for (level, eligible_at, seq) in found {
        if let Some(first) = usize::try_from(level).ok().and_then(|level| firsts.get_mut(level)) {
            *first = Some((eligible_at, seq));
        }
    }
    Ok(firsts)
}

/// Leases up to `most` of a level, and no more once they carry `bytes`; in order.
async fn take(step: &mut Step<'_>, level: Priority, most: usize, until: i64, bytes: usize) -> Result<Vec<View>> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut taken: Vec<View> = sqlx::query(TAKE)
        .bind(step.queue)
        .bind(i16::from(level.number()))
        .bind(step.now)
        .bind(number(most))
        .bind(until)
        .bind(number(bytes))
        .try_map(|row: sqlx::postgres::PgRow| View::read(&row))
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the items cannot be leased"))?;
    taken.sort_unstable_by_key(|view| (view.item.eligible_at, view.row.seq));
    Ok(taken)
}

/// Counts an item that was leased; one that is damaged is buried instead, so that it blocks nobody.
async fn hand_out(step: &mut Step<'_>, view: View, buried: &mut Vec<Buried>) -> Result<Option<Claimed>> {
    let mut before = view.row.clone();
    before.phase = Phase::Waiting;
    if view.is_damaged {
        tracing::error!(target: "syncline::sql", seq = before.seq, "a damaged item was buried");
        step.bury(&before, DeadReason::Corrupt, kept::DAMAGED).await?;
        buried.push(Buried { id: before.id, reason: DeadReason::Corrupt });
        return Ok(None);
    }
    step.count_leased(&before);
    Ok(Some(view.item))
}
