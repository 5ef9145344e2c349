//! `torture queue-sim`: random histories of the queue on its journal, on the simulated disk, crashed at every operation.
//!
//! - `setup`: what one history may do; `history`: does it; `model`: what was answered, as a plain list of items
//! - `check`: opens every state a crash may leave, and finds it in the model's past
//! - `plants`: the harness itself on trial

mod check;
mod history;
mod model;
mod plants;
mod setup;

use std::{
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use syncline_core::{Result, port::Clock as _, rt::SystemClock};
use syncline_testkit::SeededRandom;

use self::{check::Tally, history::Told, setup::Setup};
use super::bug::Bug;
use crate::sim::{extent::Extent, figure};

/// `Err` says which promise was broken.
type Verdict<T = ()> = std::result::Result<T, String>;

/// Images of one crash.
const BOUND: usize = 15;

/// Random histories of a queue on a simulated disk, crashed at every operation.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Ends with the history that reaches so many images; with each deliberate bug, the most it may live through
    #[arg(long, default_value_t = 500_000)]
    images: u64,
    /// So many histories instead, of which only the answers and the openings are judged, without images: far more in the same time
    #[arg(long)]
    histories: Option<u64>,
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
    #[arg(long, value_parser = Bug::parse)]
    planted: Option<Bug>,
    /// With each deliberate bug in turn; each must be caught
    #[arg(long)]
    planted_all: bool,
}

impl Args {
    fn extent(&self) -> Extent {
        Extent::of(self.history, self.histories, self.images)
    }
}

/// Runs the histories, prints the figures; 0 when every promise was kept, 1 when not.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(syncline_testkit::seed);
    if !args.json {
        figure::say(&format!("sim of the queue: seed {seed}"));
    }
    if args.planted_all {
        return Ok(ExitCode::from(u8::from(plants::all(seed, args.images, args.json) > 0)));
    }
    let start = SystemClock.now();
    let sum = Run { seed, planted: args.planted, extent: args.extent() }.run();
    let took = SystemClock.now().saturating_since(start).as_secs_f64();
    sum.print(args.json, took);
    Ok(ExitCode::from(u8::from(sum.violations > 0)))
}

/// Histories of one seed.
#[derive(Debug, Clone, Copy)]
struct Run {
    seed: u64,
    planted: Option<Bug>,
    extent: Extent,
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
    /// Runs as far as it is to go, or to the first violation.
    fn run(&self) -> Sum {
        let mut sum = Sum {
            histories: 0,
            tally: Tally::default(),
            violations: 0,
            first: None,
            trace: blake3::Hasher::new(),
        };
        while sum.violations == 0 && self.extent.has_more(sum.histories, sum.tally.images()) {
            self.one(self.extent.first() + sum.histories, &mut sum);
        }
        sum
    }

    fn one(&self, history: u64, sum: &mut Sum) {
        let random = SeededRandom::new(self.seed).split(history);
        let setup = Setup::draw(&random.split(0), history, self.planted);
        let told = panic::catch_unwind(AssertUnwindSafe(|| history::run(setup, &random, self.extent.bound(BOUND))));
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
            let planted = self.planted.map_or(String::new(), |bug| format!(" --planted {bug}"));
            let replay = format!("torture queue-sim --seed {} --history {history}{planted}", self.seed);
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
        figure::print(json, "sim.queue.histories", self.histories as f64, None);
        figure::print(json, "sim.queue.images", images as f64, None);
        figure::print(json, "sim.queue.images_per_second", (images as f64 / took_secs.max(1e-9)).round(), None);
        figure::print(json, "sim.queue.violations", self.violations as f64, Some(("==", 0.0)));
        let trace = self.trace.finalize();
        figure::say(&if json {
            format!("{{\"trace\":\"{trace}\"}}")
        } else {
            format!("trace {trace}")
        });
    }
}
