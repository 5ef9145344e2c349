//! A worker that takes items: asking for them, and starting commands for those that came.

use syncline::{port::Clock as _, rt::SystemClock};

use super::{
    super::{time, unexpected},
    command,
    crew::{Crew, Step},
    given,
    held::{Fate, Held},
};
use crate::{
    exit::Failure,
    store::{Ask, Job, Pop, Told},
};

/// How long a question waits for items.
const WAIT_MS: u64 = 1_000;
/// Pause before another look at a directory that a short command holds.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(30);

impl Crew<'_> {
    pub(super) fn ask_for_items(&mut self) {
        let free = usize::from(self.work.concurrency).saturating_sub(self.held.len());
        if self.is_asking || self.is_ending || self.look_at.is_some() || free == 0 {
            return;
        }
        self.is_asking = true;
        let hands = if self.work.once { 1 } else { free };
        let wait_ms = if self.work.drain { 0 } else { WAIT_MS };
        let most = hands.saturating_mul(self.work.batch());
        self.ask(Ask::Pop(Pop { most, lease_ms: time::millis(self.work.lease), wait_ms }));
    }

    pub(super) fn popped(&mut self, told: syncline::Result<Told>) {
        self.is_asking = false;
        match told {
            Ok(Told::Popped(jobs)) if jobs.is_empty() => {
                self.is_ending |= self.work.drain;
                if self.work.until_empty && !self.is_ending {
                    self.is_asking = true;
                    self.ask(Ask::Stats);
                }
            }
            Ok(Told::Popped(jobs)) => {
                let is_ending = self.is_ending;
                self.is_ending |= self.work.once;
                let mut jobs = jobs.into_iter().peekable();
                while jobs.peek().is_some() {
                    let some: Vec<Job> = jobs.by_ref().take(self.work.batch()).collect();
                    if is_ending || self.failure.is_some() {
                        self.give_back(&some);
                    } else {
                        self.start(&some);
                    }
                }
            }
            Ok(Told::NoKeeper) => {
                // Leases given by a command that ends at once are worth nothing: look again when it has ended.
                self.look_at = Some(SystemClock.now() + PAUSE);
            }
            Ok(_) => self.fail(unexpected()),
            Err(error) => self.fail(self.context.failure(&error)),
        }
    }

    /// Whether anything is left, where that ends the work.
    pub(super) fn counted(&mut self, told: syncline::Result<Told>) {
        self.is_asking = false;
        match told {
            Ok(Told::Numbers(numbers)) => self.is_ending |= numbers.current_size == 0,
            Ok(_) => self.fail(unexpected()),
            Err(error) => self.fail(self.context.failure(&error)),
        }
    }

    fn start(&mut self, jobs: &[Job]) {
        let is_batch = self.work.batch.is_some();
        let environment = given::environment(self.queue, is_batch, jobs);
        let started =
            given::input(is_batch, jobs).and_then(|input| command::start(&self.work.exec, &environment, input));
        let running = match started {
            Ok(running) => running,
            // These items cannot be given to any command; others can.
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData) =>
            {
                for (id, token) in given::leases(jobs) {
                    let error = Some(format!("it cannot be given to a command: {error}"));
                    self.ask(Ask::Fail { id, token: Some(token), error, delay_ms: None, for_good: false });
                }
                return;
            }
            Err(error) => {
                self.give_back(jobs);
                return self.fail(Failure::failed("unavailable", format!("cannot run the command: {error}")));
            }
        };
        let (number, now) = (self.next, SystemClock.now());
        self.next += 1;
        let held = Held {
            items: given::leases(jobs).collect(),
            group: running.group,
            fate: Fate::ByStatus,
            beat_at: now + self.work.heartbeat(),
            deadline: self.work.deadline.map(|deadline| now + deadline),
        };
        self.held.insert(number, held);
        self.steps.push(Box::pin(async move { Step::Ended(number, running.end().await) }));
    }
}
