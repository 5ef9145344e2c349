//! What one history may do: each switches on some of the ways to fail, so that rare combinations come up.

use syncline_core::SecretKey;
use syncline_journal::{Config, KeyRing, planted::Planted};
use syncline_testkit::SeededRandom;

/// What one history may do.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) steps: u32,
    /// Calls of the disk fail.
    pub(super) faults: bool,
    /// Space runs out.
    pub(super) full: bool,
    /// The process is killed, power is lost.
    pub(super) crashes: bool,
    /// Streams are truncated and segments removed.
    pub(super) truncates: bool,
    /// Syncs overlap with writes.
    pub(super) overlaps: bool,
    /// Largest record in bytes.
    pub(super) record_max: u64,
}

/// Every history has this many steps, but one in `LONG_ONE_IN` has more.
const STEPS: u32 = 60;
const STEPS_LONG: u32 = 300;
const LONG_ONE_IN: u64 = 21;

impl Setup {
    pub(super) fn draw(random: &SeededRandom, history: u64, planted: Option<Planted>) -> Self {
        let steps = if history % LONG_ONE_IN == LONG_ONE_IN - 1 { STEPS_LONG } else { STEPS };
        let segment_bytes = 8_192 << [0, 0, 0, 0, 0, 1, 1, 3][random.index(8)];
        let config = Config {
            segment_bytes,
            compression: random.once_in(10).then_some(1),
            keys: KeyRing { current: random.once_in(6).then(|| key(random)).flatten(), older: Vec::new() },
            planted,
            ..Config::default()
        };
        Self {
            config,
            steps,
            faults: random.once_in(2),
            full: random.once_in(4),
            crashes: !random.once_in(4),
            truncates: steps == STEPS_LONG || !random.once_in(4),
            overlaps: random.once_in(2),
            record_max: [40, 300, 300, 1_500, 5_000][random.index(5)],
        }
    }
}

fn key(random: &SeededRandom) -> Option<SecretKey> {
    use syncline_core::port::Random as _;
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    SecretKey::new(bytes).ok()
}
