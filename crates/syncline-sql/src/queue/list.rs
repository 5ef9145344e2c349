//! Lists: each part goes along the index that has it in order, from where the page before ended.

use rusqlite::Row;
use syncline_core::{
    Priority, Result, WallTime,
    port::{List, ListCursor, ListPage, ListPart, Listed, Pager, Standing},
};

use super::{
    clock::wall,
    step::{Phase, Step},
    view,
};

macro_rules! select {
    ($place:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $place,
            ", seq, phase, priority, eligible_at, token, attempts, max_attempts, dead, dead_at, id, lane, errors ",
            "FROM item INDEXED BY ",
            $rest
        )
    };
}

/// What may be handed out of a level.
pub(super) const READY: &str = select!(
    "eligible_at",
    "item_next WHERE queue = ? AND priority = ? AND phase = 0 AND (eligible_at, seq) > (?, ?) AND eligible_at <= ? \
     ORDER BY eligible_at, seq LIMIT ?"
);
/// What is to come of a level.
pub(super) const SCHEDULED: &str = select!(
    "eligible_at",
    "item_next WHERE queue = ? AND priority = ? AND phase = 0 AND (eligible_at, seq) > (?, ?) AND eligible_at > ? \
     ORDER BY eligible_at, seq LIMIT ?"
);
/// Who is behind another one of its lane.
pub(super) const BEHIND: &str =
    select!("0", "item_behind WHERE queue = ? AND phase = 1 AND seq > ? ORDER BY seq LIMIT ?");
/// Who is in hand, by the end of the lease.
pub(super) const HELD: &str = select!(
    "lease_until",
    "item_lease WHERE queue = ? AND phase = 2 AND (lease_until, seq) > (?, ?) ORDER BY lease_until, seq LIMIT ?"
);
/// The dead.
pub(super) const DEAD: &str = select!(
    "dead_at",
    "item_dead WHERE queue = ? AND phase = 3 AND (dead_at, seq) > (?, ?) ORDER BY dead_at, seq LIMIT ?"
);
/// Who of a lane lives.
pub(super) const LANE: &str = select!(
    "lane_place",
    "item_lane WHERE queue = ? AND lane = ? AND phase < 3 AND (lane_place, seq) > (?, ?) \
     ORDER BY lane_place, seq LIMIT ?"
);

/// A place of a part and who stands there.
type Found = ((u64, u64), Listed);

/// A page of a list.
pub(super) fn list(step: &Step<'_>, list: &List, after: Option<ListCursor>, limit: usize) -> Result<ListPage> {
    let mut page = Pager::new(list, limit, wall(step.now));
    for (part, after) in list.parts(after) {
        let most = page.looks_left();
        let found = part_of(step, part, list, after, most)?;
        let is_all = found.len() < most;
        for ((time, seq), item) in found {
            if page.looks_left() == 0 {
                return Ok(page.finish(false));
            }
            page.look(ListCursor { part, time, seq }, item);
        }
        if !is_all {
            return Ok(page.finish(false));
        }
    }
    Ok(page.finish(true))
}

/// The first of a part that stand behind `after`, at most so many.
fn part_of(step: &Step<'_>, part: ListPart, list: &List, after: Option<(u64, u64)>, most: usize) -> Result<Vec<Found>> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (time, seq) = after.map_or((i64::MIN, i64::MIN), |(time, seq)| (number(time), number(seq)));
    let (queue, now, most) = (step.queue, step.now, i64::try_from(most).unwrap_or(i64::MAX));
    let read = |row: &Row<'_>| read(row, now);
    match part {
        ListPart::Level(level) => {
            let sql = if list.standing == Standing::Ready { READY } else { SCHEDULED };
            step.all(sql, (queue, level.number(), time, seq, now, most), read)
        }
        ListPart::Behind => step.all(BEHIND, (queue, seq, most), read),
        ListPart::Held => step.all(HELD, (queue, time, seq, most), read),
        ListPart::Dead => step.all(DEAD, (queue, time, seq, most), read),
        ListPart::Lane => {
            let lane = list.partition.as_deref().map(str::as_bytes);
            step.all(LANE, (queue, lane, time, seq, most), read)
        }
    }
}

/// An item as its row tells it; what makes no sense there is told as well as it can be.
fn read(row: &Row<'_>, now: i64) -> rusqlite::Result<Found> {
    let number = |column| row.get::<_, i64>(column).map(|number| u16::try_from(number).unwrap_or(u16::MAX));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let place = |column| row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0));
    let priority = u8::try_from(row.get::<_, i64>(3)?).ok().and_then(Priority::from_number);
    let eligible_at: WallTime = wall(row.get(4)?);
    let (errors, _) = view::errors(&row.get::<_, Vec<u8>>(12)?);
    let (dead, dead_at): (Option<i64>, Option<i64>) = (row.get(8)?, row.get(9)?);
    let listed = Listed {
        id: text(row.get(10)?),
        standing: view::standing(Phase::of(row.get(2)?), eligible_at, now),
        priority: priority.unwrap_or(Priority::Background),
        token: row.get::<_, i64>(5)?.cast_unsigned(),
        attempt: number(6)?,
        max_attempts: number(7)?,
        eligible_at,
        partition: row.get::<_, Option<Vec<u8>>>(11)?.map(text),
        errors,
        dead: dead.map(|reason| (view::reason_of(reason), wall(dead_at.unwrap_or(0)))),
    };
    Ok(((place(0)?, place(1)?), listed))
}
