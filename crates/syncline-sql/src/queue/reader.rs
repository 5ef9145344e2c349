//! A connection that reads: every question is answered from one snapshot.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use syncline_core::{
    Priority, Result,
    port::{EndedCursor, EndedPage, Ending, InHand, List, ListCursor, ListPage, Moment, QueueStats, Stored},
};

use super::{
    SqliteConfig,
    clock::{QueueClock, wall},
    connect,
    error::failed,
    list,
    step::Step,
    upkeep, view,
    view::View,
};
use crate::kept::Keeps;

/// Most dead items of one page.
const DEAD_MAX: usize = 1_024;

/// The place of a dead item among the dead.
pub(super) const DIED: &str = "SELECT dead_at, seq FROM item INDEXED BY item_id \
                               WHERE queue = ? AND id = ? AND phase = 3 ORDER BY seq DESC LIMIT 1";
/// When the first of a level may be handed out.
pub(super) const NEXT: &str = "SELECT eligible_at FROM item INDEXED BY item_next \
                               WHERE queue = ? AND priority = ? AND phase = 0 ORDER BY eligible_at LIMIT 1";
/// When the next lease is over, the next item expires, the next key is free.
pub(super) const ENDS: [&str; 3] = [
    "SELECT lease_until FROM item INDEXED BY item_lease WHERE queue = ? AND phase = 2 ORDER BY lease_until LIMIT 1",
    "SELECT expires_at FROM item INDEXED BY item_expiry \
     WHERE queue = ? AND phase < 2 AND expires_at IS NOT NULL ORDER BY expires_at LIMIT 1",
    "SELECT until FROM dedup INDEXED BY dedup_end WHERE queue = ? AND lives = 0 ORDER BY until LIMIT 1",
];

/// Owned by the reading thread.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    queue: i64,
    clock: Arc<QueueClock>,
    keeps: Arc<Keeps>,
}

impl Reader {
    pub(super) fn open(
        config: &SqliteConfig,
        queue: i64,
        (clock, keeps): (Arc<QueueClock>, Arc<Keeps>),
    ) -> Result<Self> {
        let connection = connect::open_reader(&config.path, config)?;
        Ok(Self { connection, queue, clock, keeps })
    }

    pub(super) fn get(&mut self, id: &str, now: Moment) -> Result<Option<Stored>> {
        self.look(now, |step| {
            let found = step.first(view::BY_ID, (step.queue, id.as_bytes()), View::read)?;
            found.map(|view| view.stored(step.now)).transpose()
        })
    }

    pub(super) fn dead(&mut self, after: Option<&str>, limit: usize, now: Moment) -> Result<Vec<Stored>> {
        self.look(now, |step| {
            let after =
                after.map(|id| step.first(DIED, (step.queue, id.as_bytes()), |row| Ok((row.get(0)?, row.get(1)?))));
            let (dead_at, seq): (i64, i64) = after.transpose()?.flatten().unwrap_or((i64::MIN, -1));
            let limit = i64::try_from(limit.min(DEAD_MAX)).unwrap_or(i64::MAX);
            let views = step.all(view::DEAD, (step.queue, dead_at, seq, limit), View::read)?;
            views.into_iter().map(|view| view.stored(step.now)).collect()
        })
    }

    pub(super) fn stats(&mut self, now: Moment) -> Result<QueueStats> {
        self.look(now, |step| {
            let sql = "SELECT standing, priority, items FROM tally WHERE queue = ?";
            let rows = step.all(sql, [step.queue], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })?;
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
            for (first, level) in stats.first_at.iter_mut().zip(Priority::ALL) {
                *first = step.first(NEXT, (step.queue, level.number()), |row| row.get(0))?.map(wall);
            }
            stats.dead_since = step.first(upkeep::FIRST_DEAD, [step.queue], |row| row.get(0))?.map(wall);
            Ok(stats)
        })
    }

    pub(super) fn next_due(&mut self, in_hand: InHand, now: Moment) -> Result<Option<Duration>> {
        self.look(now, |step| {
            let mut times = Vec::new();
            let levels = if step.room_in_hand(in_hand)? > 0 { &Priority::ALL[..] } else { &[] };
            for level in levels {
                times.extend(step.first(NEXT, (step.queue, level.number()), |row| row.get::<_, i64>(0))?);
            }
            for sql in ENDS {
                times.extend(step.first(sql, [step.queue], |row| row.get::<_, i64>(0))?);
            }
            let first = times.into_iter().min();
            let left = first.map(|at| u64::try_from(at.saturating_sub(step.now)).unwrap_or(0));
            Ok(left.map(Duration::from_millis))
        })
    }

    pub(super) fn list(
        &mut self,
        list: &List,
        after: Option<ListCursor>,
        limit: usize,
        now: Moment,
    ) -> Result<ListPage> {
        self.look(now, |step| list::list(step, list, after, limit))
    }

    pub(super) fn history(&mut self, before: Option<EndedCursor>, limit: usize, now: Moment) -> Result<EndedPage> {
        self.look(now, |step| step.history(before, limit))
    }

    pub(super) fn how_ended(&mut self, id: &str, now: Moment) -> Result<Option<Ending>> {
        self.look(now, |step| step.how_ended(id))
    }

    fn look<T>(&mut self, now: Moment, look: impl FnOnce(&Step<'_>) -> Result<T>) -> Result<T> {
        let tx: Transaction<'_> = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(failed("no snapshot can be taken"))?;
        let mut step = Step::begin(&tx, self.queue, &self.clock, now)?;
        step.retention = self.keeps.get();
        look(&step)
    }
}
