//! Handing out: who is next, and the lease that goes with it.

use syncline_core::{
    Priority, Result, limits,
    port::{Buried, Claim, Claimed, DeadReason, Handed},
};

use super::{
    step::{Item, Phase, Step},
    upkeep,
    view::{self, View},
};
use crate::kept::{DAMAGED, EXPIRED, First, next};

/// Most items of one claim.
const ITEMS_MAX: usize = 1_024;
/// Bytes of content after which a claim hands out no more: they are all in memory at once.
const BYTES_MAX: usize = limits::SUBMISSION_BYTES_MAX;
/// Most items that are buried on the way; where there are more, something is due at once and the claim is made again.
const PASSED_MAX: usize = upkeep::MOST;

/// The first of a level that may be handed out, or is of no use any more. All that it reads stands in the index.
pub(super) const FIRST: &str = "SELECT eligible_at, seq FROM item INDEXED BY item_next \
                                WHERE queue = ? AND priority = ? AND phase = 0 AND eligible_at <= ? \
                                ORDER BY eligible_at, seq LIMIT 1";

/// Hands out what is next.
pub(super) fn claim(step: &mut Step<'_>, claim: Claim) -> Result<Handed> {
    step.allow_of_lane(claim.in_hand.of_lane)?;
    // First, so that who stands behind one that expired has its turn.
    let expired = upkeep::bury_expired(step, upkeep::MOST)?;
    let mut buried: Vec<_> = expired.iter().map(|item| buried_of(item, DeadReason::Expired)).collect();
    let until = step.now.saturating_add(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX));
    let aging = claim.aging.map(|aging| i64::try_from(aging.as_millis()).unwrap_or(i64::MAX).max(1));
    let room = usize::try_from(step.room_in_hand(claim.in_hand)?).unwrap_or(usize::MAX);
    let most = claim.most.min(ITEMS_MAX).min(room);
    let passed_max = buried.len() + PASSED_MAX;
    let (mut firsts, mut items, mut bytes) = (all_firsts(step)?, Vec::new(), 0);
    while items.len() < most && bytes < BYTES_MAX && buried.len() < passed_max {
        let Some((level, seq)) = next(&firsts, step.now, aging) else { break };
        let Some(item) = hand_out(step, seq, until, &mut buried)? else {
            // Its lane has another one in front now, of whatever level.
            firsts = all_firsts(step)?;
            continue;
        };
        let has_rivals = step.of_lane > 1 && item.partition.is_some();
        bytes += item.body.len();
        items.push(item);
        if has_rivals {
            // Those of its lane on other levels may have to wait for it now.
            firsts = all_firsts(step)?;
        } else if let Some(first) = firsts.get_mut(usize::from(level.number())) {
            // The other levels stand as they stood: who is alone in hand lets nobody of its lane step forward.
            *first = first_of(step, level)?;
        }
    }
    Ok(Handed { items, buried })
}

fn buried_of(item: &Item, reason: DeadReason) -> Buried {
    Buried { id: item.name(), reason }
}

fn all_firsts(step: &Step<'_>) -> Result<[Option<First>; 5]> {
    let mut firsts = [None; 5];
    for (first, level) in firsts.iter_mut().zip(Priority::ALL) {
        *first = first_of(step, level)?;
    }
    Ok(firsts)
}

fn first_of(step: &Step<'_>, level: Priority) -> Result<Option<First>> {
    step.first(FIRST, (step.queue, level.number(), step.now), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Leases an item, its attempt counted; one that is of no use any more or damaged is buried instead, so that it blocks nobody.
fn hand_out(step: &mut Step<'_>, seq: i64, until: i64, buried: &mut Vec<Buried>) -> Result<Option<Claimed>> {
    let Some(item) = step.item(seq)? else { return Ok(None) };
    if item.expires_at.is_some_and(|at| at <= step.now) {
        buried.push(buried_of(&item, DeadReason::Expired));
        return step.bury(&item, DeadReason::Expired, EXPIRED).map(|()| None);
    }
    let view = step.first(view::BY_SEQ, [seq], View::read)?;
    let Some(view) = view.filter(|view| !view.is_damaged) else {
        buried.push(buried_of(&item, DeadReason::Corrupt));
        tracing::error!(target: "syncline::sql", seq, "a damaged item was buried");
        return step.bury(&item, DeadReason::Corrupt, DAMAGED).map(|()| None);
    };
    let token = step.next_token();
    let sql = "UPDATE item SET phase = 2, lease_until = ?, token = ?, attempts = attempts + 1 WHERE seq = ?";
    step.run(sql, (until, token, seq))?;
    step.count_moved(&item, Phase::Leased);
    if step.of_lane > 1 {
        step.arrange(item.lane.as_deref())?;
    }
    let attempt = view.item.attempt.saturating_add(1);
    Ok(Some(Claimed { token: token.cast_unsigned(), attempt, ..view.item }))
}
