//! Reading many items by prefix: pending merged over the archive.
//!
//! The pending records of a stretch of keys are copied before the archive is asked for it: what left them before is in the
//! archive's answer, what comes later may or may not be seen. Where either side's answer was cut, keys behind the cut are left
//! for the next round, so that none is skipped.

use std::{cmp::Ordering, iter::Peekable, vec};

use syncline_core::{
    Error, ErrorKind, Key, Result, Version, limits,
    port::{Archive, PrefixScan},
};

use crate::{SyncItem, read::unanswered, spine::Spine};

/// Rows asked for at once: not one by one where tombstones stand between items, and not the memory of a whole page twice.
const ROUND: std::ops::RangeInclusive<usize> = 32..=256;

/// One key of one side: `None` is a delete.
#[derive(Debug, Clone)]
struct Row {
    key: Key,
    version: Version,
    item: Option<SyncItem>,
}

/// What one side has of a stretch of keys, in order.
#[derive(Debug)]
struct Side {
    rows: Vec<Row>,
    /// Where its answer was cut; `None` when it goes to the end.
    cut: Option<Key>,
}

impl Spine {
    /// Up to `limit` items in order; fewer mean that there are no more.
    pub(crate) async fn scan_prefix(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<SyncItem>> {
        self.check_open()?;
        if limit > limits::ARCHIVE_BATCH_MAX {
            let message = format!("a page of {limit} items, the most is {}", limits::ARCHIVE_BATCH_MAX);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let mut items = Vec::new();
        let mut after = after.map(Key::new).transpose()?;
        while items.len() < limit {
            let round = (limit - items.len()).clamp(*ROUND.start(), *ROUND.end());
            let pending = self.pending_side(prefix, after.as_ref(), round);
            let archived = match &self.archive {
                Some(archive) => self.archived_side(&**archive, prefix, after.as_ref(), round).await?,
                None => Side { rows: Vec::new(), cut: None },
            };
            let cut = earlier(&pending, &archived);
            let merged = merge(pending.rows, archived.rows, cut.as_ref());
            items.extend(merged.filter_map(|row| row.item).filter_map(|item| self.unexpired(item)));
            match cut {
                Some(cut) => after = Some(cut),
                None => break,
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    fn pending_side(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Side {
        if !self.store.tiers.shows_pending() {
            return Side { rows: Vec::new(), cut: None };
        }
        let pending = self.store.pending();
        let entries = pending.range(prefix, after.map(Key::as_str), limit);
        let rows =
            entries.map(|(key, entry)| Row { key: key.clone(), version: entry.version, item: entry.item.clone() });
        Side::new(rows.collect(), limit)
    }

    async fn archived_side(
        &self,
        archive: &dyn Archive,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Side> {
        let scan = PrefixScan { prefix: prefix.to_owned(), after: after.cloned(), limit };
        let answer = self.call(ErrorKind::Unavailable, archive.scan(&scan)).await;
        let records = answer.map_err(|error| unanswered(error, prefix))?;
        let mut rows = Vec::with_capacity(records.len());
        for record in records {
            self.observe(record.version)?;
            rows.push(Row {
                key: record.key.clone(),
                version: record.version,
                item: SyncItem::from_record(record),
            });
        }
        Ok(Side::new(rows, limit))
    }
}

impl Side {
    fn new(rows: Vec<Row>, limit: usize) -> Self {
        let cut = (rows.len() >= limit).then(|| rows.last().map(|row| row.key.clone())).flatten();
        Self { rows, cut }
    }
}

/// The cut behind which one of the sides says nothing.
fn earlier(a: &Side, b: &Side) -> Option<Key> {
    [&a.cut, &b.cut].into_iter().flatten().min().cloned()
}

/// Both sides in order up to the cut; of a key that both have the newer row.
fn merge(pending: Vec<Row>, archived: Vec<Row>, cut: Option<&Key>) -> impl Iterator<Item = Row> {
    let within = move |row: &Row| cut.is_none_or(|cut| row.key <= *cut);
    let (mut pending, mut archived) = (pending.into_iter().peekable(), archived.into_iter().peekable());
    std::iter::from_fn(move || next(&mut pending, &mut archived)).take_while(within)
}

fn next(pending: &mut Peekable<vec::IntoIter<Row>>, archived: &mut Peekable<vec::IntoIter<Row>>) -> Option<Row> {
    let order = match (pending.peek(), archived.peek()) {
        (Some(pending), Some(archived)) => pending.key.cmp(&archived.key),
        (Some(_), None) => Ordering::Less,
        (None, _) => Ordering::Greater,
    };
    match order {
        Ordering::Less => pending.next(),
        Ordering::Greater => archived.next(),
        Ordering::Equal => {
            let (pending, archived) = (pending.next()?, archived.next()?);
            Some(if pending.version >= archived.version { pending } else { archived })
        }
    }
}
