//! Questions. Each is one statement or few, answered from what is committed at that moment.

use std::time::Duration;

use sqlx::PgConnection;
use syncline_core::{
    Result, WallTime,
    port::{InHand, QueueStats, Retention, Stored},
};

use super::{
    error::failed,
    row::{self, View},
    tally,
};
use crate::kept::wall;

/// Most dead items of one page.
const DEAD_MAX: usize = 1_024;

/// The place of a dead item among the dead.
const DIED: &str = "select dead_at, seq from syncline_queue.item where queue = $1 and id = $2 and phase = 3 \
    order by seq desc limit 1";
/// When the first of each level may be handed out.
const FIRSTS: &str = "select l.level, first.eligible_at from generate_series(0, 4) as l(level) cross join lateral ( \
    select eligible_at from syncline_queue.item where queue = $1 and priority = l.level and phase = 0 \
    order by eligible_at, seq limit 1) as first";
/// When the one that is dead for the longest time died.
pub(super) const FIRST_DEAD: &str =
    "select dead_at from syncline_queue.item where queue = $1 and phase = 3 order by dead_at, seq limit 1";
const TALLY: &str = "select standing, priority, sum(items)::bigint from syncline_queue.tally \
    where queue = $1 and standing < 3 group by standing, priority";
/// When something may be handed out, where there is room for it in hands, a lease is over, an item expires, a key is free, or a
/// lane is to be seen to.
const NEXT: &str = "select least( \
    (select min(first.eligible_at) from generate_series(0, 4) as l(level) cross join lateral ( \
        select eligible_at from syncline_queue.item where queue = $1 and priority = l.level and phase = 0 \
        order by eligible_at, seq limit 1) as first where $2), \
    (select lease_until from syncline_queue.item where queue = $1 and phase = 2 order by lease_until, seq limit 1), \
    (select expires_at from syncline_queue.item where queue = $1 and phase < 2 and expires_at is not null \
        order by expires_at limit 1), \
    (select until from syncline_queue.dedup where queue = $1 and not lives order by until limit 1), \
    (select 0::bigint from syncline_queue.lane where queue = $1 and $2 limit 1))";

/// What a question is about: the connection, the queue and its time.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) queue: i32,
    pub(super) now: i64,
    /// How much is remembered of what ended.
    pub(super) retention: Option<Retention>,
}

impl Look<'_> {
    pub(super) async fn get(&mut self, id: &str) -> Result<Option<Stored>> {
        let found = sqlx::query(row::BY_ID)
            .bind(self.queue)
            .bind(id)
            .try_map(|row: sqlx::postgres::PgRow| View::read(&row))
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(failed("the queue cannot be read"))?;
        found.map(|view| view.stored(self.now)).transpose()
    }

    pub(super) async fn dead(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<Stored>> {
        let unreadable = failed("the dead cannot be read");
        let place: Option<(i64, i64)> = match after {
            Some(id) => sqlx::query_as(DIED)
                .bind(self.queue)
                .bind(id)
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(&unreadable)?,
            None => None,
        };
        let (dead_at, seq) = place.unwrap_or((i64::MIN, i64::MIN));
        let views = sqlx::query(row::DEAD)
            .bind(self.queue)
            .bind(dead_at)
            .bind(seq)
            .bind(i64::try_from(limit.min(DEAD_MAX)).unwrap_or(i64::MAX))
            .try_map(|row: sqlx::postgres::PgRow| View::read(&row))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(&unreadable)?;
        views.into_iter().map(|view| view.stored(self.now)).collect()
    }

    pub(super) async fn stats(&mut self) -> Result<QueueStats> {
        let unreadable = failed("the numbers cannot be read");
        let rows: Vec<(i16, i16, i64)> = sqlx::query_as(TALLY)
            .bind(self.queue)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(&unreadable)?;
        let mut stats = QueueStats::default();
        for (standing, priority, items) in rows {
            let levels = match standing {
                0 => &mut stats.waiting,
                1 => &mut stats.leased,
                _ => &mut stats.dead,
            };
            let level = usize::try_from(priority).ok().and_then(|priority| levels.get_mut(priority));
            if let Some(level) = level {
                *level = u64::try_from(items).unwrap_or(0);
            }
        }
        let firsts: Vec<(i32, i64)> = sqlx::query_as(FIRSTS)
            .bind(self.queue)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(&unreadable)?;
        for (level, first) in firsts {
            if let Some(at) = usize::try_from(level).ok().and_then(|level| stats.first_at.get_mut(level)) {
                *at = Some(wall(first));
            }
        }
        let dead: Option<i64> = sqlx::query_scalar(FIRST_DEAD)
            .bind(self.queue)
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(unreadable)?;
        stats.dead_since = dead.map(wall);
        Ok(stats)
    }

    pub(super) async fn next_due(&mut self, in_hand: InHand) -> Result<Option<Duration>> {
        let has_room = tally::room_in_hand(self.connection, self.queue, in_hand).await? > 0;
        let first: Option<i64> = sqlx::query_scalar(NEXT)
            .bind(self.queue)
            .bind(has_room)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(failed("the queue cannot be read"))?;
        let left = first.map(|at| u64::try_from(at.saturating_sub(self.now)).unwrap_or(0));
        Ok(left.map(Duration::from_millis))
    }

    /// The queue's time.
    pub(super) fn wall(&self) -> WallTime {
        wall(self.now)
    }
}
