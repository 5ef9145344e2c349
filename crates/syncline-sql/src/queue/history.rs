//! What is remembered of items that ended: written with the end, told from the last on, forgotten from the first on.

use rusqlite::Row;
use syncline_core::{
    Priority, Result,
    port::{EndedCursor, EndedItem, EndedPage, Ending},
};

use super::{
    clock::wall,
    step::{Item, Step},
};
use crate::kept::{self, Remembered};

/// Most items of one page.
const PAGE_MAX: usize = 1_024;

/// What ended before a place, and after a time.
pub(super) const BEFORE: &str = "SELECT at, seq, how, priority, attempts, id, error FROM ended \
                                 WHERE queue = ? AND (at, seq) < (?, ?) AND at > ? ORDER BY at DESC, seq DESC LIMIT ?";
/// How the last item of an id ended, after a time.
pub(super) const LAST: &str = "SELECT how FROM ended INDEXED BY ended_id \
                               WHERE queue = ? AND id = ? AND at > ? ORDER BY at DESC, seq DESC LIMIT 1";
/// What ended first.
pub(super) const FIRST: &str = "SELECT at, seq, octet_length(id), coalesce(octet_length(error), 0) FROM ended \
                                WHERE queue = ? ORDER BY at, seq LIMIT ?";

impl Step<'_> {
    /// Remembers how an item ended, if that is to be.
    pub(super) fn note_end(&mut self, item: &Item, ending: Ending) -> Result<()> {
        if self.retention.is_none_or(|retention| retention.is_nothing()) {
            return Ok(());
        }
        self.has_ends = true;
        let error = item.last_error();
        let sql =
            "INSERT INTO ended (queue, at, seq, how, priority, attempts, id, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let how = kept::ending_number(ending);
        let error_bytes = error.as_deref().map(str::as_bytes);
        let values = (self.queue, self.now, item.seq, how, item.priority, item.attempts, &item.id, error_bytes);
        self.run(sql, values)?;
        self.ended.add(EndedItem::bytes_of(item.id.len(), error.map_or(0, |error| error.len())));
        Ok(())
    }

    /// Forgets what is more than is to be remembered, up to `most`; returns how many.
    pub(super) fn forget_ends(&mut self, most: usize) -> Result<usize> {
        let Some(retention) = self.retention else { return Ok(0) };
        let sums = "SELECT ended_items, ended_bytes FROM queue WHERE number = ?";
        let sums = self.first(sums, [self.queue], |row| Ok(Remembered { items: row.get(0)?, bytes: row.get(1)? }))?;
        let mut left = sums.unwrap_or_default();
        let firsts = self.all(FIRST, (self.queue, i64::try_from(most).unwrap_or(i64::MAX)), First::read)?;
        let mut forgotten = 0;
        for first in firsts {
            if !left.is_too_much(retention, first.at, self.now) {
                break;
            }
            self.run("DELETE FROM ended WHERE queue = ? AND at = ? AND seq = ?", (self.queue, first.at, first.seq))?;
            left.remove(first.bytes);
            self.ended.remove(first.bytes);
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// A page of what ended before a place.
    pub(super) fn history(&self, before: Option<EndedCursor>, limit: usize) -> Result<EndedPage> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (time, seq) = before.map_or((i64::MAX, i64::MAX), |place| (number(place.time), number(place.seq)));
        let limit = limit.clamp(1, PAGE_MAX);
        let values = (self.queue, time, seq, self.forgotten_by(), i64::try_from(limit + 1).unwrap_or(i64::MAX));
        Ok(EndedPage::of(self.all(BEFORE, values, read)?, limit))
    }

    /// How the last item of `id` ended.
    pub(super) fn how_ended(&self, id: &str) -> Result<Option<Ending>> {
        let how = self.first(LAST, (self.queue, id.as_bytes(), self.forgotten_by()), |row| row.get(0))?;
        Ok(how.map(kept::ending_of))
    }

    /// What ended by this time is not remembered any more.
    fn forgotten_by(&self) -> i64 {
        self.retention.map_or(i64::MIN, |retention| kept::died_by(retention.age, self.now))
    }
}

/// One of those that ended first.
struct First {
    at: i64,
    seq: i64,
    bytes: u64,
}

impl First {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            at: row.get(0)?,
            seq: row.get(1)?,
            bytes: kept::ended_bytes(row.get(2)?, row.get(3)?),
        })
    }
}

/// An end as its row tells it; what makes no sense there is told as well as it can be.
fn read(row: &Row<'_>) -> rusqlite::Result<(EndedCursor, EndedItem)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (at, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
    let priority = u8::try_from(row.get::<_, i64>(3)?).ok().and_then(Priority::from_number);
    let item = EndedItem {
        id: text(row.get(5)?),
        ending: kept::ending_of(row.get(2)?),
        ended_at: wall(at),
        priority: priority.unwrap_or(Priority::Background),
        attempts: u32::try_from(row.get::<_, i64>(4)?).unwrap_or(u32::MAX),
        last_error: row.get::<_, Option<Vec<u8>>>(6)?.map(text),
    };
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok((EndedCursor { time: number(at), seq: number(seq) }, item))
}
