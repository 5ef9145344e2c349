//! One history: random work on one journal, crashed at every operation.
//!
//! - `writing`, `work`: what an open journal is asked; `faults`: what goes wrong meanwhile; `life`: its end and its return
//! - `answers`: what it promised, and the check of every moment in between

mod answers;
mod faults;
mod life;
mod work;
mod writing;

use syncline_core::Error;
use syncline_journal::sim::{Log, SyncJob};
use syncline_testkit::{SeededRandom, SimDisk};

use super::{
    Verdict,
    check::{Checker, Tally},
    model::Model,
    setup::Setup,
};

/// Steps printed of a history that broke a promise.
const TOLD_STEPS: usize = 16;
/// Files kept to come back later as they were.
const STALE_MAX: usize = 8;

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
    let mut outcome = history.open();
    for step in 0..steps {
        outcome = outcome.and_then(|()| {
            history.told.push(format!("{step}:"));
            history.step()
        });
    }
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
    log: Option<Log>,
    /// A sync that was begun and is not finished.
    job: Option<SyncJob>,
    model: Model,
    checker: Checker,
    /// Faults were planned since the journal was opened.
    faulty: bool,
    /// The next records are so large that a segment is full.
    large: bool,
    /// The segment that the opening began, and how much of it are records that it wrote again.
    begun_with: Option<String>,
    rewritten: u64,
    /// Bytes of essential submissions since the journal last took others.
    essential_bytes: u64,
    told: Vec<String>,
}

impl History {
    fn new(setup: Setup, random: &SeededRandom, bound: usize) -> Self {
        let checker = Checker {
            config: setup.config.clone(),
            random: random.split(1),
            bound,
            tally: Tally::default(),
            trace: blake3::Hasher::new(),
            stale: Vec::new(),
        };
        let disk = SimDisk::new(random.split(2).word());
        disk.collect_points(bound > 0);
        Self {
            setup,
            random: random.split(3),
            disk,
            log: None,
            job: None,
            model: Model::new(),
            checker,
            faulty: false,
            large: false,
            begun_with: None,
            rewritten: 0,
            essential_bytes: 0,
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
        if self.setup.faults && self.random.once_in(16) {
            self.plan_fault();
        }
        if self.random.once_in(16) {
            self.keep_stale();
        }
        let broken = self.model.broken.is_some();
        match self.random.below(100) {
            _ if broken && self.random.once_in(4) => self.reopen(),
            _ if self.setup.faults && !broken && self.random.once_in(30) => self.fail_a_rotation(),
            _ if self.setup.full && self.setup.truncates && self.random.once_in(30) => self.fill_up(),
            0..=39 => self.write(1, false),
            40..=47 => {
                let count = 2 + self.random.index(4);
                self.write(count, false)
            }
            48..=51 => self.write(1, true),
            52..=66 => self.sync(),
            67..=74 if self.setup.overlaps => self.overlap(),
            75..=79 => self.witness(),
            80..=87 if self.setup.truncates => self.truncate(),
            88..=90 => self.register(),
            91..=92 => self.close(),
            93..=96 if self.setup.crashes => self.crash(),
            97..=98 if self.setup.full => self.bound_space(),
            _ => self.write(1, false),
        }
    }
}

/// How a call ended, for people.
fn end<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

fn word(essential: bool) -> &'static str {
    if essential { " (essential)" } else { "" }
}
