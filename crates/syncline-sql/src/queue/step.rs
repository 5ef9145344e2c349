//! What one transaction knows of its queue, and counts while it moves items.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Params, Row};
use syncline_core::{
    Error, ErrorKind, Priority, Result,
    port::{DeadReason, Ending, InHand, Moment, Retention},
};

use super::{clock::QueueClock, error::failed, view};
pub(super) use crate::kept::Phase;
use crate::kept::{IN_HAND, Remembered, WAITING, reason_number};

/// An item, as far as moving it needs.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seq: i64,
    pub(super) phase: Phase,
    pub(super) priority: i64,
    pub(super) attempts: i64,
    max_attempts: i64,
    pub(super) lane: Option<Vec<u8>>,
    pub(super) dedup: Option<Vec<u8>>,
    errors: Vec<u8>,
    /// When it is of no use any more.
    pub(super) expires_at: Option<i64>,
    pub(super) id: Vec<u8>,
}

/// The columns of an [`Item`].
const COLUMNS: &str = "seq, phase, priority, attempts, max_attempts, lane, dedup, errors, expires_at, id";

impl Item {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            phase: Phase::of(row.get(1)?),
            priority: row.get(2)?,
            attempts: row.get(3)?,
            max_attempts: row.get(4)?,
            lane: row.get(5)?,
            dedup: row.get(6)?,
            errors: row.get(7)?,
            expires_at: row.get(8)?,
            id: row.get(9)?,
        })
    }

    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.id).into_owned()
    }

    /// What its last attempt that failed failed with.
    pub(super) fn last_error(&self) -> Option<String> {
        view::errors(&self.errors).0.pop()
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.attempts >= self.max_attempts
    }
}

/// One transaction on one queue.
#[derive(Debug)]
pub(super) struct Step<'a> {
    connection: &'a Connection,
    pub(super) queue: i64,
    /// The queue's time.
    pub(super) now: i64,
    token: i64,
    /// Most of a lane in hand at once.
    pub(super) of_lane: u16,
    /// How much is remembered of what ends.
    pub(super) retention: Option<Retention>,
    /// Whether an end was to be remembered.
    pub(super) has_ends: bool,
    /// Ends that are remembered now less those that were forgotten.
    pub(super) ended: Remembered,
    /// Items that entered less those that left, by standing and level.
    moved: BTreeMap<(i64, i64), i64>,
    has_written: bool,
}

impl<'a> Step<'a> {
    /// Begins on a connection that is in a transaction.
    pub(super) fn begin(connection: &'a Connection, queue: i64, clock: &QueueClock, now: Moment) -> Result<Self> {
        let mut step = Self {
            connection,
            queue,
            now: 0,
            token: 0,
            of_lane: 1,
            retention: None,
            has_ends: false,
            ended: Remembered::default(),
            moved: BTreeMap::new(),
            has_written: false,
        };
        let row = step.first("SELECT time, token, of_lane FROM queue WHERE number = ?", [queue], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
        let row = row.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the row of the queue is gone"))?;
        let (time, token, of_lane) = row;
        (step.now, step.token) = (clock.at(now, time), token);
        step.of_lane = u16::try_from(of_lane).unwrap_or(u16::MAX).max(1);
        Ok(step)
    }

    /// Writes what was counted; the transaction is then ready to be committed.
    pub(super) fn finish(mut self) -> Result<()> {
        if !self.has_written {
            return Ok(());
        }
        for ((standing, priority), by) in std::mem::take(&mut self.moved) {
            if by != 0 {
                let sql = "INSERT INTO tally VALUES (?, ?, ?, ?) \
                           ON CONFLICT DO UPDATE SET items = items + excluded.items";
                self.run(sql, (self.queue, standing, priority, by))?;
            }
        }
        let Remembered { items, bytes } = self.ended;
        let sql = "UPDATE queue SET time = ?, token = ?, ended_items = ended_items + ?, ended_bytes = ended_bytes + ? \
                   WHERE number = ?";
        self.run(sql, (self.now, self.token, items, bytes, self.queue)).map(drop)
    }

    /// Carries out a statement; returns how many rows it changed.
    pub(super) fn run(&mut self, sql: &str, values: impl Params) -> Result<usize> {
        let changed = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        let changed = changed.map_err(failed("the queue cannot be written"))?;
        self.has_written |= changed > 0;
        Ok(changed)
    }

    /// The first row of an answer.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(values, read).optional())
            .map_err(failed("the queue cannot be read"))
    }

    /// All rows of an answer, which a limit in it bounds.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(values, read)?.collect())
            .map_err(failed("the queue cannot be read"))
    }

    /// The seq of the row that was inserted last.
    pub(super) fn inserted(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    /// A number for a lease, greater than every one before.
    pub(super) fn next_token(&mut self) -> i64 {
        self.token = self.token.saturating_add(1);
        self.token
    }

    /// The item of `seq`.
    pub(super) fn item(&self, seq: i64) -> Result<Option<Item>> {
        self.first(&format!("SELECT {COLUMNS} FROM item WHERE seq = ?"), [seq], Item::read)
    }

    /// The newest item of `id`, of those that meet the condition which `and` adds.
    pub(super) fn item_of(&self, id: &str, and: &str) -> Result<Option<Item>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM item INDEXED BY item_id WHERE queue = ? AND id = ? {and} ORDER BY seq DESC LIMIT 1"
        );
        self.first(&sql, (self.queue, id.as_bytes()), Item::read)
    }

    /// The item of `id` that is in hand under the lease `token`.
    pub(super) fn item_held(&self, id: &str, token: i64) -> Result<Option<Item>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM item INDEXED BY item_id WHERE queue = ? AND id = ? AND phase = 2 AND token = ?"
        );
        self.first(&sql, (self.queue, id.as_bytes(), token), Item::read)
    }

    /// The items that `rest` of a query names, which bounds them.
    pub(super) fn items(&self, rest: &str, values: impl Params) -> Result<Vec<Item>> {
        self.all(&format!("SELECT {COLUMNS} FROM item {rest}"), values, Item::read)
    }

    /// How many items are neither dead nor done.
    pub(super) fn live(&self) -> Result<u64> {
        Ok(self.standing(WAITING)?.saturating_add(self.standing(IN_HAND)?))
    }

    /// How many more may be in hands.
    pub(super) fn room_in_hand(&self, in_hand: InHand) -> Result<u64> {
        let Some(most) = in_hand.most else { return Ok(u64::MAX) };
        Ok(most.saturating_sub(self.standing(IN_HAND)?))
    }

    fn standing(&self, standing: i64) -> Result<u64> {
        let sql = "SELECT coalesce(sum(items), 0) FROM tally WHERE queue = ? AND standing = ?";
        let stored: i64 = self.first(sql, (self.queue, standing), |row| row.get(0))?.unwrap_or(0);
        let moved = self.moved.iter().filter(|((of, _), _)| *of == standing);
        let items = moved.fold(stored, |sum, (_, by)| sum.saturating_add(*by));
        Ok(u64::try_from(items).unwrap_or(0))
    }

    /// Counts an item that is new.
    pub(super) fn count_new(&mut self, priority: Priority) {
        self.count(Phase::Waiting, i64::from(priority.number()), 1);
    }

    /// Counts an item out of where it stood and into `phase`.
    pub(super) fn count_moved(&mut self, item: &Item, phase: Phase) {
        self.count(item.phase, item.priority, -1);
        self.count(phase, item.priority, 1);
    }

    fn count(&mut self, phase: Phase, priority: i64, by: i64) {
        *self.moved.entry((phase.standing(), priority)).or_default() += by;
    }

    /// Lines an item up where it stood before somebody took it: `set` is what else changes.
    pub(super) fn put_back(&mut self, item: &Item, set: &str, values: &[&dyn rusqlite::ToSql]) -> Result<()> {
        let phase = if item.lane.is_some() { 1 } else { 0 };
        let sql = format!("UPDATE item SET phase = {phase}, lease_until = NULL{set} WHERE seq = ?");
        let values: Vec<&dyn rusqlite::ToSql> = values.iter().copied().chain([&item.seq as _]).collect();
        self.run(&sql, &*values)?;
        self.count_moved(item, Phase::Waiting);
        self.arrange(item.lane.as_deref())
    }

    /// The errors of an item with one more.
    pub(super) fn noted(item: &Item, error: &str) -> Vec<u8> {
        view::note(&item.errors, error)
    }

    /// Buries an item where a person can see it.
    pub(super) fn bury(&mut self, item: &Item, reason: DeadReason, error: &str) -> Result<()> {
        let sql = "UPDATE item SET phase = 3, lease_until = NULL, dead = ?, dead_at = ?, errors = ? WHERE seq = ?";
        self.run(sql, (reason_number(reason), self.now, Self::noted(item, error), item.seq))?;
        self.count_moved(item, Phase::Dead);
        self.free_key(item)?;
        self.arrange(item.lane.as_deref())
    }

    /// Takes an item away for good, which ends like this.
    pub(super) fn remove(&mut self, item: &Item, ending: Ending) -> Result<()> {
        self.run("DELETE FROM item WHERE seq = ?", [item.seq])?;
        self.run("DELETE FROM content WHERE seq = ?", [item.seq])?;
        self.count(item.phase, item.priority, -1);
        self.note_end(item, ending)?;
        if item.phase == Phase::Dead {
            // It has left its lane and freed its key already.
            return Ok(());
        }
        self.free_key(item)?;
        self.arrange(item.lane.as_deref())
    }
}
