//! What all verifications of a queue found, summed, and the figures that are printed of it.

use serde::Deserialize;

use crate::{
    crash::score::{self, figure},
    measure::Measure,
};

/// The object that `torture queue-verify` prints.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Verdict {
    pub pushes: u64,
    pub completions: u64,
    pub handed: u64,
    pub lost: u64,
    pub came_back: u64,
    pub attempts: u64,
    pub disorder: u64,
    pub corrupt: u64,
    pub phantom: u64,
    pub torn: u64,
    pub witnessed: u64,
    pub recovery_ms: f64,
    pub examples: Vec<String>,
}

impl Verdict {
    /// Reads the verdict, which is the last line; `None` when the verifier did not get that far.
    pub fn parse(lines: &str) -> Option<Self> {
        serde_json::from_str(lines.lines().last()?).ok()
    }

    /// Broken promises without a figure of their own.
    fn others(&self) -> u64 {
        self.corrupt + self.phantom + self.torn + self.witnessed
    }

    /// Whether every promise was kept.
    pub fn holds(&self) -> bool {
        self.lost + self.came_back + self.attempts + self.disorder + self.others() == 0
    }
}

impl From<Verdict> for score::Verdict {
    /// The same in the words of a journal: what came back stands twice, and what a process saw is told by the writer.
    fn from(verdict: Verdict) -> Self {
        Self {
            acknowledged: verdict.pushes + verdict.completions,
            lost: verdict.lost,
            corrupt: verdict.corrupt,
            duplicate: verdict.came_back + verdict.attempts,
            phantom: verdict.phantom,
            torn: verdict.torn,
            disorder: verdict.disorder,
            writer: verdict.witnessed,
            recovery_ms: verdict.recovery_ms,
            examples: verdict.examples,
            ..Self::default()
        }
    }
}

/// Sums over many runs of one storage.
#[derive(Debug, Default)]
pub struct Score {
    /// Times that processes worked and were ended.
    pub runs: u64,
    /// Processes.
    pub processes: u64,
    /// Of these, those that were killed.
    pub killed: u64,
    /// Times that a server was killed under them.
    pub servers_killed: u64,
    /// Queues that did not open again, and processes that ended as none may.
    pub refused: u64,
    sum: Verdict,
    recovery_ms_max: f64,
}

impl Score {
    /// Adds a verdict; `before` is the last one of the same directory, whose past is in it.
    pub fn add(&mut self, verdict: &Verdict, before: &Verdict) {
        let sum = &mut self.sum;
        sum.pushes += verdict.pushes.saturating_sub(before.pushes);
        sum.completions += verdict.completions.saturating_sub(before.completions);
        sum.handed += verdict.handed.saturating_sub(before.handed);
        sum.lost += verdict.lost;
        sum.came_back += verdict.came_back;
        sum.attempts += verdict.attempts;
        sum.disorder += verdict.disorder;
        sum.corrupt += verdict.corrupt;
        sum.phantom += verdict.phantom;
        sum.torn += verdict.torn;
        sum.witnessed += verdict.witnessed;
        self.recovery_ms_max = self.recovery_ms_max.max(verdict.recovery_ms);
    }

    /// Whether every promise was kept, and there was something to keep.
    pub fn holds(&self) -> bool {
        self.sum.holds() && self.refused == 0 && self.sum.completions > 0
    }

    /// What was promised and what was kept, the names led by `room` and the storage.
    pub fn measures(&self, storage: &str) -> Vec<Measure> {
        let name = |what: &str| format!("crash.queue.{storage}.{what}");
        let plain = |what: &str, value: u64| Measure::plain(name(what), figure(value));
        let zero = |what: &str, value: u64| Measure::exactly(name(what), figure(value), 0.0);
        let Self { sum, .. } = self;
        vec![
            plain("runs", self.runs),
            plain("processes", self.processes),
            plain("killed", self.killed),
            plain("servers_killed", self.servers_killed),
            plain("pushes_acknowledged", sum.pushes),
            plain("handed_out", sum.handed),
            plain("completions_acknowledged", sum.completions),
            zero("pushes_lost", sum.lost),
            zero("completions_that_came_back", sum.came_back),
            zero("attempts_beyond_or_uncounted", sum.attempts),
            zero("order_violations", sum.disorder),
            zero("other_violations", sum.others()),
            zero("refused", self.refused),
            Measure::plain(name("recovery_ms_max"), self.recovery_ms_max),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_promise_of_a_queue_fails_the_run() {
        let kept = Verdict { completions: 5, pushes: 9, ..Verdict::default() };
        let holds = |verdict: &Verdict| {
            let mut score = Score::default();
            score.add(verdict, &Verdict::default());
            score.holds()
        };
        assert!(holds(&kept) && !holds(&Verdict::default()));
        for broken in ["lost", "came_back", "attempts", "disorder", "corrupt", "phantom", "torn", "witnessed"] {
            let verdict = Verdict::parse(&format!("{{\"completions\":5,\"{broken}\":1}}")).unwrap();
            assert!(!holds(&verdict), "{broken}");
        }
    }

    #[test]
    fn acknowledgements_of_one_queue_count_once() {
        let (first, second) =
            (Verdict { pushes: 5, ..Verdict::default() }, Verdict { pushes: 9, ..Verdict::default() });
        let mut score = Score::default();
        score.add(&first, &Verdict::default());
        score.add(&second, &first);
        assert_eq!(score.sum.pushes, 9);
    }
}
