//! Faults that were found in other libraries, each shown on the version that is locked here, and the same done with Syncline.
//!
//! A library is used as its documentation says. Where a clock cannot be set, real milliseconds pass. What is not seen on
//! this version is said to be not seen: its owners mended it, or chance hid it.

mod backoff;
mod budget;
mod endless;
mod half_open;
mod paused;
mod retry;
mod trap;
mod versions;
mod windows;
mod wrapped;

use trap::Trap;

use crate::measure::Measure;

/// How much of what takes long.
struct Plan {
    /// Threads meet this often.
    races: usize,
    /// Calls in a window of time.
    calls: u32,
}

/// What was seen: lines for people, figures for machines.
pub(crate) struct Gallery(Vec<Trap>);

/// Does every experiment.
pub(crate) fn run(quick: bool) -> Gallery {
    let plan = if quick {
        Plan { races: 20_000, calls: 10_000 }
    } else {
        Plan { races: 200_000, calls: 20_000 }
    };
    Gallery(trap::silently(|| traps(&plan)))
}

fn traps(plan: &Plan) -> Vec<Trap> {
    vec![
        backoff::beyond_the_cap(),
        backoff::lost_at_the_cap(),
        backoff::in_step(),
        endless::endless(),
        backoff::rounded(),
        backoff::base_as_factor(),
        retry::told_to_wait(),
        retry::only_sleeps_count(),
        half_open::stampede(),
        half_open::stuck(),
        half_open::late_answer(),
        half_open::ignored_error(),
        windows::not_sliding(),
        windows::grows(plan.calls),
        budget::idle(),
        budget::overdrawn(plan.races),
        budget::cut_off(),
        budget::no_ratio(),
        half_open::two_clocks(),
    ]
}

impl Gallery {
    /// Everything to print.
    pub(crate) fn lines(&self, json: bool) -> Vec<String> {
        let traps = self.0.iter().flat_map(|trap| match json {
            true => trap.measures().iter().map(|measure| measure.line(json)).collect(),
            false => trap.lines(versions::of),
        });
        traps.chain(self.totals().iter().map(|total| total.line(json))).collect()
    }

    fn totals(&self) -> [Measure; 3] {
        let (claims, seen) = self.0.iter().map(Trap::claims).fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let avoided = self.0.iter().filter(|trap| trap.is_avoided()).count();
        [
            Measure::context("gallery.claims", claims as f64),
            Measure::context("gallery.claims_seen", seen as f64),
            Measure::at_least("gallery.avoided_by_syncline", avoided as f64, self.0.len() as f64),
        ]
    }
}
