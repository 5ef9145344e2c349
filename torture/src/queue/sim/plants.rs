//! The harness on trial: each deliberate bug must be caught.

use super::{Bug, Extent, Run, figure};

/// Plants every bug in turn; returns how many were not caught within `images` images.
pub(super) fn all(seed: u64, images: u64, json: bool) -> u64 {
    let mut missed = 0;
    for bug in Bug::all() {
        let run = Run { seed, planted: Some(bug), extent: Extent::Images(images) };
        let sum = run.run();
        let name = format!("sim.queue.planted.{}", figure::snake(&bug.to_string()));
        figure::print(json, &name, sum.violations as f64, Some((">=", 1.0)));
        if !json {
            let found = sum.first.as_deref().and_then(|what| what.lines().nth(1)).unwrap_or("NOT CAUGHT").trim();
            figure::say(&format!("  {bug} after {} images: {found}", sum.tally.images()));
        }
        missed += u64::from(sum.violations == 0);
    }
    figure::print(json, "sim.queue.planted_missed", missed as f64, Some(("==", 0.0)));
    missed
}
