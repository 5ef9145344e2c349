//! Accepting items: all that is new, or nothing.

use syncline_core::{
    Error, ErrorKind, Result,
    port::{Admission, NewItem, Pushed},
};

use super::{
    error::failed,
    step::{Step, run},
    tally,
};
use crate::kept::{self, millis};

/// Numbers for new items, in their order.
const SEQS: &str = "select nextval('syncline_queue.item_seq') from generate_series(1, $1)";
/// Items whose ids are free; another transaction that has one is waited for.
const INSERT: &str = "insert into syncline_queue.item (seq, queue, phase, priority, eligible_at, expires_at, token, attempts, \
    max_attempts, lane_place, is_unique, id, lane, dedup, errors, hash, body) \
    select u.seq, $1, case when u.lane is null then 0 else 1 end, u.priority, u.eligible_at, u.expires_at, 0, 0, \
    u.max_attempts, u.eligible_at, $2, u.id, u.lane, u.dedup, '{}', u.hash, u.body \
    from unnest($3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[], $7::integer[], $8::text[], $9::text[], $10::text[], \
    $11::bytea[], $12::bytea[]) \
    as u(seq, priority, eligible_at, expires_at, max_attempts, id, lane, dedup, hash, body) \
    where not $2 or not exists \
        (select from syncline_queue.item i where i.queue = $1 and i.id = u.id and i.phase < 3) \
    order by u.seq on conflict (queue, id) where phase < 3 and is_unique do nothing returning seq";

/// Keeps `items`, in order.
///
/// # Errors
///
/// [`ErrorKind::Full`] when they do not all fit; the transaction must then be rolled back.
pub(super) async fn push(step: &mut Step<'_>, items: &[NewItem], admission: Admission) -> Result<Vec<Pushed>> {
    let live = tally::live(step).await?;
    let told = push_anyway(step, items, admission.unique_ids).await?;
    // A duplicate takes no room.
    let inserted = told.iter().filter(|told| **told == Pushed::Inserted).count() as u64;
    if inserted > 0 && live.saturating_add(inserted) > admission.capacity {
        let message =
            format!("the queue holds {live} items, {inserted} more are over its capacity of {}", admission.capacity);
        return Err(Error::new(ErrorKind::Full, message));
    }
    Ok(told)
}

/// Keeps `items`, in order, whatever the capacity.
pub(super) async fn push_anyway(step: &mut Step<'_>, items: &[NewItem], unique_ids: bool) -> Result<Vec<Pushed>> {
    check(items)?;
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let seqs: Vec<i64> = sqlx::query_scalar(SEQS)
        .bind(i64::try_from(items.len()).unwrap_or(i64::MAX))
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("no place can be taken"))?;
    let numbered: Vec<_> = seqs.into_iter().zip(items).collect();
    let mut told = Vec::with_capacity(items.len());
    // Who is refused for its key has its id free again: one of those is a statement of its own.
    for run in numbered.chunk_by(|(_, one), (_, next)| one.dedup.is_none() && next.dedup.is_none()) {
        let inserted = insert(step, run, unique_ids).await?;
        for (seq, item) in run {
            let is_new = inserted.contains(seq);
            told.push(if is_new {
                admit(step, *seq, item).await?
            } else {
                Pushed::Duplicate { id: item.id.clone() }
            });
        }
    }
    Ok(told)
}

/// Counts an item that was inserted, unless somebody has its key: then it is taken back.
async fn admit(step: &mut Step<'_>, seq: i64, item: &NewItem) -> Result<Pushed> {
    let holder = match &item.dedup {
        Some(key) => step.take_key(key, seq, &item.id).await?,
        None => None,
    };
    if let Some(id) = holder {
        run!(step, "delete from syncline_queue.item where seq = $1", seq)?;
        return Ok(Pushed::Duplicate { id });
    }
    step.count_new(item.priority.number().into(), item.partition.as_deref());
    Ok(Pushed::Inserted)
}

/// Inserts a run of items; gives the numbers of those that are new.
async fn insert(step: &mut Step<'_>, run: &[(i64, &NewItem)], unique_ids: bool) -> Result<Vec<i64>> {
    let now = step.now;
    let of = |item: &NewItem| item.due.map_or(now, |due| millis(due).max(now));
    let seqs: Vec<i64> = run.iter().map(|(seq, _)| *seq).collect();
    let priorities: Vec<i16> = run.iter().map(|(_, item)| item.priority.number().into()).collect();
    let eligible: Vec<i64> = run.iter().map(|(_, item)| of(item)).collect();
    let expiries: Vec<Option<i64>> = run.iter().map(|(_, item)| item.expires_at.map(millis)).collect();
    let attempts: Vec<i32> = run.iter().map(|(_, item)| item.max_attempts.max(1).into()).collect();
    let ids: Vec<&str> = run.iter().map(|(_, item)| item.id.as_str()).collect();
    let lanes: Vec<Option<&str>> = run.iter().map(|(_, item)| item.partition.as_deref()).collect();
    let keys: Vec<Option<&str>> = run.iter().map(|(_, item)| item.dedup.as_ref().map(|key| key.key.as_str())).collect();
    let hashes: Vec<Vec<u8>> =
        run.iter().map(|(_, item)| kept::hash(item.id.as_bytes(), &item.body).to_vec()).collect();
    let bodies: Vec<&[u8]> = run.iter().map(|(_, item)| &*item.body).collect();
    sqlx::query_scalar(INSERT)
        .bind(step.queue)
        .bind(unique_ids)
        .bind(seqs)
        .bind(priorities)
        .bind(eligible)
        .bind(expiries)
        .bind(attempts)
        .bind(ids)
        .bind(lanes)
        .bind(keys)
        .bind(hashes)
        .bind(bodies)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the items cannot be inserted"))
}

/// Refuses names that PostgreSQL cannot keep as text.
fn check(items: &[NewItem]) -> Result<()> {
    let names = items.iter().flat_map(|item| {
        let key = item.dedup.as_ref().map(|key| &key.key);
        [Some(&item.id), item.partition.as_ref(), key].into_iter().flatten()
    });
    for name in names {
        if name.contains('\0') {
            let message = format!("{name:?} holds a zero byte, which PostgreSQL keeps in no id, partition or key");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
    }
    Ok(())
}
