//! Ending and extending leases: only the one that is live can be.

use std::{collections::BTreeSet, time::Duration};

use syncline_core::{
    Result,
    port::{DeadReason, Ending, Lease, QueueOutcome as Outcome, Settled, Settlement},
};

use super::{
    error::failed,
    push,
    step::{Item, Step, brief, items, run, select_item},
};
use crate::kept::Phase;

/// Items of these ids that are in hand, whom nobody else moves meanwhile; in one order, whoever takes several.
const HELD: &str = select_item!("where queue = $1 and id = any($2) and phase = 2 order by seq for update");
/// Which of these ids are there at all.
const THERE: &str = "select distinct id from syncline_queue.item where queue = $1 and id = any($2)";
const RETRY: &str = "update syncline_queue.item set phase = case when lane is null then 0 else 1 end, lease_until = null, \
    eligible_at = $2, errors = (array_append(errors, $3))[greatest(cardinality(errors) - 6, 1):] where seq = $1";
const RELEASE: &str = "update syncline_queue.item set phase = case when lane is null then 0 else 1 end, lease_until = null, \
    attempts = greatest(attempts - 1, 0), eligible_at = coalesce($2, eligible_at) where seq = $1";

/// Ends leases, each as it says.
pub(super) async fn settle(step: &mut Step<'_>, settlements: &[Settlement]) -> Result<Vec<Settled>> {
    let mut held = held(step, settlements.iter().map(|settlement| &settlement.lease)).await?;
    let (mut told, mut done) = (Vec::with_capacity(settlements.len()), Vec::new());
    for settlement in settlements {
        let Some(item) = take(&mut held, &settlement.lease) else {
            told.push(Settled::Lost);
            continue;
        };
        told.push(match &settlement.outcome {
            // Taken away together with the next ones.
            Outcome::Complete { push } if push.is_empty() => {
                done.push(item);
                Settled::Completed
            }
            outcome => {
                step.remove(&std::mem::take(&mut done), Ending::Completed).await?;
                one(step, item, outcome).await?
            }
        });
    }
    step.remove(&done, Ending::Completed).await?;
    tell_unknown(step, settlements, &mut told).await?;
    Ok(told)
}

async fn one(step: &mut Step<'_>, item: Item, outcome: &Outcome) -> Result<Settled> {
    match outcome {
        Outcome::Complete { push: follow } => {
            step.remove(std::slice::from_ref(&item), Ending::Completed).await?;
            push::push_anyway(step, follow, true).await?;
            Ok(Settled::Completed)
        }
        Outcome::Retry { error, .. } if item.is_exhausted() => {
            step.bury(&item, DeadReason::Exhausted, error).await?;
            Ok(Settled::Dead)
        }
        Outcome::Retry { at, error } => {
            let at = step.after(*at);
            run!(step, RETRY, item.seq, at, brief(error))?;
            step.count_moved(&item, Phase::Waiting);
            Ok(Settled::Retried)
        }
        Outcome::Reject { error } => {
            step.bury(&item, DeadReason::Rejected, error).await?;
            Ok(Settled::Dead)
        }
        Outcome::Release => {
            run!(step, RELEASE, item.seq, None::<i64>)?;
            step.count_moved(&item, Phase::Waiting);
            Ok(Settled::Released)
        }
        Outcome::Defer { at } => {
            let at = step.after(*at);
            run!(step, RELEASE, item.seq, at)?;
            step.count_moved(&item, Phase::Waiting);
            Ok(Settled::Released)
        }
    }
}

/// Lets leases end `lease` from now; `false` for one that had ended.
pub(super) async fn extend(step: &mut Step<'_>, leases: &[Lease], lease: Duration) -> Result<Vec<bool>> {
    let held = held(step, leases.iter()).await?;
    let found: Vec<_> = leases.iter().map(|lease| find(&held, lease).and_then(|at| held.get(at))).collect();
    let seqs: Vec<_> = found.iter().flatten().map(|item| item.seq).collect();
    let until = step.now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    run!(step, "update syncline_queue.item set lease_until = $2 where seq = any($1)", seqs, until)?;
    Ok(found.iter().map(Option::is_some).collect())
}

/// What is in hand of the ids of these leases, in order of push.
async fn held(step: &mut Step<'_>, leases: impl Iterator<Item = &Lease>) -> Result<Vec<Item>> {
    let ids: BTreeSet<&str> = leases.map(|lease| lease.id.as_str()).collect();
    items!(step, HELD, step.queue, ids.into_iter().collect::<Vec<_>>())
}

/// Numbers of leases are the queue's, so that one names one item even where ids repeat.
fn find(held: &[Item], lease: &Lease) -> Option<usize> {
    let is_named =
        |item: &Item| item.id == lease.id && lease.token.is_none_or(|token| item.token.cast_unsigned() == token);
    held.iter().rposition(is_named)
}

/// An item that is settled is in hand no more.
fn take(held: &mut Vec<Item>, lease: &Lease) -> Option<Item> {
    find(held, lease).map(|at| held.remove(at))
}

/// Of those that were told to be lost, tells which have no item at all.
async fn tell_unknown(step: &mut Step<'_>, settlements: &[Settlement], told: &mut [Settled]) -> Result<()> {
    let lost = |(settlement, told): &(&Settlement, &mut Settled)| {
        (**told == Settled::Lost).then(|| settlement.lease.id.clone())
    };
    let ids: Vec<_> = settlements.iter().zip(told.iter_mut()).filter_map(|pair| lost(&pair)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let there: Vec<String> = sqlx::query_scalar(THERE)
        .bind(step.queue)
        .bind(ids)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    for (settlement, told) in settlements.iter().zip(told) {
        if *told == Settled::Lost && !there.contains(&settlement.lease.id) {
            *told = Settled::Unknown;
        }
    }
    Ok(())
}
