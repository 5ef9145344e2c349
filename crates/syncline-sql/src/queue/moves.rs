//! What a person does with items: withdraw the living, redrive or throw away the dead.

use syncline_core::{Result, port::Ending};

use super::step::Step;

/// Withdraws items that are not dead, whoever has them; `false` where there is none.
pub(super) fn cancel(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    remove(step, ids, "AND phase < 3", Ending::Cancelled)
}

/// Throws dead items away; `false` where there is none that is dead.
pub(super) fn purge(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    remove(step, ids, "AND phase = 3", Ending::Purged)
}

fn remove(step: &mut Step<'_>, ids: &[String], and: &str, ending: Ending) -> Result<Vec<bool>> {
    let one = |id: &String| {
        let Some(item) = step.item_of(id, and)? else { return Ok(false) };
        step.remove(&item, ending)?;
        Ok(true)
    };
    ids.iter().map(one).collect()
}

/// Lets dead items be tried again, with all their attempts; `false` where there is none that is dead. Its id may live again:
/// nobody could reach the dead one otherwise.
pub(super) fn redrive(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    ids.iter().map(|id| redrive_one(step, id)).collect()
}

fn redrive_one(step: &mut Step<'_>, id: &str) -> Result<bool> {
    let Some(item) = step.item_of(id, "AND phase = 3")? else { return Ok(false) };
    // It was of no use at its time, and somebody wants it all the same: it expires no more.
    let set = ", attempts = 0, dead = NULL, dead_at = NULL, expires_at = NULL, eligible_at = ?, lane_place = ?";
    let now = step.now;
    step.put_back(&item, set, &[&now, &now])?;
    Ok(true)
}
