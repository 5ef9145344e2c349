//! What a person does with items: withdraw the living, redrive or throw away the dead.

use syncline_core::{Result, port::Ending};

use super::step::{Item, Step, items, run, select_item};
use crate::kept::Phase;

/// The newest of an id that lives.
const LIVING: &str = select_item!("where queue = $1 and id = $2 and phase < 3 order by seq desc limit 1 for update");
/// The newest of an id that is dead.
const DEAD: &str = select_item!("where queue = $1 and id = $2 and phase = 3 order by seq desc limit 1 for update");
/// It was of no use at its time, and somebody wants it all the same: it expires no more. Its id may live again: nobody could
/// reach the dead one otherwise.
const REDRIVE: &str = "update syncline_queue.item set phase = case when lane is null then 0 else 1 end, attempts = 0, \
    dead = null, dead_at = null, expires_at = null, eligible_at = $2, lane_place = $2, is_unique = false where seq = $1";

/// Withdraws items that are not dead, whoever has them; `false` where there is none.
pub(super) async fn cancel(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    remove(step, ids, LIVING, Ending::Cancelled).await
}

/// Throws dead items away; `false` where there is none that is dead.
pub(super) async fn purge(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    remove(step, ids, DEAD, Ending::Purged).await
}

async fn remove(step: &mut Step<'_>, ids: &[String], which: &'static str, ending: Ending) -> Result<Vec<bool>> {
    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        let item = newest(step, which, id).await?;
        step.remove(item.as_slice(), ending).await?;
        told.push(item.is_some());
    }
    Ok(told)
}

/// Lets dead items be tried again, with all their attempts; `false` where there is none that is dead.
pub(super) async fn redrive(step: &mut Step<'_>, ids: &[String]) -> Result<Vec<bool>> {
    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        let item = newest(step, DEAD, id).await?;
        if let Some(item) = &item {
            run!(step, REDRIVE, item.seq, step.now)?;
            step.count_moved(item, Phase::Waiting);
        }
        told.push(item.is_some());
    }
    Ok(told)
}

async fn newest(step: &mut Step<'_>, which: &'static str, id: &str) -> Result<Option<Item>> {
    Ok(items!(step, which, step.queue, id)?.pop())
}
