//! Accepting items: all that is new, or nothing.

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Admission, NewItem, Pushed},
};

use super::{
    clock::millis,
    step::{Phase, Step},
    view,
};

/// Keeps `items`, in order.
///
/// # Errors
///
/// [`ErrorKind::Full`] when they do not all fit; the transaction must then be rolled back.
pub(super) fn push(step: &mut Step<'_>, items: &[NewItem], admission: Admission) -> Result<Vec<Pushed>> {
    let mut live = step.live()?;
    let mut told = Vec::with_capacity(items.len());
    for item in items {
        // A duplicate takes no room.
        if let Some(id) = taken(step, item, admission.unique_ids)? {
            told.push(Pushed::Duplicate { id });
            continue;
        }
        if live >= admission.capacity {
            let message = format!("the queue holds {} items, its capacity", admission.capacity);
            return Err(Error::new(ErrorKind::Full, message));
        }
        insert(step, item)?;
        live += 1;
        told.push(Pushed::Inserted);
    }
    Ok(told)
}

/// Who has the id or the key of `item` already.
fn taken(step: &Step<'_>, item: &NewItem, unique_ids: bool) -> Result<Option<String>> {
    if unique_ids && has_living(step, &item.id)? {
        return Ok(Some(item.id.clone()));
    }
    let Some(key) = &item.dedup else { return Ok(None) };
    let holder = step.holder(key)?;
    Ok(holder.map(|id| String::from_utf8_lossy(&id).into_owned()))
}

fn has_living(step: &Step<'_>, id: &str) -> Result<bool> {
    Ok(step.item_of(id, "AND phase < 3")?.is_some())
}

fn insert(step: &mut Step<'_>, item: &NewItem) -> Result<()> {
    let eligible_at = item.due.map_or(step.now, |due| millis(due).max(step.now));
    let lane = item.partition.as_deref().map(str::as_bytes);
    let phase = if lane.is_some() { Phase::Behind } else { Phase::Waiting };
    let queue = step.queue;
    let sql = "INSERT INTO item (queue, phase, priority, eligible_at, expires_at, token, attempts, max_attempts, \
               lane_place, id, lane, dedup, errors) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, x'')";
    let values = rusqlite::params![
        queue,
        i64::from(phase == Phase::Behind),
        item.priority.number(),
        eligible_at,
        item.expires_at.map(millis),
        item.max_attempts.max(1),
        eligible_at,
        item.id.as_bytes(),
        lane,
        item.dedup.as_ref().map(|dedup| dedup.key.as_bytes()),
    ];
    step.run(sql, values)?;
    let seq = step.inserted();
    let hash = view::hash(item.id.as_bytes(), &item.body);
    let sql = "INSERT INTO content (seq, hash, bytes) VALUES (?, ?, ?)";
    step.run(sql, (seq, hash.as_slice(), &*item.body))?;
    step.count_new(item.priority);
    if let Some(key) = &item.dedup {
        step.take_key(key, seq, &item.id)?;
    }
    step.arrange(lane)
}
