//! Lanes: of the items of one partition key only so many are in hand at once, as the last claim allowed.
//!
//! One at a time leaves them in order. More gives that up: each level of a lane has a front, the first by its time. Only fronts
//! stand among those that may be handed out, and none does while the lane has its share in hand. So a claim never passes those
//! of a lane: it is put right by whoever changes it.

use syncline_core::{Priority, Result};

use super::step::{Phase, Step};
use crate::kept::Arranged;

/// Who is first of a lane that is in order.
pub(super) const HEAD: &str = "SELECT seq FROM item INDEXED BY item_lane \
                               WHERE queue = ? AND lane = ? AND phase < 3 ORDER BY lane_place, seq LIMIT 1";
/// Who is first of a level of a lane.
pub(super) const FIRST: &str = "SELECT seq FROM item INDEXED BY item_rank \
                                WHERE queue = ? AND lane = ? AND priority = ? AND phase < 2 \
                                ORDER BY eligible_at, seq LIMIT 1";
/// Who of a lane is next or in hand.
pub(super) const FRONTS: &str =
    "SELECT seq, phase FROM item INDEXED BY item_front WHERE queue = ? AND lane = ? AND phase IN (0, 2)";
/// The lane after another one.
pub(super) const NEXT: &str = "SELECT lane FROM item INDEXED BY item_lane \
                               WHERE queue = ? AND lane > ? AND phase < 3 ORDER BY lane LIMIT 1";

impl Step<'_> {
    /// The fronts of a lane stand among those that may be handed out, unless it has its share in hand.
    pub(super) fn arrange(&mut self, lane: Option<&[u8]>) -> Result<()> {
        let Some(lane) = lane else { return Ok(()) };
        let fronts = self.all(FRONTS, (self.queue, lane), |row| Ok((row.get(0)?, Phase::of(row.get(1)?))))?;
        let (held, standing): (Vec<_>, Vec<_>) = fronts.into_iter().partition(|(_, phase)| *phase == Phase::Leased);
        let has_room = held.len() < usize::from(self.of_lane);
        let firsts = if has_room { self.firsts(lane)? } else { Vec::new() };
        let Arranged { behind, forward } = Arranged::of(standing.into_iter().map(|(seq, _)| seq).collect(), firsts);
        for seq in behind {
            self.run("UPDATE item SET phase = 1 WHERE seq = ?", [seq])?;
        }
        for seq in forward {
            let slot = if self.of_lane > 1 { seq } else { 0 };
            self.run("UPDATE item SET phase = 0, slot = ? WHERE seq = ?", (slot, seq))?;
        }
        Ok(())
    }

    /// Who of a lane is to stand where it may be handed out.
    fn firsts(&self, lane: &[u8]) -> Result<Vec<i64>> {
        if self.of_lane == 1 {
            return Ok(self.first(HEAD, (self.queue, lane), |row| row.get(0))?.into_iter().collect());
        }
        let of_level =
            |level: Priority| self.first(FIRST, (self.queue, lane, level.number()), |row| row.get(0)).transpose();
        Priority::ALL.into_iter().filter_map(of_level).collect()
    }

    /// From now on so many of each lane may be in hand. Where that is another number than before, all lanes are arranged anew.
    pub(super) fn allow_of_lane(&mut self, of_lane: u16) -> Result<()> {
        let of_lane = of_lane.max(1);
        if of_lane == self.of_lane {
            return Ok(());
        }
        self.of_lane = of_lane;
        self.run("UPDATE queue SET of_lane = ? WHERE number = ?", (of_lane, self.queue))?;
        let mut next = Some(Vec::new());
        while let Some(lane) = next {
            self.arrange(Some(&lane))?;
            next = self.first(NEXT, (self.queue, &lane), |row| row.get(0))?;
        }
        Ok(())
    }
}
