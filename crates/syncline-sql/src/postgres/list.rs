//! Lists: each part goes along the index that has it in order, from where the page before ended.

use sqlx::{Row as _, postgres::PgRow};
use syncline_core::{
    Priority, Result,
    port::{List, ListCursor, ListPage, ListPart, Listed, Pager, Standing},
};

use super::{error::failed, look::Look};
use crate::kept::{self, Phase, wall};

/// A question of one part: the queue, its place and its number of rows are `$1` to `$4`, `$5` is what else it is about.
macro_rules! select {
    ($place:literal, $rest:literal) => {
        concat!(
            "select ",
            $place,
            " as place, seq, phase, priority, eligible_at, token, attempts, max_attempts, dead, dead_at, id, lane, errors \
             from syncline_queue.item where queue = $1 and ",
            $rest,
            " limit $4"
        )
    };
}

/// What may be handed out of a level.
const READY: &str = select!(
    "eligible_at",
    "priority = $5 and phase = 0 and (eligible_at, seq) > ($2, $3) and eligible_at <= $6 order by eligible_at, seq"
);
/// What is to come of a level.
const SCHEDULED: &str = select!(
    "eligible_at",
    "priority = $5 and phase = 0 and (eligible_at, seq) > ($2, $3) and eligible_at > $6 order by eligible_at, seq"
);
/// Who is behind another one of its lane.
const BEHIND: &str = select!("0::bigint", "phase = 1 and seq > $3 and $2 is not null order by seq");
/// Who is in hand, by the end of the lease.
const HELD: &str = select!("lease_until", "phase = 2 and (lease_until, seq) > ($2, $3) order by lease_until, seq");
/// The dead.
const DEAD: &str = select!("dead_at", "phase = 3 and (dead_at, seq) > ($2, $3) order by dead_at, seq");
/// Who of a lane lives.
const LANE: &str =
    select!("lane_place", "lane = $5 and phase < 3 and (lane_place, seq) > ($2, $3) order by lane_place, seq");

/// A place of a part and who stands there.
type Found = ((u64, u64), Listed);

impl Look<'_> {
    /// A page of a list.
    pub(super) async fn list(&mut self, list: &List, after: Option<ListCursor>, limit: usize) -> Result<ListPage> {
        let mut page = Pager::new(list, limit, self.wall());
        for (part, after) in list.parts(after) {
            let most = page.looks_left();
            let found = self.part_of(part, list, after, most).await?;
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
    async fn part_of(
        &mut self,
        part: ListPart,
        list: &List,
        after: Option<(u64, u64)>,
        most: usize,
    ) -> Result<Vec<Found>> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (time, seq) = after.map_or((i64::MIN, i64::MIN), |(time, seq)| (number(time), number(seq)));
        let (now, most) = (self.now, i64::try_from(most).unwrap_or(i64::MAX));
        let of = |sql: &'static str| sqlx::query(sql).bind(self.queue).bind(time).bind(seq).bind(most);
        let query = match part {
            ListPart::Level(level) => {
                let sql = if list.standing == Standing::Ready { READY } else { SCHEDULED };
                of(sql).bind(i16::from(level.number())).bind(now)
            }
            ListPart::Behind => of(BEHIND),
            ListPart::Held => of(HELD),
            ListPart::Dead => of(DEAD),
            ListPart::Lane => of(LANE).bind(list.partition.as_deref()),
        };
        query
            .try_map(|row: PgRow| read(&row, now))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(failed("the list cannot be read"))
    }
}

/// An item as its row tells it; what makes no sense there is told as well as it can be.
fn read(row: &PgRow, now: i64) -> sqlx::Result<Found> {
    let number = |column| row.try_get::<i32, _>(column).map(|number| u16::try_from(number).unwrap_or(u16::MAX));
    let place = |column| row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or(0));
    let priority = u8::try_from(row.try_get::<i16, _>("priority")?).ok().and_then(Priority::from_number);
    let eligible_at = wall(row.try_get("eligible_at")?);
    let (dead, dead_at): (Option<i16>, Option<i64>) = (row.try_get("dead")?, row.try_get("dead_at")?);
    let listed = Listed {
        id: row.try_get("id")?,
        standing: kept::standing(Phase::of(row.try_get::<i16, _>("phase")?.into()), eligible_at, now),
        priority: priority.unwrap_or(Priority::Background),
        token: row.try_get::<i64, _>("token")?.cast_unsigned(),
        attempt: number("attempts")?,
        max_attempts: number("max_attempts")?,
        eligible_at,
        partition: row.try_get("lane")?,
        errors: row.try_get("errors")?,
        dead: dead.map(|reason| (kept::reason_of(reason.into()), wall(dead_at.unwrap_or(0)))),
    };
    Ok(((place("place")?, place("seq")?), listed))
}
