//! What is remembered of items that ended: written with the end, told from the last on, forgotten from the first on.

use sqlx::{Row as _, postgres::PgRow};
use syncline_core::{
    Priority, Result,
    port::{EndedCursor, EndedItem, EndedPage, Ending},
};

use super::{error::failed, lanes::HISTORY_LOCKS, look::Look, step::Step};
use crate::kept::{self, Remembered, wall};

/// Most items of one page.
const PAGE_MAX: usize = 1_024;
/// Lines of the tally: how many ends are remembered, and their bytes.
const ITEMS: i16 = 3;
const BYTES: i16 = 4;

/// Takes items away and remembers how they ended.
const REMOVE: &str = "with gone as (delete from syncline_queue.item where seq = any($1) \
        returning queue, seq, priority, attempts, id, errors[cardinality(errors)] as error), \
    kept as (insert into syncline_queue.ended (queue, at, seq, how, priority, attempts, id, error) \
        select queue, $2, seq, $3, priority, attempts, id, error from gone returning id, error) \
    select octet_length(id), coalesce(octet_length(error), 0) from kept";
/// What ended before a place, and after a time.
pub(super) const BEFORE: &str = "select at, seq, how, priority, attempts, id, error from syncline_queue.ended \
    where queue = $1 and (at, seq) < ($2, $3) and at > $4 order by at desc, seq desc limit $5";
/// How the last item of an id ended, after a time.
pub(super) const LAST: &str = "select how from syncline_queue.ended where queue = $1 and id = $2 and at > $3 \
    order by at desc, seq desc limit 1";
/// Whether anything may have to be forgotten: when the first ended, and the sums.
const SUMS: &str = "select (select at from syncline_queue.ended where queue = $1 order by at, seq limit 1), \
    coalesce(sum(items) filter (where standing = 3), 0)::bigint, coalesce(sum(items) filter (where standing = 4), 0)::bigint \
    from syncline_queue.tally where queue = $1 and standing in (3, 4)";
/// What ended first.
pub(super) const FIRST: &str = "select at, seq, octet_length(id), coalesce(octet_length(error), 0) from syncline_queue.ended \
    where queue = $1 order by at, seq limit $2";
const FORGET: &str = "delete from syncline_queue.ended e using unnest($2::bigint[], $3::bigint[]) as gone(at, seq) \
    where e.queue = $1 and e.at = gone.at and e.seq = gone.seq";

impl Step<'_> {
    /// Takes items away from their table, and remembers how they ended, if that is to be.
    pub(super) async fn end(&mut self, seqs: &[i64], ending: Ending) -> Result<()> {
        let unwritten = failed("the queue cannot be written");
        if self.retention.is_none_or(|retention| retention.is_nothing()) {
            let sql = "delete from syncline_queue.item where seq = any($1)";
            return sqlx::query(sql)
                .bind(seqs)
                .execute(&mut *self.connection)
                .await
                .map(drop)
                .map_err(unwritten);
        }
        let kept: Vec<(i32, i32)> = sqlx::query_as(REMOVE)
            .bind(seqs)
            .bind(self.now)
            .bind(i16::try_from(kept::ending_number(ending)).unwrap_or(0))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(unwritten)?;
        let mut ended = Remembered::default();
        for (id, error) in kept {
            ended.add(kept::ended_bytes(id.into(), error.into()));
        }
        self.count_ended(ended);
        Ok(())
    }

    /// Forgets what is more than is to be remembered, up to `most`, unless another one is at it; returns how many.
    pub(super) async fn forget_ends(&mut self, most: i64) -> Result<u64> {
        let Some(retention) = self.retention else { return Ok(0) };
        let (first, sums) = self.sums().await?;
        if first.is_none_or(|at| !sums.is_too_much(retention, at, self.now)) || !self.is_alone_at_ends().await? {
            return Ok(0);
        }
        // Counted anew: who was at it before may have just gone.
        let (_, mut left) = self.sums().await?;
        let unreadable = failed("the history cannot be read");
        let firsts: Vec<(i64, i64, i32, i32)> = sqlx::query_as(FIRST)
            .bind(self.queue)
            .bind(most)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(unreadable)?;
        let (before, mut gone) = (left, Vec::new());
        for (at, seq, id, error) in firsts {
            if !left.is_too_much(retention, at, self.now) {
                break;
            }
            left.remove(kept::ended_bytes(id.into(), error.into()));
            gone.push((at, seq));
        }
        let (ats, seqs): (Vec<i64>, Vec<i64>) = gone.into_iter().unzip();
        let forgotten = seqs.len() as u64;
        sqlx::query(FORGET)
            .bind(self.queue)
            .bind(ats)
            .bind(seqs)
            .execute(&mut *self.connection)
            .await
            .map_err(failed("the history cannot be written"))?;
        self.count_ended(Remembered { items: left.items - before.items, bytes: left.bytes - before.bytes });
        Ok(forgotten)
    }

    /// When the first that is remembered ended, and how many there are.
    async fn sums(&mut self) -> Result<(Option<i64>, Remembered)> {
        let (first, items, bytes) = sqlx::query_as(SUMS)
            .bind(self.queue)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(failed("the history cannot be read"))?;
        Ok((first, Remembered { items, bytes }))
    }

    /// Whether nobody else forgets ends until the commit: two who counted at once would both forget what is too much.
    async fn is_alone_at_ends(&mut self) -> Result<bool> {
        sqlx::query_scalar("select pg_try_advisory_xact_lock($1, $2)")
            .bind(HISTORY_LOCKS)
            .bind(self.queue)
            .fetch_one(&mut *self.connection)
            .await
            .map_err(failed("the history cannot be locked"))
    }

    fn count_ended(&mut self, by: Remembered) {
        *self.moved.entry((ITEMS, 0)).or_default() += by.items;
        *self.moved.entry((BYTES, 0)).or_default() += by.bytes;
    }
}

impl Look<'_> {
    /// A page of what ended before a place.
    pub(super) async fn history(&mut self, before: Option<EndedCursor>, limit: usize) -> Result<EndedPage> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (time, seq) = before.map_or((i64::MAX, i64::MAX), |place| (number(place.time), number(place.seq)));
        let limit = limit.clamp(1, PAGE_MAX);
        let ends = sqlx::query(BEFORE)
            .bind(self.queue)
            .bind(time)
            .bind(seq)
            .bind(self.forgotten_by())
            .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX))
            .try_map(|row: PgRow| read(&row))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(failed("the history cannot be read"))?;
        Ok(EndedPage::of(ends, limit))
    }

    /// How the last item of `id` ended.
    pub(super) async fn how_ended(&mut self, id: &str) -> Result<Option<Ending>> {
        let how: Option<i16> = sqlx::query_scalar(LAST)
            .bind(self.queue)
            .bind(id)
            .bind(self.forgotten_by())
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(failed("the history cannot be read"))?;
        Ok(how.map(|how| kept::ending_of(how.into())))
    }

    /// What ended by this time is not remembered any more.
    fn forgotten_by(&self) -> i64 {
        self.retention.map_or(i64::MIN, |retention| kept::died_by(retention.age, self.now))
    }
}

/// An end as its row tells it; what makes no sense there is told as well as it can be.
fn read(row: &PgRow) -> sqlx::Result<(EndedCursor, EndedItem)> {
    let (at, seq): (i64, i64) = (row.try_get("at")?, row.try_get("seq")?);
    let priority = u8::try_from(row.try_get::<i16, _>("priority")?).ok().and_then(Priority::from_number);
    let item = EndedItem {
        id: row.try_get("id")?,
        ending: kept::ending_of(row.try_get::<i16, _>("how")?.into()),
        ended_at: wall(at),
        priority: priority.unwrap_or(Priority::Background),
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(u32::MAX),
        last_error: row.try_get("error")?,
    };
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok((EndedCursor { time: number(at), seq: number(seq) }, item))
}
