//! Lanes: items of one partition key leave one at a time, in order.
//!
//! Only the front of a lane stands among those that may be handed out, and nobody does while one of it is in hand. So a claim
//! never looks at a lane, and never asks whether another one of it is in hand, which two could ask at once. A lane is put right
//! by whoever changed it, before the commit and under a lock on that lane; an index refuses a second front all the same.
//!
//! A transaction of the caller's own may last, and must hold no such lock. It leaves word instead, and the next claim sees to it.

use sqlx::Row as _;
use syncline_core::Result;

use super::{
    error::failed,
    step::{Step, run},
};
use crate::kept::Phase;

/// "SYNQ": whose locks they are. Two lanes whose numbers are the same wait for each other, nothing more.
const LOCKS: i32 = 0x5359_4e51;
/// Most words that one claim sees to.
const WORDS_MAX: i64 = 256;

/// Who is first of a lane, who stands at its front, and how.
const FRONTS: &str = "select head.seq as head, front.seq as front, front.phase as phase from unnest($2::text[]) as l(lane) \
    cross join lateral (select seq from syncline_queue.item where queue = $1 and lane = l.lane and phase < 3 \
                        order by lane_place, seq limit 1) as head \
    left join lateral (select seq, phase from syncline_queue.item where queue = $1 and lane = l.lane and phase in (0, 2) \
                       limit 1) as front on true";

/// The first of a lane, and who stands at its front.
type Front = (i64, Option<(i64, Phase)>);

/// Leaves word of the lanes that changed.
pub(super) async fn leave_word(step: &mut Step<'_>) -> Result<()> {
    let lanes: Vec<_> = std::mem::take(&mut step.lanes).into_iter().collect();
    if lanes.is_empty() {
        return Ok(());
    }
    let sql = "insert into syncline_queue.lane (queue, lane) select $1, * from unnest($2::text[])";
    run!(step, sql, step.queue, lanes).map(drop)
}

/// Takes words that others left. Who is at one already sees to its lane.
pub(super) async fn take_words(step: &mut Step<'_>) -> Result<()> {
    let sql = "delete from syncline_queue.lane where n = any(array( \
               select n from syncline_queue.lane where queue = $1 order by n limit $2 for update skip locked)) returning lane";
    let lanes: Vec<String> = sqlx::query_scalar(sql)
        .bind(step.queue)
        .bind(WORDS_MAX)
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be read"))?;
    step.lanes.extend(lanes);
    advance(step).await
}

/// Lets the first of each lane that changed stand among those that may be handed out, unless one of it is in hand.
pub(super) async fn advance(step: &mut Step<'_>) -> Result<()> {
    let lanes: Vec<_> = std::mem::take(&mut step.lanes).into_iter().collect();
    if lanes.is_empty() {
        return Ok(());
    }
    // In one order, whoever takes several.
    let mut locks: Vec<_> = lanes.iter().map(|lane| lock(step.queue, lane)).collect();
    locks.sort_unstable();
    locks.dedup();
    run!(step, "select pg_advisory_xact_lock($1, l) from unnest($2::integer[]) as l", LOCKS, locks)?;
    let fronts: Vec<Front> = sqlx::query(FRONTS)
        .bind(step.queue)
        .bind(&lanes)
        .try_map(|row: sqlx::postgres::PgRow| {
            let front = row.try_get::<Option<i64>, _>("front")?.zip(row.try_get::<Option<i16>, _>("phase")?);
            Ok((row.try_get("head")?, front.map(|(seq, phase)| (seq, Phase::of(phase.into())))))
        })
        .fetch_all(&mut *step.connection)
        .await
        .map_err(failed("the lanes cannot be read"))?;
    let (mut forward, behind) = decide(&fronts);
    // One that is claimed at this moment stays: its lane goes on when that lease ends.
    let demote = "update syncline_queue.item set phase = 1 where seq = any($1) and phase = 0 returning seq";
    let demoted: Vec<i64> = if behind.is_empty() {
        Vec::new()
    } else {
        let asked: Vec<_> = behind.iter().map(|(front, _)| *front).collect();
        sqlx::query_scalar(demote)
            .bind(asked)
            .fetch_all(&mut *step.connection)
            .await
            .map_err(failed("the lanes cannot be written"))?
    };
    forward.extend(behind.iter().filter(|(front, _)| demoted.contains(front)).map(|(_, head)| *head));
    if !forward.is_empty() {
        run!(step, "update syncline_queue.item set phase = 0 where seq = any($1) and phase = 1", forward)?;
    }
    Ok(())
}

/// Lets no other claim count what is in hand of the queue, until the commit. Taken before any other lock.
pub(super) async fn lock_queue(step: &mut Step<'_>) -> Result<()> {
    let number = lock(step.queue, "");
    run!(step, "select pg_advisory_xact_lock($1, $2)", LOCKS, number).map(drop)
}

/// Who steps forward, and which front steps behind for which head.
fn decide(fronts: &[Front]) -> (Vec<i64>, Vec<(i64, i64)>) {
    let (mut forward, mut behind) = (Vec::new(), Vec::new());
    for (head, front) in fronts {
        match front {
            None => forward.push(*head),
            // One came to stand before it.
            Some((front, Phase::Waiting)) if front != head => behind.push((*front, *head)),
            Some(_) => {}
        }
    }
    (forward, behind)
}

/// The number of a lane's lock.
fn lock(queue: i32, lane: &str) -> i32 {
    let mut hasher = blake3::Hasher::new();
    let hash = hasher.update(&queue.to_le_bytes()).update(lane.as_bytes()).finalize();
    hash.as_bytes().first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_forward_unless_one_of_its_lane_is_in_hand() {
        let fronts = [
            (1, None),
            (2, Some((2, Phase::Waiting))),
            (3, Some((4, Phase::Waiting))),
            (5, Some((6, Phase::Leased))),
            (7, Some((7, Phase::Leased))),
        ];
        assert_eq!(decide(&fronts), (vec![1], vec![(4, 3)]));
    }
}
