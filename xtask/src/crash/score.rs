//! What all verifications of a run found, summed, and the figures that are printed of it.

use serde::Deserialize;

use crate::measure::Measure;

/// The object that `torture verify` prints.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Verdict {
    pub present: u64,
    pub acknowledged: u64,
    pub lost: u64,
    pub corrupt: u64,
    pub duplicate: u64,
    pub phantom: u64,
    pub torn: u64,
    pub disorder: u64,
    pub unstable: u64,
    pub writer: u64,
    pub torn_bytes: u64,
    pub recovery_ms: f64,
    pub examples: Vec<String>,
}

impl Verdict {
    /// Reads the verdict, which is the last line; `None` when the verifier did not get that far.
    pub fn parse(lines: &str) -> Option<Self> {
        serde_json::from_str(lines.lines().last()?).ok()
    }

    /// Broken promises beside loss and corruption.
    pub fn others(&self) -> u64 {
        self.duplicate + self.phantom + self.torn + self.disorder + self.unstable + self.writer
    }

    /// Whether every promise was kept.
    pub fn holds(&self) -> bool {
        self.lost + self.corrupt + self.others() == 0
    }
}

/// Sums over many runs.
#[derive(Debug, Default)]
pub struct Score {
    /// Processes that wrote.
    pub runs: u64,
    /// Of these, those that were killed.
    pub killed: u64,
    /// Of these, those of which a system call failed.
    pub faulted: u64,
    /// Directories that did not open again, and processes that ended as none may.
    pub refused: u64,
    acknowledged: u64,
    lost: u64,
    corrupt: u64,
    others: u64,
    torn_bytes: u64,
    recovery_ms: Vec<f64>,
}

impl Score {
    /// Adds a verdict, of which `acknowledged_before` acknowledgements were in an earlier one of the same directory.
    pub fn add(&mut self, verdict: &Verdict, acknowledged_before: u64) {
        self.acknowledged += verdict.acknowledged.saturating_sub(acknowledged_before);
        self.lost += verdict.lost;
        self.corrupt += verdict.corrupt;
        self.others += verdict.others();
        self.torn_bytes += verdict.torn_bytes;
        self.recovery_ms.push(verdict.recovery_ms);
    }

    /// Adds a directory that does not open again: what was acknowledged in it is lost to its owner.
    pub fn refuse(&mut self, acknowledged: u64) {
        self.refused += 1;
        self.lost += acknowledged;
    }

    /// Acknowledged transactions that are lost.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether every promise was kept in all runs, and there was something to keep.
    pub fn holds(&self) -> bool {
        self.lost + self.corrupt + self.others + self.refused == 0 && self.acknowledged > 0
    }

    /// How many writers there were and how they ended, the names led by the `room`.
    pub fn ends(&self, room: &str) -> Vec<Measure> {
        let ends = [("runs", self.runs), ("killed", self.killed), ("faulted", self.faulted)];
        ends.map(|(what, count)| Measure::plain(format!("{room}.{what}"), figure(count))).into()
    }

    /// What was promised and what was kept, the names led by the `room`.
    pub fn promises(&self, room: &str) -> Vec<Measure> {
        let name = |what: &str| format!("{room}.{what}");
        let plain = |what: &str, value: u64| Measure::plain(name(what), figure(value));
        let zero = |what: &str, value: u64| Measure::exactly(name(what), figure(value), 0.0);
        let mut sorted = self.recovery_ms.clone();
        sorted.sort_by(f64::total_cmp);
        vec![
            plain("acknowledged", self.acknowledged),
            zero("lost", self.lost),
            zero("corrupt", self.corrupt),
            zero("other_violations", self.others),
            zero("refused", self.refused),
            plain("torn_bytes", self.torn_bytes),
            Measure::plain(name("recovery_ms_p50"), at(&sorted, sorted.len() / 2)),
            Measure::plain(name("recovery_ms_max"), at(&sorted, sorted.len().saturating_sub(1))),
        ]
    }
}

fn at(sorted: &[f64], index: usize) -> f64 {
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// Counts here stay far below what a float tells apart.
pub fn figure(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_the_last_line() {
        let verdict =
            Verdict::parse("C 0 0 3 00ff\n{\"lost\":2,\"recovery_ms\":1.5,\"examples\":[\"gone\"]}\n").unwrap();
        assert_eq!((verdict.lost, verdict.recovery_ms, verdict.holds()), (2, 1.5, false));
        assert_eq!(Verdict::parse("C 0 0 3 00ff\n"), None);
        assert_eq!(Verdict::parse(""), None);
    }

    #[test]
    fn each_broken_promise_fails_the_run() {
        let kept = Verdict { acknowledged: 5, present: 5, ..Verdict::default() };
        let holds = |verdict: &Verdict| {
            let mut score = Score::default();
            score.add(verdict, 0);
            score.holds()
        };
        assert!(holds(&kept));
        for broken in ["lost", "corrupt", "duplicate", "phantom", "torn", "disorder", "unstable", "writer"] {
            let verdict = Verdict::parse(&format!("{{\"acknowledged\":5,\"{broken}\":1}}")).unwrap();
            assert!(!holds(&verdict), "{broken}");
        }
    }

    #[test]
    fn a_run_that_acknowledged_nothing_proves_nothing() {
        assert!(!Score::default().holds());
    }

    #[test]
    fn acknowledgements_of_one_directory_count_once() {
        let mut score = Score::default();
        score.add(&Verdict { acknowledged: 5, recovery_ms: 3.0, ..Verdict::default() }, 0);
        score.add(&Verdict { acknowledged: 9, recovery_ms: 1.0, ..Verdict::default() }, 5);
        let value = |what: &str| score.promises("crash").into_iter().find(|m| m.name == what).map(|m| m.value);
        assert_eq!(value("crash.acknowledged"), Some(9.0));
        assert_eq!((value("crash.recovery_ms_p50"), value("crash.recovery_ms_max")), (Some(3.0), Some(3.0)));
    }
}
