//! What one history may do: each switches on some of the ways to fail, so that rare combinations come up.

use std::time::Duration;

use syncline_journal::Config;
use syncline_testkit::SeededRandom;

use super::Bug;

/// What one history may do.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) planted: Bug,
    pub(super) steps: u32,
    /// Calls of the disk fail.
    pub(super) faults: bool,
    /// Space runs out.
    pub(super) full: bool,
    /// The process is killed, power is lost.
    pub(super) crashes: bool,
    /// Lanes that items are pushed into; none without.
    pub(super) lanes: u64,
    /// Largest content in bytes.
    pub(super) body_max: u64,
}

/// Every history has this many steps, but one in `LONG_ONE_IN` has more.
const STEPS: u32 = 60;
const STEPS_LONG: u32 = 300;
const LONG_ONE_IN: u64 = 21;
/// The journal does nothing by time here: that is its own simulation's part, and one seed would not tell one history.
const NEVER: Duration = Duration::from_secs(3_600);

impl Setup {
    pub(super) fn draw(random: &SeededRandom, history: u64, planted: Option<Bug>) -> Self {
        let steps = if history % LONG_ONE_IN == LONG_ONE_IN - 1 { STEPS_LONG } else { STEPS };
        let planted = planted.unwrap_or_default();
        let config = Config {
            segment_bytes: 8_192 << random.index(3),
            compression: random.once_in(10).then_some(1),
            witness_after: NEVER,
            planted: planted.journal,
            ..Config::default()
        };
        Self {
            config,
            planted,
            steps,
            faults: random.once_in(2),
            full: random.once_in(4),
            crashes: !random.once_in(4),
            lanes: [0, 1, 3, 3][random.index(4)],
            body_max: [40, 300, 300, 1_500][random.index(4)],
        }
    }
}
