//! Handing out: who is next, and the lease that goes with it.

use syncline_core::{
    Priority, Result, limits,
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
/// Most items of one claim of several of a lane, which locks as many lanes of each level.
const ITEMS_OF_LANES_MAX: usize = 64;

/// Whether anything is to be done before a claim. Where the queue allows as many of a lane as the claim asks for, nobody changes
/// that until the commit.
const GLANCE: &str = "select exists (select from syncline_queue.lane where queue = $1) as words, \
    exists (select from syncline_queue.item where queue = $1 and phase < 2 and expires_at is not null and expires_at <= $2) \
    as expired, \
    case when of_lane = $3 then pg_try_advisory_xact_lock_shared($4, $1) else false end as is_allowed \
    from syncline_queue.queue where number = $1";
/// The first of each level that may be handed out.
const FIRSTS: &str = "select l.level, first.eligible_at, first.seq from generate_series(0, 4) as l(level) cross join lateral ( \
    select eligible_at, seq from syncline_queue.item where queue = $1 and priority = l.level and phase = 0 \
    and eligible_at <= $2 and (expires_at is null or expires_at > $2) order by eligible_at, seq limit 1) as first";
/// Leases the first of a level, their attempts counted. What another claim has its hand on is passed over. With lanes that are
/// held, nobody is taken of another one, and nobody behind the first of a lane: who is next then, its lane says. Materialized: a
/// plan that looked at the first part twice would lease more than the limit.
const TAKE: &str = concat!(
    "with picked as materialized (select seq, eligible_at, octet_length(body) as bytes, lane from syncline_queue.item \
        where queue = $1 and priority = $2 and phase = 0 and eligible_at <= $3 and (expires_at is null or expires_at > $3) \
        and (lane is null or $7::text[] is null or lane = any($7)) \
        and (select of_lane from syncline_queue.queue where number = $1) = $8 \
        order by eligible_at, seq limit $4 for update skip locked), \
     fit as materialized (select seq, sum(bytes) over place - bytes as before, count(lane) over place as lanes, lane \
        from picked window place as (order by eligible_at, seq)) \
     update syncline_queue.item set phase = 2, lease_until = $5, token = nextval('syncline_queue.lease_token'), \
     attempts = attempts + 1 from fit where item.seq = fit.seq and fit.before < $6 \
     and ($7 is null or fit.lanes = 0 or (fit.lanes = 1 and fit.lane is not null)) returning ",
    view_columns!()
);

/// Hands out what is next.
pub(super) async fn claim(step: &mut Step<'_>, claim: Claim) -> Result<Handed> {
    if claim.in_hand.most.is_some() {
        // Two who counted at once would both take what is left.
        lanes::lock_queue(step).await?;
    }
    let room = tally::room_in_hand(step.connection, step.queue, claim.in_hand).await?;
    let mut buried = Vec::new();
    let of_lane = i32::from(claim.in_hand.of_lane.max(1));
    if prepare(step, of_lane, &mut buried).await? == Prepared::InPart {
        // Something is due at once: the claim is made again, and nobody waits meanwhile.
        return Ok(Handed { items: Vec::new(), buried });
    }
    let until = step.now.saturating_add(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX));
    let aging = claim.aging.map(|aging| i64::try_from(aging.as_millis()).unwrap_or(i64::MAX).max(1));
    let items_max = if of_lane > 1 { ITEMS_OF_LANES_MAX } else { ITEMS_MAX };
    let most = claim.most.min(items_max).min(usize::try_from(room).unwrap_or(usize::MAX));
    let held = if of_lane > 1 {
        Some(lanes::hold_next(step, most).await?)
    } else {
        // Who stands behind one that expired has its turn.
        lanes::advance(step).await?;
        None
    };
    let terms = Terms { of_lane, until, held };
    let (mut claimed, mut bytes) = (Vec::<Claimed>::new(), 0);
    let (mut firsts, mut spent) = (firsts(step).await?, [false; 5]);
    while claimed.len() < most && bytes < BYTES_MAX {
        let Some((level, _)) = kept::next(&firsts, step.now, aging) else { break };
        let is_only = firsts.iter().flatten().count() == 1;
        // With aging, whoever is next after this one may be of another level.
        let asked = if aging.is_none() || is_only { most - claimed.len() } else { 1 };
        let taken = take(step, level, asked, BYTES_MAX - bytes, &terms).await?;
        let is_all = taken.len() < asked;
        let lane = taken.last().and_then(|view| view.row.lane.clone()).filter(|_| terms.held.is_some());
        bytes += taken.iter().map(|view| view.item.body.len()).sum::<usize>();
        for view in taken {
            claimed.extend(hand_out(step, view, &mut buried).await?);
        }
        if let Some(lane) = lane {
            // Another one of it is next now, or none is on any level.
            lanes::arrange(step, &[lane]).await?;
            (firsts, spent) = (self::firsts(step).await?, [false; 5]);
            continue;
        }
        // What is left of it, another claim has its hand on.
        if let Some(spent) = spent.get_mut(usize::from(level.number())) {
            *spent = is_all || aging.is_none();
        }
        if aging.is_some() && !is_only {
            firsts = self::firsts(step).await?;
        }
        for (first, _) in firsts.iter_mut().zip(spent).filter(|(_, spent)| *spent) {
            *first = None;
        }
    }
    Ok(Handed { items: claimed, buried })
}

/// What holds for all that a claim takes.
struct Terms {
    /// How many of a lane may be in hand.
    of_lane: i32,
    /// When its leases end.
    until: i64,
    /// The lanes that it holds, where there may be more than one.
    held: Option<Vec<String>>,
}

/// How far a claim got with what is to be done before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prepared {
    Whole,
    /// There may be more that expired.
    InPart,
}

/// Buries what expired, and gathers the lanes that are to be seen to.
async fn prepare(step: &mut Step<'_>, of_lane: i32, buried: &mut Vec<Buried>) -> Result<Prepared> {
    let (words, expired, is_allowed): (bool, bool, bool) = sqlx::query_as(GLANCE)
        .bind(step.queue)
        .bind(step.now)
        .bind(of_lane)
        .bind(lanes::BOUND_LOCKS)
        .fetch_one(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    if !is_allowed {
        lanes::allow(step, of_lane).await?;
    }
    if expired {
        let expired = upkeep::bury_expired(step).await?;
        let is_part = expired.len() as u64 >= upkeep::MOST.cast_unsigned();
        buried.extend(expired.into_iter().map(|item| Buried { id: item.id, reason: DeadReason::Expired }));
        if is_part {
            return Ok(Prepared::InPart);
        }
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
async fn take(step: &mut Step<'_>, level: Priority, most: usize, bytes: usize, terms: &Terms) -> Result<Vec<View>> {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut taken: Vec<View> = sqlx::query(TAKE)
        .bind(step.queue)
        .bind(i16::from(level.number()))
        .bind(step.now)
        .bind(number(most))
        .bind(terms.until)
        .bind(number(bytes))
        .bind(terms.held.as_deref())
        .bind(terms.of_lane)
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
