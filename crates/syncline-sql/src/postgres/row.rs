//! An item as it is handed out or looked at, proven against its hash.

use sqlx::{Row as _, postgres::PgRow};
use syncline_core::{
    Error, ErrorKind, Priority, Result,
    port::{Claimed, DeadReason, Standing, Stored},
};

use super::step::Item;
use crate::kept::{self, Phase, wall};

/// The columns of a [`View`] and of an [`Item`].
macro_rules! view_columns {
    () => {
        "item.seq, item.phase, item.priority, item.eligible_at, item.token, item.attempts, item.max_attempts, item.dead, \
         item.id, item.lane, item.dedup, item.errors, item.hash, item.body"
    };
}
pub(super) use view_columns;

/// The newest item of an id.
pub(super) const BY_ID: &str = concat!(
    "select ",
    view_columns!(),
    " from syncline_queue.item where queue = $1 and id = $2 order by seq desc limit 1"
);
/// Dead items after a death and a seq.
pub(super) const DEAD: &str = concat!(
    "select ",
    view_columns!(),
    " from syncline_queue.item where queue = $1 and phase = 3 and (dead_at, seq) > ($2, $3) \
     order by dead_at, seq limit $4"
);

/// An item as its row tells it. What makes no sense there is told as well as it can be, and the item is damaged.
#[derive(Debug)]
pub(super) struct View {
    phase: Phase,
    dead: Option<DeadReason>,
    pub(super) row: Item,
    pub(super) item: Claimed,
    pub(super) is_damaged: bool,
}

impl View {
    pub(super) fn read(row: &PgRow) -> sqlx::Result<Self> {
        let priority = u8::try_from(row.try_get::<i16, _>("priority")?).ok().and_then(Priority::from_number);
        let (id, body): (String, Vec<u8>) = (row.try_get("id")?, row.try_get("body")?);
        let is_proven = row.try_get::<&[u8], _>("hash")? == kept::hash(id.as_bytes(), &body);
        let number = |column| row.try_get::<i32, _>(column).map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        Ok(Self {
            phase: Phase::of(row.try_get::<i16, _>("phase")?.into()),
            dead: row.try_get::<Option<i16>, _>("dead")?.map(|reason| kept::reason_of(reason.into())),
            is_damaged: !is_proven || priority.is_none(),
            row: Item::read(row)?,
            item: Claimed {
                id,
                token: row.try_get::<i64, _>("token")?.cast_unsigned(),
                attempt: number("attempts")?,
                max_attempts: number("max_attempts")?,
                priority: priority.unwrap_or(Priority::Background),
                eligible_at: wall(row.try_get("eligible_at")?),
                partition: row.try_get("lane")?,
                errors: row.try_get("errors")?,
                body: body.into(),
            },
        })
    }

    /// The item as it is looked at. A dead one that is damaged is told with that as its reason, so that a list of the dead
    /// never ends at it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] for one that lives and is damaged.
    pub(super) fn stored(self, now: i64) -> Result<Stored> {
        let standing = kept::standing(self.phase, self.item.eligible_at, now);
        let dead = match (standing, self.is_damaged) {
            (Standing::Dead, true) => Some(DeadReason::Corrupt),
            (_, true) => {
                let message = format!("item {:?} is damaged, it is not what was pushed", self.item.id);
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            (_, false) => self.dead,
        };
        Ok(Stored { standing, item: self.item, dead })
    }
}
