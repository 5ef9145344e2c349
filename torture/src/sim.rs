//! `torture sim`: random histories of the journal on the simulated disk, crashed at every operation.
//!
//! - `setup`: what one history may do; `history`: does it; `model`: what was answered
//! - `check`: opens every state a crash may leave; `damage`: harms some of them; `judge`: holds them against the model
//! - `plants`: the harness itself on trial

mod check;
mod damage;
pub(crate) mod figure;
mod heard;
mod history;
mod judge;
mod model;
mod plants;
mod setup;

use std::{
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use syncline_core::{Result, port::Clock as _, rt::SystemClock};
use syncline_journal::planted::Planted;
use syncline_testkit::SeededRandom;

use self::{check::Tally, history::Told, setup::Setup};
use crate::directory;

/// `Err` says which promise was broken.
type Verdict<T = ()> = std::result::Result<T, String>;

/// Images of one crash: all legal ones where they are no more, else samples.
const BOUND: usize = 15;
/// A run has at least one history for so many images: 200 of 60 steps and 10 of 300 for half a million.
const IMAGES_PER_HISTORY: u64 = 500_000 / 210;

/// Random histories on a simulated disk, crashed at every operation.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Ends with the history that reaches so many images; with each deliberate bug, the most it may live through
    #[arg(long, default_value_t = 500_000)]
    images: u64,
    /// Seed of the run; a drawn one is printed
    #[arg(long)]
    seed: Option<u64>,
    /// Only the history with this number, as a violation names it
    #[arg(long)]
    history: Option<u64>,
    /// One object a figure, for machines
    #[arg(long)]
    json: bool,
    /// With a deliberate bug
    #[arg(long, value_parser = directory::planted)]
    planted: Option<Planted>,
    /// With each deliberate bug in turn; each must be caught
    #[arg(long)]
    planted_all: bool,
}

/// Runs the histories, prints the figures; 0 when every promise was kept, 1 when not.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(syncline_testkit::seed);
    if !args.json {
        figure::say(&format!("sim: seed {seed}"));
    }
    if args.planted_all {
        return Ok(ExitCode::from(u8::from(plants::all(seed, args.images, args.json) > 0)));
    }
    let start = SystemClock.now();
    let sum = Run { seed, planted: args.planted, images: args.images, history: args.history }.run();
    let took = SystemClock.now().saturating_since(start).as_secs_f64();
    sum.print(args.json, took);
    Ok(ExitCode::from(u8::from(sum.violations > 0)))
}

/// Histories of one seed.
#[derive(Debug, Clone, Copy)]
struct Run {
    seed: u64,
    planted: Option<Planted>,
    images: u64,
    history: Option<u64>,
}

/// What the histories of a run came to.
#[derive(Debug)]
struct Sum {
    histories: u64,
    tally: Tally,
    violations: u64,
    first: Option<String>,
    trace: blake3::Hasher,
}

impl Run {
    /// Runs to the number of images, or to the first violation.
    fn run(&self) -> Sum {
        let mut sum = Sum {
            histories: 0,
            tally: Tally::default(),
            violations: 0,
            first: None,
            trace: blake3::Hasher::new(),
        };
        if let Some(history) = self.history {
            self.one(history, &mut sum);
            return sum;
        }
        let histories_min = self.images.div_ceil(IMAGES_PER_HISTORY);
        while sum.violations == 0 && (sum.tally.images() < self.images || sum.histories < histories_min) {
            self.one(sum.histories, &mut sum);
        }
        sum
    }

    fn one(&self, history: u64, sum: &mut Sum) {
        let random = SeededRandom::new(self.seed).split(history);
        let setup = Setup::draw(&random.split(0), history, self.planted);
        let told = panic::catch_unwind(AssertUnwindSafe(|| history::run(setup, &random, BOUND)));
        let told = told.unwrap_or_else(|_| Told {
            tally: Tally::default(),
            trace: blake3::hash(b"panic"),
            violation: Some("it panicked".to_owned()),
        });
        sum.histories += 1;
        sum.tally += told.tally;
        sum.trace.update(told.trace.as_bytes());
        if let Some(what) = told.violation {
            sum.violations += 1;
            let planted = self.planted.map_or(String::new(), |bug| format!(" --planted {bug:?}"));
            let replay = format!("torture sim --seed {} --history {history}{planted}", self.seed);
            sum.first.get_or_insert(format!("violation; replay with: {replay}\n  {what}"));
        }
    }
}

impl Sum {
    fn print(&self, json: bool, took_secs: f64) {
        let images = self.tally.images();
        if let Some(first) = &self.first {
            if json { figure::complain(first) } else { figure::say(first) }
        }
        if !json {
            figure::say(&format!("images by cause: {:?}", self.tally));
        }
        figure::print(json, "sim.histories", self.histories as f64, None);
        figure::print(json, "sim.images", images as f64, None);
        figure::print(json, "sim.images_per_second", (images as f64 / took_secs.max(1e-9)).round(), None);
        figure::print(json, "sim.violations", self.violations as f64, Some(("==", 0.0)));
        let trace = self.trace.finalize();
        figure::say(&if json {
            format!("{{\"trace\":\"{trace}\"}}")
        } else {
            format!("trace {trace}")
        });
    }
}
