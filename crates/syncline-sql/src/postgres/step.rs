//! What one transaction knows of its queue, and counts while it moves items.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{PgConnection, Row as _, postgres::PgRow};
use syncline_core::{
    Result, WallTime,
    port::{DeadReason, Ending, Moment, Retention},
};

use super::{QueueTime, error::failed, lanes, tally};
use crate::kept::{self, Phase, millis};

/// An item, as far as moving it needs.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) seq: i64,
    pub(super) phase: Phase,
    pub(super) priority: i16,
    pub(super) token: i64,
    attempts: i32,
    max_attempts: i32,
    pub(super) id: String,
    pub(super) lane: Option<String>,
    pub(super) dedup: Option<String>,
}

/// The columns of an [`Item`], and what comes after them in a question.
macro_rules! select_item {
    ($rest:literal) => {
        concat!(
            "select seq, phase, priority, token, attempts, max_attempts, id, lane, dedup from syncline_queue.item ",
            $rest
        )
    };
}
pub(super) use select_item;

impl Item {
    pub(super) fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            phase: Phase::of(row.try_get::<i16, _>("phase")?.into()),
            priority: row.try_get("priority")?,
            token: row.try_get("token")?,
            attempts: row.try_get("attempts")?,
            max_attempts: row.try_get("max_attempts")?,
            id: row.try_get("id")?,
            lane: row.try_get("lane")?,
            dedup: row.try_get("dedup")?,
        })
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.attempts >= self.max_attempts
    }
}

/// A query of items, all of them or what a limit in it leaves.
macro_rules! items {
    ($step:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        sqlx::query($sql)
            $(.bind($value))*
            .try_map(|row: sqlx::postgres::PgRow| $crate::postgres::step::Item::read(&row))
            .fetch_all(&mut *$step.connection)
            .await
            .map_err($crate::postgres::error::failed("the queue cannot be read"))
    };
}
pub(super) use items;

/// A statement that changes rows; gives how many.
macro_rules! run {
    ($step:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        sqlx::query($sql)
            $(.bind($value))*
            .execute(&mut *$step.connection)
            .await
            .map(|done| done.rows_affected())
            .map_err($crate::postgres::error::failed("the queue cannot be written"))
    };
}
pub(super) use run;

/// One transaction on one queue.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) queue: i32,
    /// The queue's time.
    pub(super) now: i64,
    /// How far it is ahead of the caller's.
    ahead: i64,
    /// Items that entered less those that left, by standing and level.
    pub(super) moved: BTreeMap<(i16, i16), i64>,
    /// Lanes whose front may have changed.
    pub(super) lanes: BTreeSet<String>,
    /// Something may be ready that was not.
    pub(super) is_news: bool,
    /// How much is remembered of what ends.
    pub(super) retention: Option<Retention>,
}

impl<'a> Step<'a> {
    /// Begins on a connection that is in a transaction.
    pub(super) async fn begin(
        connection: &'a mut PgConnection,
        queue: i32,
        time: QueueTime,
        moment: Moment,
    ) -> Result<Self> {
        let (now, ahead) = now(connection, time, moment).await?;
        let (moved, lanes) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { connection, queue, now, ahead, moved, lanes, is_news: false, retention: None })
    }

    /// Writes what was counted and lets lanes go on; the transaction is then ready to be committed. Says whether others are to
    /// be told.
    pub(super) async fn finish(mut self) -> Result<bool> {
        lanes::advance(&mut self).await?;
        tally::add(&mut self).await?;
        Ok(self.is_news)
    }

    /// The same in a transaction of somebody else's, which may last: it takes no lock on a lane, and leaves word.
    pub(super) async fn finish_later(mut self) -> Result<bool> {
        lanes::leave_word(&mut self).await?;
        tally::add(&mut self).await?;
        Ok(self.is_news)
    }

    /// A time of the caller's that is meant as a delay, in the queue's time.
    pub(super) fn after(&self, at: WallTime) -> i64 {
        millis(at).saturating_add(self.ahead)
    }

    /// Counts an item that is new.
    pub(super) fn count_new(&mut self, priority: i16, lane: Option<&str>) {
        self.count(Phase::Waiting, priority, 1);
        self.lanes.extend(lane.map(str::to_owned));
        self.is_news = true;
    }

    /// Counts an item out of where it stood and into `phase`.
    pub(super) fn count_moved(&mut self, item: &Item, phase: Phase) {
        self.count(item.phase, item.priority, -1);
        self.count(phase, item.priority, 1);
        self.is_news |= phase == Phase::Waiting;
        self.left_lane(item);
    }

    /// Counts an item that was leased. Its lane stays as it is: nobody of it steps forward.
    pub(super) fn count_leased(&mut self, item: &Item) {
        self.count(item.phase, item.priority, -1);
        self.count(Phase::Leased, item.priority, 1);
    }

    fn left_lane(&mut self, item: &Item) {
        // The next of its lane may be ready now.
        self.is_news |= item.lane.is_some();
        self.lanes.extend(item.lane.clone());
    }

    fn count(&mut self, phase: Phase, priority: i16, by: i64) {
        let standing = i16::try_from(phase.standing()).unwrap_or(0);
        *self.moved.entry((standing, priority)).or_default() += by;
    }

    /// Buries an item where a person can see it.
    pub(super) async fn bury(&mut self, item: &Item, reason: DeadReason, error: &str) -> Result<()> {
        let sql = "update syncline_queue.item set phase = 3, lease_until = null, dead = $2, dead_at = $3, \
                   errors = (array_append(errors, $4))[greatest(cardinality(errors) - 6, 1):] where seq = $1";
        let reason = i16::try_from(kept::reason_number(reason)).unwrap_or(0);
        run!(self, sql, item.seq, reason, self.now, brief(error))?;
        self.count_moved(item, Phase::Dead);
        self.free_key(item).await
    }

    /// Takes items away for good, which end like this.
    pub(super) async fn remove(&mut self, items: &[Item], ending: Ending) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let seqs: Vec<_> = items.iter().map(|item| item.seq).collect();
        self.end(&seqs, ending).await?;
        for item in items {
            self.count(item.phase, item.priority, -1);
            // A dead one has left its lane and freed its key already.
            if item.phase != Phase::Dead {
                self.left_lane(item);
                self.free_key(item).await?;
            }
        }
        Ok(())
    }
}

/// The queue's time at `moment`, and how far it is ahead of it.
pub(super) async fn now(connection: &mut PgConnection, time: QueueTime, moment: Moment) -> Result<(i64, i64)> {
    let passed = millis(moment.wall);
    if time == QueueTime::Caller {
        return Ok((passed, 0));
    }
    let now: i64 = sqlx::query_scalar("select floor(extract(epoch from clock_timestamp()) * 1000)::bigint")
        .fetch_one(connection)
        .await
        .map_err(failed("the time cannot be asked for"))?;
    Ok((now, now.saturating_sub(passed)))
}

/// An error as it is kept: a text of the server holds no zero byte.
pub(super) fn brief(error: &str) -> String {
    kept::brief(error).replace('\0', "\u{fffd}")
}
