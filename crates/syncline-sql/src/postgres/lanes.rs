//! Lanes: of the items of one partition key only so many are in hand at once, as the last claim allowed.
//!
//! One at a time leaves them in order. More gives that up: each level of a lane has a front, the first by its time. Only fronts
//! stand among those that may be handed out, and none does while the lane has its share in hand. A lane is put right by whoever
//! changed it, before the commit and under a lock on that lane.
//!
//! So a claim of one at a time never looks at a lane, and never asks whether another one of it is in hand, which two could ask
//! at once; an index refuses a second front all the same. A claim of more takes the locks of the lanes that it may come upon
//! before it takes an item of them.
//!
//! How many a claim may have of a lane is the queue's. All who rely on it have a share of a lock, and whoever changes it has
//! that lock alone.
//!
//! A transaction of the caller's own may last, and must hold no such lock. It leaves word instead, and the next claim sees to it.

use sqlx::Row as _;
use syncline_core::Result;

use super::{
    error::failed,
    step::{Step, run},
};
use crate::kept::Arranged;

/// "SYNQ": whose locks they are. Two lanes whose numbers are the same wait for each other, nothing more.
const LOCKS: i32 = 0x5359_4e51;
/// The locks on how many of a lane may be in hand, one a queue.
pub(super) const BOUND_LOCKS: i32 = LOCKS + 1;
/// The locks of who forgets what ended, one a queue.
pub(super) const HISTORY_LOCKS: i32 = LOCKS + 2;
/// Most words that one claim sees to, and most lanes that are arranged in one statement.
const LANES_MAX: i64 = 256;

/// Locks lanes, and has a share of the lock on how many of each may be in hand.
const LOCK: &str = "select pg_advisory_xact_lock_shared($1, $2)::text \
    union all select pg_advisory_xact_lock($3, l)::text from unnest($4::integer[]) as l";
/// Of each lane who stands where it may be handed out, and who is to.
pub(super) const FRONTS: &str = "select q.of_lane, coalesce(now.standing, '{}') as standing, \
    case when now.in_hand >= q.of_lane then '{}' \
    when q.of_lane = 1 then array(select seq from syncline_queue.item where queue = $1 and lane = l.lane and phase < 3 \
        order by lane_place, seq limit 1) \
    else array(select first.seq from generate_series(0, 4) as level cross join lateral ( \
        select seq from syncline_queue.item where queue = $1 and lane = l.lane and priority = level and phase < 2 \
        order by eligible_at, seq limit 1) as first) end as fronts \
    from unnest($2::text[]) as l(lane) cross join syncline_queue.queue q cross join lateral ( \
        select array_agg(seq) filter (where phase = 0) as standing, count(*) filter (where phase = 2) as in_hand \
        from syncline_queue.item where queue = $1 and lane = l.lane and phase in (0, 2)) as now \
    where q.number = $1";
/// Lanes of those that are next on each level.
const NEXT: &str = "select distinct next.lane from generate_series(0, 4) as level cross join lateral ( \
    select lane from syncline_queue.item where queue = $1 and priority = level and phase = 0 and eligible_at <= $2 \
    and (expires_at is null or expires_at > $2) order by eligible_at, seq limit $3) as next where next.lane is not null";
/// Lanes after another one, each found by the one before.
pub(super) const AFTER: &str = "with recursive l (lane) as ( \
    (select lane from syncline_queue.item where queue = $1 and lane > $2 and phase < 3 order by lane limit 1) union all \
    select (select i.lane from syncline_queue.item i where i.queue = $1 and i.lane > l.lane and i.phase < 3 \
        order by i.lane limit 1) from l where l.lane is not null) \
    select lane from l where lane is not null limit $3";

/// Leaves word of the lanes that changed.
pub(super) async fn leave_word(step: &mut Step<'_>) -> Result<()> {
    let lanes: Vec<_> = std::mem::take(&mut step.lanes).into_iter().collect();
    if lanes.is_empty() {
        return Ok(());
    }
    let sql = "insert into syncline_queue.lane (queue, lane) select $1, * from unnest($2::text[])";
    run!(step, sql, step.queue, lanes).map(drop)
}

/// Takes words that others left: those lanes are to be seen to. Who is at one already sees to its lane.
pub(super) async fn take_words(step: &mut Step<'_>) -> Result<()> {
    let sql = "delete from syncline_queue.lane where n = any(array( \
               select n from syncline_queue.lane where queue = $1 order by n limit $2 for update skip locked)) returning lane";
    let lanes: Vec<String> = sqlx::query_scalar(sql)
        .bind(step.queue)
        .bind(LANES_MAX)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be read"))?;
    step.lanes.extend(lanes);
    Ok(())
}

/// Lets the fronts of each lane that changed stand among those that may be handed out, unless it has its share in hand.
pub(super) async fn advance(step: &mut Step<'_>) -> Result<()> {
    let lanes: Vec<_> = std::mem::take(&mut step.lanes).into_iter().collect();
    lock(step, &lanes).await?;
    arrange(step, &lanes).await
}

/// Sees to the lanes that changed, and locks those of all that are next, up to `most` of each level. What comes to be next later
/// is not among them. All are locked at once, in their order.
pub(super) async fn hold_next(step: &mut Step<'_>, most: usize) -> Result<Vec<String>> {
    let mut lanes: Vec<String> = sqlx::query_scalar(NEXT)
        .bind(step.queue)
        .bind(step.now)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be read"))?;
    let changed: Vec<_> = std::mem::take(&mut step.lanes).into_iter().collect();
    lanes.extend_from_slice(&changed);
    lock(step, &lanes).await?;
    arrange(step, &changed).await?;
    Ok(lanes)
}

/// From now on so many of each lane may be in hand. Where that is another number than before, all lanes are arranged anew.
/// Nobody else arranges or claims until the commit.
pub(super) async fn allow(step: &mut Step<'_>, of_lane: i32) -> Result<()> {
    run!(step, "select pg_advisory_xact_lock($1, $2)", BOUND_LOCKS, step.queue)?;
    let sql = "update syncline_queue.queue set of_lane = $2 where number = $1 and of_lane <> $2";
    if run!(step, sql, step.queue, of_lane)? == 0 {
        return Ok(());
    }
    let mut lanes = vec![String::new()];
    while let Some(last) = lanes.last().cloned() {
        arrange(step, &lanes).await?;
        lanes = sqlx::query_scalar(AFTER)
            .bind(step.queue)
            .bind(last)
            .bind(LANES_MAX)
            .fetch_all(&mut *step.connection)
            .await
            .map_err(failed("the lanes cannot be read"))?;
    }
    Ok(())
}

/// Puts lanes right that nobody else does at this moment.
pub(super) async fn arrange(step: &mut Step<'_>, lanes: &[String]) -> Result<()> {
    if lanes.is_empty() {
        return Ok(());
    }
    let found: Vec<(i32, Arranged)> = sqlx::query(FRONTS)
        .bind(step.queue)
        .bind(lanes)
        .try_map(|row: sqlx::postgres::PgRow| {
            let arranged = Arranged::of(row.try_get("standing")?, row.try_get("fronts")?);
            Ok((row.try_get("of_lane")?, arranged))
        })
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be read"))?;
    let is_alone = found.iter().all(|(of_lane, _)| *of_lane == 1);
    let behind: Vec<_> = found.iter().flat_map(|(_, lane)| lane.behind.iter().copied()).collect();
    let stepped = step_behind(step, &behind).await?;
    // One that is claimed at this moment stays: its lane goes on when that lease ends.
    let is_free = |lane: &Arranged| lane.behind.iter().all(|seq| stepped.contains(seq));
    let forward: Vec<_> = found
        .into_iter()
        .filter(|(_, lane)| is_free(lane))
        .flat_map(|(_, lane)| lane.forward)
        .collect();
    if forward.is_empty() {
        return Ok(());
    }
    let sql = "update syncline_queue.item set phase = 0, slot = case when $2 then 0 else seq end \
               where seq = any($1) and phase = 1";
    run!(step, sql, forward, is_alone).map(drop)
}

/// Lets those step behind that still wait; gives their numbers.
async fn step_behind(step: &mut Step<'_>, seqs: &[i64]) -> Result<Vec<i64>> {
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("update syncline_queue.item set phase = 1 where seq = any($1) and phase = 0 returning seq")
        .bind(seqs)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be written"))
}

/// Lets no other claim count what is in hand of the queue, until the commit. Taken before any other lock.
pub(super) async fn lock_queue(step: &mut Step<'_>) -> Result<()> {
    let number = number(step.queue, "");
    run!(step, "select pg_advisory_xact_lock($1, $2)", LOCKS, number).map(drop)
}

/// Lets nobody else arrange these lanes until the commit. In one order, whoever takes several.
async fn lock(step: &mut Step<'_>, lanes: &[String]) -> Result<()> {
    if lanes.is_empty() {
        return Ok(());
    }
    let mut numbers: Vec<_> = lanes.iter().map(|lane| number(step.queue, lane)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    run!(step, LOCK, BOUND_LOCKS, step.queue, LOCKS, numbers).map(drop)
}

/// The number of a lane's lock.
fn number(queue: i32, lane: &str) -> i32 {
    let mut hasher = blake3::Hasher::new();
    let hash = hasher.update(&queue.to_le_bytes()).update(lane.as_bytes()).finalize();
    hash.as_bytes().first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
}
