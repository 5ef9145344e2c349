//! Lanes: items of one partition key leave one at a time, in order.
//!
//! Only the front of a lane stands among those that may be handed out, and nobody does while one of it is in hand. So a
//! claim never looks at a lane: it is put right by whoever changes it.

use syncline_core::Result;

use super::step::{Phase, Step};

/// Who is first of a lane.
pub(super) const HEAD: &str = "SELECT seq FROM item INDEXED BY item_lane \
                               WHERE queue = ? AND lane = ? AND phase < 3 ORDER BY lane_place, seq LIMIT 1";
/// Who of a lane is next or in hand.
pub(super) const FRONT: &str =
    "SELECT seq, phase FROM item INDEXED BY item_front WHERE queue = ? AND lane = ? AND phase IN (0, 2)";

impl Step<'_> {
    /// The first of a lane stands among those that may be handed out, unless one of it is in hand.
    pub(super) fn step_forward(&mut self, lane: Option<&[u8]>) -> Result<()> {
        let Some(lane) = lane else { return Ok(()) };
        let Some(head) = self.first(HEAD, (self.queue, lane), |row| row.get::<_, i64>(0))? else {
            return Ok(());
        };
        let front = self.first(FRONT, (self.queue, lane), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        match front.map(|(seq, phase)| (seq, Phase::of(phase))) {
            Some((_, Phase::Leased)) => return Ok(()),
            Some((seq, _)) if seq == head => return Ok(()),
            // One came to stand before it.
            Some((seq, _)) => self.run("UPDATE item SET phase = 1 WHERE seq = ?", [seq])?,
            None => 0,
        };
        self.run("UPDATE item SET phase = 0 WHERE seq = ?", [head]).map(drop)
    }
}
