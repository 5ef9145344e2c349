//! How many items stand where.

use sqlx::{PgConnection, Row as _};
use syncline_core::{Result, port::InHand};

use super::{
    error::failed,
    step::{Step, run},
};

/// Rows beyond which they are folded together.
const ROWS_MAX: i64 = 64;
/// Most rows of one folding.
const FOLDED_MAX: i64 = 10_000;

/// Adds what a transaction counted.
pub(super) async fn add(step: &mut Step<'_>) -> Result<()> {
    let moved = std::mem::take(&mut step.moved).into_iter().filter(|(_, items)| *items != 0);
    let (places, items): (Vec<_>, Vec<i64>) = moved.unzip();
    if items.is_empty() {
        return Ok(());
    }
    let (standings, priorities): (Vec<i16>, Vec<i16>) = places.into_iter().unzip();
    let sql = "insert into syncline_queue.tally (queue, standing, priority, items) \
               select $1, * from unnest($2::smallint[], $3::smallint[], $4::bigint[])";
    run!(step, sql, step.queue, standings, priorities, items).map(drop)
}

/// How many items are neither dead nor done.
pub(super) async fn live(step: &mut Step<'_>) -> Result<u64> {
    let sql = "select coalesce(sum(items), 0)::bigint from syncline_queue.tally where queue = $1 and standing < 2";
    let live: i64 = sqlx::query_scalar(sql)
        .bind(step.queue)
        .fetch_one(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    Ok(u64::try_from(live).unwrap_or(0))
}

/// How many more may be in hands.
pub(super) async fn room_in_hand(connection: &mut PgConnection, queue: i32, in_hand: InHand) -> Result<u64> {
    let Some(most) = in_hand.most else { return Ok(u64::MAX) };
    let sql = "select coalesce(sum(items), 0)::bigint from syncline_queue.tally where queue = $1 and standing = 1";
    let held: i64 = sqlx::query_scalar(sql)
        .bind(queue)
        .fetch_one(connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    Ok(most.saturating_sub(u64::try_from(held).unwrap_or(0)))
}

/// Folds rows together where there are many. What another one folds is left to it.
pub(super) async fn fold(step: &mut Step<'_>) -> Result<()> {
    let count = "select count(*) from (select from syncline_queue.tally where queue = $1 limit $2) t";
    let rows: i64 = sqlx::query(count)
        .bind(step.queue)
        .bind(ROWS_MAX + 1)
        .try_map(|row: sqlx::postgres::PgRow| row.try_get(0))
        .fetch_one(&mut *step.connection)
        .await
        .map_err(failed("the queue cannot be read"))?;
    if rows <= ROWS_MAX {
        return Ok(());
    }
    let sql = "with gone as (delete from syncline_queue.tally where n = any(array( \
                   select n from syncline_queue.tally where queue = $1 order by n limit $2 for update skip locked)) \
                   returning standing, priority, items) \
               insert into syncline_queue.tally (queue, standing, priority, items) \
               select $1, standing, priority, sum(items)::bigint from gone group by standing, priority having sum(items) <> 0";
    run!(step, sql, step.queue, FOLDED_MAX).map(drop)
}
