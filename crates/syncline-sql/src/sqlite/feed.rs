//! The feed: what was written, in order, in chunks of lines.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use syncline_core::{
    Body, Error, ErrorKind, Key, Record, Result, Version, WallTime,
    port::{Change, ChangePage},
};

use super::{FeedRetention, error::failed, state::State};

/// A chunk ends after the line that makes it this long, so that a reader of few lines decodes few.
const CHUNK_BYTES: usize = 64 * 1_024;

/// Most chunks that one batch removes. It adds fewer as a rule, so the feed comes down to its bounds without ever holding
/// up a batch for long.
const TRIMMED_MAX: usize = 8;

const FLAG_DELETED: u8 = 1;
const CHECKSUM_LEN: usize = 4;

/// Adds a line for each of `written`, in order, and counts them in `state`.
pub(super) fn append<'a>(
    tx: &Transaction<'_>,
    state: &mut State,
    written: impl Iterator<Item = &'a Record>,
    now: WallTime,
) -> Result<()> {
    let mut chunk = Vec::new();
    let mut first = state.feed_head + 1;
    for record in written {
        state.feed_head += 1;
        encode(&mut chunk, record);
        if chunk.len() >= CHUNK_BYTES {
            insert(tx, state, first, &mut chunk, now)?;
            first = state.feed_head + 1;
        }
    }
    if chunk.is_empty() {
        Ok(())
    } else {
        insert(tx, state, first, &mut chunk, now)
    }
}

fn insert(tx: &Transaction<'_>, state: &mut State, first: u64, chunk: &mut Vec<u8>, now: WallTime) -> Result<()> {
    let checksum = checksum(first, state.feed_head, chunk);
    chunk.extend_from_slice(&checksum.to_le_bytes());
    let [last, first, at] = [state.feed_head, first, now.as_millis()].map(u64::cast_signed);
    tx.prepare_cached("INSERT INTO feed (last, first, at, lines) VALUES (?, ?, ?, ?)")
        .and_then(|mut statement| statement.execute(params![last, first, at, chunk.as_slice()]))
        .map_err(failed("the feed cannot be written"))?;
    state.feed_bytes += chunk.len() as u64;
    chunk.clear();
    Ok(())
}

/// Removes the oldest chunks while the feed is beyond a bound; the newest always stays.
pub(super) fn trim(tx: &Transaction<'_>, state: &mut State, keep: &FeedRetention, now: WallTime) -> Result<()> {
    for _ in 0..TRIMMED_MAX {
        let Some(oldest) = Oldest::load(tx)? else { return Ok(()) };
        if oldest.last == state.feed_head || !oldest.is_beyond(state, keep, now) {
            return Ok(());
        }
        tx.prepare_cached("DELETE FROM feed WHERE last = ?")
            .and_then(|mut statement| statement.execute([oldest.last.cast_signed()]))
            .map_err(failed("the feed cannot be trimmed"))?;
        state.feed_tail = oldest.last;
        state.feed_bytes = state.feed_bytes.saturating_sub(oldest.bytes);
    }
    Ok(())
}

struct Oldest {
    last: u64,
    at: WallTime,
    bytes: u64,
}

impl Oldest {
    fn load(connection: &Connection) -> Result<Option<Self>> {
        let read = |row: &Row<'_>| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Self { last: number(0)?, at: WallTime::from_millis(number(1)?), bytes: number(2)? })
        };
        connection
            .prepare_cached("SELECT last, at, length(lines) FROM feed ORDER BY last LIMIT 1")
            .and_then(|mut statement| statement.query_row([], read).optional())
            .map_err(failed("the feed cannot be read"))
    }

    fn is_beyond(&self, state: &State, keep: &FeedRetention, now: WallTime) -> bool {
        let lines = state.feed_head.saturating_sub(state.feed_tail);
        lines > keep.lines_max || state.feed_bytes > keep.bytes_max || self.at + keep.age_max < now
    }
}

/// Up to `limit` lines after the place `after`, or that they are no longer kept.
///
/// A place beyond the head was given by another archive, as after a backup was restored: nothing is known of what its
/// reader has seen, so it has to begin anew too.
pub(super) fn page(connection: &Connection, after: u64, limit: usize) -> Result<ChangePage> {
    let state = State::load(connection)?;
    if after < state.feed_tail || after > state.feed_head {
        return Ok(ChangePage::MustRefetch { head: state.feed_head });
    }
    let mut lines = Vec::new();
    each_chunk(connection, after, |chunk| {
        let wanted = chunk.decode()?.into_iter().filter(|line| line.seq > after);
        lines.extend(wanted.take(limit - lines.len()));
        Ok(lines.len() < limit)
    })?;
    Ok(ChangePage::Lines(lines))
}

/// Calls `body` with every chunk that has lines after the place `after`, in order, while it says so.
pub(super) fn each_chunk(
    connection: &Connection,
    after: u64,
    mut body: impl FnMut(Chunk<'_>) -> Result<bool>,
) -> Result<()> {
    let unreadable = failed("the feed cannot be read");
    let mut statement = connection
        .prepare_cached("SELECT first, last, lines FROM feed WHERE last > ? ORDER BY last")
        .map_err(&unreadable)?;
    let mut rows = statement.query([after.cast_signed()]).map_err(&unreadable)?;
    while let Some(row) = rows.next().map_err(&unreadable)? {
        if !body(Chunk::read(row).map_err(&unreadable)?)? {
            break;
        }
    }
    Ok(())
}

/// Lines that were written together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let (first, last) = (number(0)?, number(1)?);
        Ok(Self { first, last, bytes: row.get_ref(2)?.as_blob()? })
    }

    /// Its lines.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] naming the chunk when it is not what was written.
    pub(super) fn decode(&self) -> Result<Vec<Change>> {
        let Self { first, last, .. } = *self;
        let damaged = |what| Error::new(ErrorKind::Corrupt, format!("feed lines {first} to {last}: {what}"));
        let (mut rest, stored) =
            self.bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or_else(|| damaged("they are cut off"))?;
        if checksum(first, last, rest) != u32::from_le_bytes(*stored) {
            return Err(damaged("they fail their checksum"));
        }
        let mut lines = Vec::new();
        for seq in first..=last {
            lines.push(decode(&mut rest, seq).ok_or_else(|| damaged("they are malformed"))?);
        }
        if rest.is_empty() {
            Ok(lines)
        } else {
            Err(damaged("there are more than its range"))
        }
    }
}

fn checksum(first: u64, last: u64, lines: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&first.to_le_bytes()), &last.to_le_bytes());
    crc32c::crc32c_append(crc, lines)
}

fn encode(chunk: &mut Vec<u8>, record: &Record) {
    let key = record.key.as_bytes();
    // A key is at most 1,024 bytes long.
    let len = u16::try_from(key.len()).unwrap_or(u16::MAX);
    chunk.push(if record.body == Body::Deleted { FLAG_DELETED } else { 0 });
    chunk.extend_from_slice(&len.to_le_bytes());
    chunk.extend_from_slice(key);
    chunk.extend_from_slice(&record.version.to_bytes());
}

fn decode(rest: &mut &[u8], seq: u64) -> Option<Change> {
    let (&flags, after) = rest.split_first()?;
    let (len, after) = after.split_first_chunk::<2>()?;
    let (key, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    let (version, after) = after.split_first_chunk::<16>()?;
    *rest = after;
    let deleted = flags == FLAG_DELETED;
    Some(Change {
        seq,
        key: Key::from_bytes(key).ok()?,
        version: Version::from_bytes(*version),
        deleted,
    })
}
