//! How many items stand where.

use syncline_core::Priority;

use super::slot::Phase;

const LEVELS: usize = Priority::ALL.len();

/// Items by phase and level, kept with every step.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reserved: u64,
    /// Ready, scheduled, or behind others of their lane.
    pub(crate) waiting: [u64; LEVELS],
    pub(crate) leased: [u64; LEVELS],
    pub(crate) dead: [u64; LEVELS],
}

impl Counts {
    pub(crate) fn enter(&mut self, phase: Phase, priority: Priority) {
        if let Some(count) = self.of(phase, priority) {
            *count += 1;
        }
    }

    pub(crate) fn leave(&mut self, phase: Phase, priority: Priority) {
        if let Some(count) = self.of(phase, priority) {
            *count -= 1;
        }
    }

    /// What takes room: everything but the dead.
    pub(crate) fn live(&self) -> u64 {
        self.reserved + self.lives()
    }

    /// What lives and was accepted.
    pub(crate) fn lives(&self) -> u64 {
        self.waiting.iter().chain(&self.leased).sum()
    }

    fn of(&mut self, phase: Phase, priority: Priority) -> Option<&mut u64> {
        let level = usize::from(priority.number());
        match phase {
            Phase::Reserved => Some(&mut self.reserved),
            Phase::Waiting | Phase::Behind => self.waiting.get_mut(level),
            Phase::Leased => self.leased.get_mut(level),
            Phase::Dead => self.dead.get_mut(level),
        }
    }
}
