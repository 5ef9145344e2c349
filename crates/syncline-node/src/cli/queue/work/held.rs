//! Items in this worker's hands, and what is said of them when their command has ended.

use syncline::{Instant, rt::os};

use super::{Work, command::Ended};
use crate::store::Ask;

/// Items of a command that runs.
#[derive(Debug)]
pub(super) struct Held {
    /// Ids and leases.
    pub(super) items: Vec<(String, u64)>,
    /// The command's process group.
    pub(super) group: u32,
    pub(super) fate: Fate,
    /// When their leases are extended next.
    pub(super) beat_at: Instant,
    /// When the command is killed.
    pub(super) deadline: Option<Instant>,
}

/// What the end of a command means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its status says.
    ByStatus,
    /// It ran too long and was killed.
    Overrun,
    /// The worker ends: its items are given back.
    GivenBack,
}

impl Held {
    /// Kills the command; what becomes of its items is decided.
    pub(super) fn kill(&mut self, fate: Fate) {
        self.fate = fate;
        self.deadline = None;
        os::kill_group(self.group);
    }

    /// The next moment at which something has to be done.
    pub(super) fn next_at(&self) -> Instant {
        self.deadline.map_or(self.beat_at, |deadline| deadline.min(self.beat_at))
    }

    /// What is said of one item.
    pub(super) fn outcome(&self, work: &Work, ended: &Ended, id: &str, token: u64) -> Ask {
        let id = id.to_owned();
        let fail = |error: String, for_good| Ask::Fail {
            id: id.clone(),
            token: Some(token),
            error: Some(error),
            delay_ms: None,
            for_good,
        };
        match (self.fate, ended.code()) {
            (Fate::GivenBack, _) => Ask::Release { id, token },
            (Fate::Overrun, _) => {
                let seconds = work.deadline.unwrap_or_default().as_secs_f64();
                fail(format!("killed after its deadline of {seconds} s: {}", ended.stderr), false)
            }
            (Fate::ByStatus, Some(0)) => Ask::Complete { id, token: Some(token) },
            (Fate::ByStatus, code) => fail(ended.reason(), code == Some(work.reject_status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use clap::Parser;
    use syncline::{port::Clock as _, rt::SystemClock};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        work: Work,
    }

    #[track_caller]
    fn check_outcome(fate: Fate, raw_status: i32, expected: &str) {
        let work = Line::parse_from(["work", "--exec", "x", "--deadline", "1.5"]).work;
        let held = Held { items: Vec::new(), group: 0, fate, beat_at: SystemClock.now(), deadline: None };
        let status = Some(std::process::ExitStatus::from_raw(raw_status));
        let ended = Ended { status, stderr: "said".to_owned() };
        let told = match held.outcome(&work, &ended, "a", 7) {
            Ask::Complete { token: Some(7), .. } => "complete".to_owned(),
            Ask::Release { token: 7, .. } => "release".to_owned(),
            Ask::Fail { token: Some(7), error: Some(error), for_good, .. } => format!("fail {for_good} {error}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn the_end_of_a_command_says_what_becomes_of_its_items() {
        check_outcome(Fate::ByStatus, 0, "complete");
        check_outcome(Fate::ByStatus, 1 << 8, "fail false status 1: said");
        check_outcome(Fate::ByStatus, 65 << 8, "fail true status 65: said");
        check_outcome(Fate::ByStatus, 9, "fail false killed by signal 9: said");
        check_outcome(Fate::Overrun, 9, "fail false killed after its deadline of 1.5 s: said");
        check_outcome(Fate::GivenBack, 0, "release");
    }
}
