//! A call, what it is expected to write, what it answered, and every moment in between.

use syncline_core::{Error, ErrorKind, rt::block_on};
use syncline_queue::JournalQueueStorage;

use super::{History, end};
use crate::queue::sim::{
    Verdict,
    check::Opened,
    model::{Step, apply},
};

/// What a call writes, and when it answers.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) steps: Vec<Step>,
    /// It answers once its steps are on disk, not once they are written.
    pub(super) synced: bool,
    /// It is upkeep: its steps are taken in memory even where they cannot be written, and it gives space back besides, for which
    /// it writes records of its own.
    pub(super) is_upkeep: bool,
}

impl History {
    /// Runs a call and checks every moment of it; `None` where it failed as it may.
    pub(super) fn call<T: std::fmt::Debug>(
        &mut self,
        plan: &Plan,
        run: impl AsyncFnOnce(&JournalQueueStorage) -> Result<T, Error>,
    ) -> Verdict<Option<T>> {
        let Some(open) = self.open.take() else { return self.reopen().map(|()| None) };
        let written = self.model.written;
        if !plan.steps.is_empty() {
            self.model.submit(&plan.steps);
        }
        let result = block_on(run(&open.queue));
        open.rest();
        self.tell(|| format!("{} -> {}", plan.name, end(&result)));
        let kept = self.answered(plan, &open, &result);
        self.open = Some(open);
        kept?;
        self.check_points(0, written)?;
        if result.is_ok() && !plan.steps.is_empty() {
            self.model.acknowledged(plan.synced);
            self.check_now()?;
        }
        Ok(result.ok())
    }

    /// Takes note of an answer. After a failure that may have left anything, everything fails until the queue is opened again.
    fn answered<T>(&mut self, plan: &Plan, open: &Opened, result: &Result<T, Error>) -> Verdict {
        let name = plan.name;
        let error = match result {
            Ok(_) if plan.steps.is_empty() => return Ok(()),
            Ok(_) => {
                if let Some(broken) = &self.model.broken {
                    return Err(format!("{name} went well after {broken}"));
                }
                plan.steps.iter().for_each(|step| apply(&mut self.model.live, step));
                return Ok(());
            }
            Err(error) => error,
        };
        if !self.faulty {
            return Err(format!("{name} failed without a cause: {error:?}"));
        }
        if plan.steps.is_empty() && !plan.is_upkeep {
            return Err(format!("{name} failed and had nothing to write: {error:?}"));
        }
        if plan.is_upkeep {
            plan.steps.iter().for_each(|step| apply(&mut self.model.live, step));
        }
        let is_poisoned = open.journal.stats().is_poisoned;
        if plan.steps.is_empty() {
            // No state of the queue was to come of it.
        } else if error.kind() == ErrorKind::Full || self.model.broken.is_some() || !is_poisoned {
            // It was refused: nothing of it may ever stand.
            self.model.refused();
        }
        if is_poisoned {
            self.model.broken.get_or_insert(format!("{name} that failed ({error})"));
        }
        Ok(())
    }

    /// Checks every moment since the last check: what was synced then stands, and what was written unless power is lost.
    pub(super) fn check_points(&mut self, synced: usize, written: usize) -> Verdict {
        let points = self.disk.take_points();
        let count = points.len();
        let states = &self.model.states;
        let (power, kill) = (states.get(synced..).unwrap_or_default(), states.get(written..).unwrap_or_default());
        for (index, point) in points.iter().enumerate() {
            let checked = self.checker.moment(point, power, kill);
            checked.map_err(|what| format!("crash after operation {} of {count}: {what}", index + 1))?;
        }
        Ok(())
    }

    /// Checks the moment after an answer.
    fn check_now(&mut self) -> Verdict {
        let states = &self.model.states;
        let kill = states.get(self.model.written..).unwrap_or_default();
        let checked = self.checker.moment(&self.disk.kill_image(), states, kill);
        checked.map_err(|what| format!("crash after the answer: {what}"))
    }
}
