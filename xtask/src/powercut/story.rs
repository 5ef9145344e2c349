//! Cut after cut: the guest verifies what the last cut left, writes on, and is cut again.

use std::time::Duration;

use super::machine::{Boot, Machine};
use crate::{
    crash::{
        dice::Dice,
        queue::score::Verdict as QueueVerdict,
        score::{Score, Verdict},
    },
    error::Result,
};

/// Cuts of one directory; then another one is begun, with other settings.
const CUTS_ON_ONE: u32 = 8;

/// What is written until the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Room {
    /// A journal
    Journal,
    /// A queue on a journal: producers and workers
    Queue,
}

impl Room {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Journal, Self::Queue];

    /// The deliberate bug that a harness with eyes must see.
    pub const fn control(self) -> &'static str {
        match self {
            Self::Journal => "SkipSync",
            Self::Queue => "AckPushBeforeSync",
        }
    }

    /// What the names of its figures begin with.
    pub const fn figures(self) -> &'static str {
        match self {
            Self::Journal => "powercut",
            Self::Queue => "powercut.queue",
        }
    }

    /// Whether a line is part of the past of a directory, which the guest may have `verified` before it wrote on.
    fn is_noted(self, line: &str, verified: bool) -> bool {
        let kind = line.split(' ').next().unwrap_or_default();
        match self {
            Self::Journal => matches!(kind, "R" | "A" | "B" | "F" | "N" | "X") || verified && kind == "C",
            Self::Queue => matches!(kind, "R" | "A" | "H" | "S" | "D" | "X"),
        }
    }

    fn verdict(self, line: &str) -> Option<Verdict> {
        match self {
            Self::Journal => Verdict::parse(line),
            Self::Queue => QueueVerdict::parse(line).map(Verdict::from),
        }
    }

    fn setting(self) -> (&'static str, String) {
        let name = match self {
            Self::Journal => "journal",
            Self::Queue => "queue",
        };
        ("TORTURE_ROOM", name.to_owned())
    }

    fn judgement(self, boot: &Boot) -> Option<Verdict> {
        boot.lines.iter().find(|line| line.starts_with('{')).and_then(|line| self.verdict(line))
    }

    fn judged(self, boot: &Boot) -> Option<u64> {
        self.judgement(boot).map(|verdict| verdict.acknowledged)
    }
}

/// What all cuts showed.
#[derive(Debug, Default)]
pub struct Story {
    /// The figures.
    pub score: Score,
    /// Times the power went.
    pub cuts: u64,
}

/// Cuts the power of `machine` under a `room` `cuts` times, with a deliberate bug if one is named, which ends it once data is lost.
///
/// # Errors
///
/// When the machine does not run at all. Broken promises are in the story.
pub fn cut(machine: &Machine, room: Room, cuts: u64, planted: Option<&str>, dice: &mut Dice) -> Result<Story> {
    let mut story = Story::default();
    let mut directory: Option<Directory> = None;
    while story.cuts < cuts {
        let before = directory.take();
        let mut next = match &before {
            Some(directory) if directory.runs < CUTS_ON_ONE => directory.clone(),
            _ => Directory::new(room, dice.word() >> 1),
        };
        let mut settings = before.as_ref().map(Directory::verify_settings).unwrap_or_default();
        settings.extend(next.write_settings(dice, planted));
        let history = before.as_ref().map_or("", |directory| directory.history.as_str());
        let after = Duration::from_millis(dice.between(0, 1_500));
        let boot = machine.boot(&settings, history, Some(after))?;
        story.cuts += 1;
        if story.cuts.is_multiple_of(10) {
            eprintln!("  {} of {cuts} cuts", story.cuts);
        }
        let same = before.as_ref().is_some_and(|before| before.seed == next.seed);
        let held = story.judge(&boot, before.as_ref(), planted.is_some());
        next.note(&boot, same, room.judged(&boot).filter(|_| same));
        if !held {
            return Ok(story);
        }
        directory = Some(next);
    }
    if let Some(directory) = directory {
        let mut settings = directory.verify_settings();
        settings.extend(planted.map(|bug| ("TORTURE_PLANTED", bug.to_owned())));
        let boot = machine.boot(&settings, &directory.history, None)?;
        story.judge(&boot, Some(&directory), planted.is_some());
    }
    Ok(story)
}

/// One directory on the guest's disk.
#[derive(Debug, Clone)]
struct Directory {
    room: Room,
    seed: u64,
    runs: u32,
    history: String,
    /// Acknowledgements that a verification judged already.
    judged: u64,
}

impl Directory {
    fn new(room: Room, seed: u64) -> Self {
        Self { room, seed, runs: 0, history: String::new(), judged: 0 }
    }

    fn verify_settings(&self) -> Vec<(&'static str, String)> {
        vec![self.room.setting(), ("TORTURE_VERIFY", self.seed.to_string())]
    }

    fn write_settings(&mut self, dice: &mut Dice, planted: Option<&str>) -> Vec<(&'static str, String)> {
        let buffered = if dice.one_in(2) { dice.between(0, 80) } else { 0 };
        let mut settings = vec![
            self.room.setting(),
            ("TORTURE_WRITE", self.seed.to_string()),
            ("TORTURE_RUN", self.runs.to_string()),
            ("TORTURE_WINDOW", dice.between(1, 17).to_string()),
            ("TORTURE_BUFFERED", buffered.to_string()),
        ];
        if let Some(bug) = planted {
            settings.push(("TORTURE_PLANTED", bug.to_owned()));
        } else if dice.one_in(2) {
            // The guest's kernel writes back on its own all the time, so that some of what was not synced is there.
            settings.push(("TORTURE_WRITEBACK", dice.between(1, 30).to_string()));
        }
        self.runs += 1;
        settings
    }

    /// Acknowledgements that bind when the power goes.
    fn acknowledged(&self) -> u64 {
        self.history.lines().map(|line| u64::from(line.starts_with("A "))).sum()
    }

    /// Takes over what the guest said of this directory: its answers, and its census if it was the one verified.
    fn note(&mut self, boot: &Boot, verified: bool, judged: Option<u64>) {
        let noted = boot.lines.iter().filter(|line| self.room.is_noted(line, verified));
        self.history.extend(noted.flat_map(|line| [line, "\n"]));
        self.judged = judged.unwrap_or(self.judged);
    }
}

impl Story {
    /// Counts what one boot found of the directory of `before`; whether all is well.
    fn judge(&mut self, boot: &Boot, before: Option<&Directory>, quiet: bool) -> bool {
        let complaints = || {
            boot.lines
                .iter()
                .filter_map(|line| line.strip_prefix("! "))
                .filter(|line| *line != "done")
        };
        for complaint in complaints() {
            eprintln!("  the guest says: {complaint}");
        }
        let held = complaints().next().is_none();
        let Some(before) = before else {
            self.score.refused += u64::from(!held);
            return held;
        };
        match before.room.judgement(boot) {
            Some(verdict) => {
                self.score.add(&verdict, before.judged);
                self.score.refused += u64::from(!held);
                if !quiet {
                    verdict
                        .examples
                        .iter()
                        .for_each(|example| eprintln!("  directory {}: {example}", before.seed));
                }
                held && verdict.holds()
            }
            None => {
                self.score.refuse(before.acknowledged());
                eprintln!("  directory {} was not verified", before.seed);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(lines: &[&str]) -> Boot {
        Boot { lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn answers_go_into_the_history_and_the_verdict_into_the_score() {
        let mut directory = Directory::new(Room::Journal, 7);
        let said = boot(&["C 0 0 3 00ff", "{\"acknowledged\":3}", "R 1 4 8", "A 0 1"]);
        let mut story = Story::default();
        assert!(story.judge(&said, Some(&directory), false));
        assert!(story.score.holds());
        directory.note(&said, true, Room::Journal.judged(&said));
        assert_eq!(directory.history, "C 0 0 3 00ff\nR 1 4 8\nA 0 1\n");
        assert_eq!(directory.judged, 3);
    }

    #[test]
    fn what_a_queue_said_is_judged_by_its_own_verdict() {
        let mut directory = Directory::new(Room::Queue, 7);
        let lines = ["{\"pushes\":3,\"completions\":2,\"came_back\":1}", "R 1 0", "A 1.0.0.1", "H 1.0.0.1 1 9", "C 1"];
        let said = boot(&lines);
        let mut story = Story::default();
        assert!(!story.judge(&said, Some(&directory), true));
        directory.note(&said, true, Room::Queue.judged(&said));
        assert_eq!(directory.history, "R 1 0\nA 1.0.0.1\nH 1.0.0.1 1 9\n");
        assert_eq!(directory.judged, 5);
    }

    #[test]
    fn the_census_of_another_directory_is_not_noted() {
        let mut directory = Directory::new(Room::Journal, 7);
        directory.note(&boot(&["C 0 0 3 00ff", "R 0 4 8"]), false, None);
        assert_eq!(directory.history, "R 0 4 8\n");
    }

    #[test]
    fn a_directory_that_nobody_verified_is_a_broken_promise() {
        let mut story = Story::default();
        let mut directory = Directory::new(Room::Journal, 7);
        directory.note(&boot(&["R 0 4 8", "A 0 0", "B 0 1", "A 1 0"]), false, None);
        assert!(!story.judge(&boot(&["! verify ended with 3"]), Some(&directory), false));
        assert_eq!((story.score.refused, story.score.lost()), (1, 2));
        assert!(!story.score.holds());
    }
}
