//! What is told of the items of a queue without touching them.

use syncline_core::{
    WallTime,
    port::{List, ListCursor, ListPage, Listed, Pager, QueueStats, Stored},
};

use super::{body::Body, plan, sight::Sight};
use crate::state::{Millis, Phase, Slot, State};

/// A page of a list.
pub(crate) fn list(
    state: &State<Body>,
    list: &List,
    after: Option<ListCursor>,
    limit: usize,
    time: Millis,
) -> ListPage {
    let mut page = Pager::new(list, limit, WallTime::from_millis(time));
    for (part, after) in list.parts(after) {
        for ((place_time, seq), slot) in state.part(part, list.partition.as_deref(), after, (list.standing, time)) {
            if page.looks_left() == 0 {
                return page.finish(false);
            }
            if let Some(item) = listed(state, slot, time) {
                page.look(ListCursor { part, time: place_time, seq }, item);
            }
        }
    }
    page.finish(true)
}

/// Dead items after the one of id `after`.
pub(crate) fn dead(state: &State<Body>, after: Option<&str>, limit: usize, time: Millis) -> Vec<Sight<Stored>> {
    let after = after.and_then(|id| state.find(id, |phase| phase == Phase::Dead));
    let after = after.and_then(|slot| slot.died().map(|(_, died_at)| (died_at, slot.seq)));
    state.dead(after).filter_map(|slot| plan::stored(state, slot, time)).take(limit).collect()
}

/// How many items stand where, and how long the first of them wait.
pub(crate) fn stats(state: &State<Body>) -> QueueStats {
    let counts = state.counts();
    QueueStats {
        waiting: counts.waiting,
        leased: counts.leased,
        dead: counts.dead,
        first_at: state.first_at().map(|at| at.map(WallTime::from_millis)),
        dead_since: state.dead_since().map(WallTime::from_millis),
    }
}

fn listed(state: &State<Body>, slot: &Slot<Body>, time: Millis) -> Option<Listed> {
    Some(Listed {
        id: (&slot.id).into(),
        standing: plan::standing(slot, time)?,
        priority: slot.priority,
        token: slot.token,
        attempt: slot.attempts,
        max_attempts: slot.max_attempts,
        eligible_at: WallTime::from_millis(slot.eligible_at),
        partition: state.lane_of(slot).map(str::to_owned),
        errors: plan::errors_of(slot),
        dead: slot.died().map(|(reason, at)| (reason, WallTime::from_millis(at))),
    })
}
