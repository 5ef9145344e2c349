//! The harness on trial: each deliberate bug must be caught.

use syncline_journal::planted::Planted;

use super::{Extent, Run, figure};

/// Plants every bug in turn; returns how many were not caught within `images` images.
pub(super) fn all(seed: u64, images: u64, json: bool) -> u64 {
    let mut missed = 0;
    for bug in Planted::ALL {
        let run = Run { seed, planted: Some(bug), extent: Extent::Images(images) };
        let sum = run.run();
        let name = format!("sim.planted.{}", figure::snake(&format!("{bug:?}")));
        figure::print(json, &name, sum.violations as f64, Some((">=", 1.0)));
        if !json {
            let found = sum.first.as_deref().and_then(|what| what.lines().nth(1)).unwrap_or("NOT CAUGHT").trim();
            figure::say(&format!("  {bug:?} after {} images: {found}", sum.tally.images()));
        }
        missed += u64::from(sum.violations == 0);
    }
    figure::print(json, "sim.planted_missed", missed as f64, Some(("==", 0.0)));
    missed
}
