//! The clock that stamps versions: wall time that never runs backwards.
//!
//! Source: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks and Consistent Snapshots in Globally
//! Distributed Databases", 2014. One word holds milliseconds and counter, so that stamping is one atomic update.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, ErrorKind, NodeId, Result, Version, WallTime, limits};

/// Stamps [`Version`]s of one node, each greater than all it has stamped or observed.
#[derive(Debug)]
pub struct Hlc {
    node: NodeId,
    /// Greatest time stamped or observed: 48 bits of milliseconds, 16 of counter. Only grows.
    last: AtomicU64,
}

impl Hlc {
    /// A clock of `node` that stamps above `high_water`, the greatest version known from before.
    pub fn new(node: NodeId, high_water: Version) -> Self {
        Self { node, last: AtomicU64::new(high_water.time()) }
    }

    /// Whose versions it stamps.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The next version, given the wall clock. A wall clock that stepped back only advances the counter.
    pub fn stamp(&self, now: WallTime) -> Version {
        let wall = now.as_millis() << 16;
        let next = |last: u64| wall.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        // The update always has a value, so either arm holds the word it replaced.
        let (Ok(last) | Err(last)) = last;
        Version::from_time(next(last), self.node)
    }

    /// Takes note of a version read or received: later stamps are greater.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`], naming the node, when it is more than [`limits::DRIFT_MS_MAX`] ahead of `now`: one wrong
    /// clock must not drag every other node's versions into the future.
    pub fn observe(&self, version: Version, now: WallTime) -> Result<()> {
        let ahead_ms = version.wall().as_millis().saturating_sub(now.as_millis());
        if ahead_ms > limits::DRIFT_MS_MAX {
            let (node, max) = (version.node(), limits::DRIFT_MS_MAX);
            let message = format!("version of node {node} is {ahead_ms} ms ahead of this clock, the most is {max} ms");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        self.last.fetch_max(version.time(), Ordering::AcqRel);
        Ok(())
    }

    /// A version no smaller than any stamped or observed.
    pub fn high_water(&self) -> Version {
        Version::from_time(self.last.load(Ordering::Acquire), self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::new(7);

    #[test]
    fn stamps_grow_though_the_wall_clock_steps_back() {
        let clock = Hlc::new(NODE, Version::ZERO);
        let mut last = Version::ZERO;
        for wall in [5_000, 5_000, 4_000, 9_000, 1] {
            let next = clock.stamp(WallTime::from_millis(wall));
            assert!(next > last, "{next} after {last}");
            last = next;
        }
        assert_eq!(last.wall(), WallTime::from_millis(9_000));
    }

    #[test]
    fn a_restart_goes_on_above_the_high_water_mark() {
        let before = Hlc::new(NODE, Version::ZERO);
        let last = before.stamp(WallTime::from_millis(9_000));
        let after = Hlc::new(NODE, before.high_water());
        assert!(after.stamp(WallTime::from_millis(10)) > last);
    }

    #[test]
    fn an_observed_version_is_passed_and_a_drifted_one_refused() {
        let clock = Hlc::new(NODE, Version::ZERO);
        let now = WallTime::from_millis(1_000_000);
        let ahead = |ms: u64| Version::new(WallTime::from_millis(1_000_000 + ms), 3, NodeId::new(0xabc));
        clock.observe(ahead(60_000), now).unwrap();
        assert!(clock.stamp(now) > ahead(60_000));
        let error = clock.observe(ahead(60_001), now).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("0000000000000abc"), "{error}");
    }
}
