//! Ending and extending leases: only the one that is live can be.

use std::time::Duration;

use syncline_core::{
    Result,
    port::{Admission, DeadReason, Ending, Lease, QueueOutcome as Outcome, Settled, Settlement},
};

use super::{
    clock::millis,
    push,
    step::{Item, Step},
};

/// What follows a completed item is admitted whatever the capacity.
const ANYWAY: Admission = Admission { capacity: u64::MAX, unique_ids: true };

/// Who has an item.
enum Hold {
    /// The lease that was named.
    Held(Item),
    /// Nobody, or another lease.
    Lost,
    /// There is no such item.
    Unknown,
}

/// Ends leases, each as it says.
pub(super) fn settle(step: &mut Step<'_>, settlements: &[Settlement]) -> Result<Vec<Settled>> {
    settlements.iter().map(|settlement| one(step, settlement)).collect()
}

fn one(step: &mut Step<'_>, settlement: &Settlement) -> Result<Settled> {
    let item = match hold(step, &settlement.lease)? {
        Hold::Held(item) => item,
        Hold::Lost => return Ok(Settled::Lost),
        Hold::Unknown => return Ok(Settled::Unknown),
    };
    match &settlement.outcome {
        Outcome::Complete { push: follow } => {
            step.remove(&item, Ending::Completed)?;
            push::push(step, follow, ANYWAY)?;
            Ok(Settled::Completed)
        }
        Outcome::Retry { error, .. } if item.is_exhausted() => {
            step.bury(&item, DeadReason::Exhausted, error)?;
            Ok(Settled::Dead)
        }
        Outcome::Retry { at, error } => {
            let errors = Step::noted(&item, error);
            step.put_back(&item, ", eligible_at = ?, errors = ?", &[&millis(*at), &errors])?;
            Ok(Settled::Retried)
        }
        Outcome::Reject { error } => {
            step.bury(&item, DeadReason::Rejected, error)?;
            Ok(Settled::Dead)
        }
        Outcome::Release => {
            step.put_back(&item, ", attempts = max(attempts - 1, 0)", &[])?;
            Ok(Settled::Released)
        }
        Outcome::Defer { at } => {
            step.put_back(&item, ", attempts = max(attempts - 1, 0), eligible_at = ?", &[&millis(*at)])?;
            Ok(Settled::Released)
        }
    }
}

/// Lets leases end `lease` from now; `false` for one that had ended.
pub(super) fn extend(step: &mut Step<'_>, leases: &[Lease], lease: Duration) -> Result<Vec<bool>> {
    let until = step.now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    let extend = |lease| {
        let Hold::Held(item) = hold(step, lease)? else { return Ok(false) };
        step.run("UPDATE item SET lease_until = ? WHERE seq = ?", (until, item.seq))?;
        Ok(true)
    };
    leases.iter().map(extend).collect()
}

/// Who has the item of a lease. Numbers of leases are the queue's, so that one names one item even where ids repeat.
fn hold(step: &Step<'_>, lease: &Lease) -> Result<Hold> {
    let held = match lease.token {
        Some(token) => {
            // What is greater than any number that was given is nobody's.
            step.item_held(&lease.id, i64::try_from(token).unwrap_or(0))?
        }
        None => step.item_of(&lease.id, "AND phase = 2")?,
    };
    Ok(match held {
        Some(item) => Hold::Held(item),
        None if step.item_of(&lease.id, "")?.is_some() => Hold::Lost,
        None => Hold::Unknown,
    })
}
