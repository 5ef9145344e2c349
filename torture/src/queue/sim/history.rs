//! One history: random work on one queue, crashed at every operation.
//!
//! - `pushing`, `leases`, `work`: what an open queue is asked; `life`: its end and its return
//! - `calls`: what was answered, and the check of every moment in between

mod calls;
mod leases;
mod life;
mod pushing;
mod work;

use std::time::Duration;

use syncline_core::{Error, Instant, WallTime, port::Moment};
use syncline_testkit::{
    SeededRandom, SimDisk,
    disk::{Call, Effect, Fault},
};

use super::{
    Verdict,
    check::{Checker, Opened, Tally},
    model::Model,
    setup::Setup,
};

/// Steps printed of a history that broke a promise.
const TOLD_STEPS: usize = 16;
/// When all histories begin, in milliseconds of the calendar.
const EPOCH: u64 = 1_767_225_600_000;

/// The moment `ms` milliseconds after the beginning of a history, as a calendar time and on both clocks.
pub(super) fn at(ms: u64) -> Moment {
    Moment {
        wall: WallTime::from_millis(EPOCH + ms),
        steady: Instant::from_origin(Duration::from_millis(1_000 + ms)),
    }
}

/// What one history did.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) tally: Tally,
    pub(super) trace: blake3::Hash,
    /// The broken promise, if one was.
    pub(super) violation: Option<String>,
}

/// Runs one history to its end, or to its first broken promise.
pub(super) fn run(setup: Setup, random: &SeededRandom, bound: usize) -> Told {
    let steps = setup.steps;
    let mut history = History::new(setup, random, bound);
    history.told.push("open:".to_owned());
    let mut outcome = history.reopen();
    for step in 0..steps {
        outcome = outcome.and_then(|()| {
            history.told.push(format!("{step} at {}:", history.now));
            history.step()
        });
    }
    history.open = None;
    history.checker.trace.update(&history.disk.trace_hash());
    let violation = outcome.err().map(|what| {
        let skip = history.told.len().saturating_sub(TOLD_STEPS);
        let told: Vec<&str> = history.told.iter().skip(skip).map(String::as_str).collect();
        format!("{what}\n    setup {:?}\n    steps {}", history.setup, told.join("\n          "))
    });
    Told { tally: history.checker.tally, trace: history.checker.trace.finalize(), violation }
}

struct History {
    setup: Setup,
    random: SeededRandom,
    disk: SimDisk,
    open: Option<Opened>,
    model: Model,
    checker: Checker,
    /// Faults were planned since the queue was opened, or space is short.
    faulty: bool,
    /// Leases as their workers know them: some ended without the worker.
    held: Vec<(String, u64)>,
    /// Leases that were taken back since the queue was opened, and nobody was told.
    untold: u64,
    /// Milliseconds since the beginning.
    now: u64,
    told: Vec<String>,
}

impl History {
    fn new(setup: Setup, random: &SeededRandom, bound: usize) -> Self {
        let checker = Checker {
            config: setup.config.clone(),
            planted: setup.planted,
            random: random.split(1),
            bound,
            now: at(0),
            tally: Tally::default(),
            trace: blake3::Hasher::new(),
        };
        let disk = SimDisk::new(random.split(2).word());
        disk.collect_points(bound > 0);
        Self {
            setup,
            random: random.split(3),
            disk,
            open: None,
            model: Model::new(),
            checker,
            faulty: false,
            held: Vec::new(),
            untold: 0,
            now: 0,
            told: Vec::new(),
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(step) = self.told.last_mut() {
            step.push(' ');
            step.push_str(&what());
        }
    }

    fn step(&mut self) -> Verdict {
        self.now += self.random.below(400);
        self.checker.now = at(self.now);
        if self.setup.faults && self.random.once_in(16) {
            self.plan_fault();
        }
        match self.random.below(100) {
            _ if self.model.broken.is_some() && self.random.once_in(3) => self.reopen(),
            0..=27 => self.push(),
            28..=49 => self.claim(),
            50..=69 => self.settle(),
            70..=79 => self.reap(),
            80..=82 => self.extend(),
            83..=85 => self.cancel(),
            86..=88 => self.redrive(),
            89 => self.purge(),
            90..=91 => self.close(),
            92..=96 if self.setup.crashes => self.crash(),
            97..=98 if self.setup.full => {
                self.bound_space();
                Ok(())
            }
            _ => self.push(),
        }
    }

    fn plan_fault(&mut self) {
        const CALLS: [Call; 8] = [
            Call::Write,
            Call::Write,
            Call::Sync,
            Call::Sync,
            Call::Rename,
            Call::SyncDir,
            Call::Create,
            Call::Remove,
        ];
        let call = CALLS.get(self.random.index(CALLS.len() + 1)).copied();
        let (skip, lasts) = (self.random.below(8), self.random.once_in(8));
        self.disk.fail(Fault { call, skip, effect: Effect::Eio, lasts });
        self.faulty = true;
        self.tell(|| format!("[{call:?} fails after {skip}{}]", if lasts { " for good" } else { "" }));
    }

    fn bound_space(&mut self) {
        if self.random.once_in(2) {
            self.disk.set_capacity(None);
            self.tell(|| "space without bound".to_owned());
            return;
        }
        let used = self.disk.used();
        let bytes = used + self.random.below(3 * self.setup.config.segment_bytes);
        self.disk.set_capacity(Some(bytes));
        self.faulty = true;
        self.tell(|| format!("space for {bytes} bytes, {used} are used"));
    }
}

/// How a call ended, for people.
fn end<T: std::fmt::Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    }
}
