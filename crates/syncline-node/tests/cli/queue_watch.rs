//! `queue watch`: events as lines.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::support::Place;

struct Watcher {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watcher {
    fn start(place: &Place) -> Self {
        let mut command = place.command(["--json", "queue", "watch"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut watcher = Self { child, lines };
        assert_eq!(watcher.next().unwrap()["event"], "watching");
        watcher
    }

    /// The next event; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn keeper(place: &Place) -> Child {
    let keeper = place.command(["queue", "--queue", "other", "work", "--exec", "true"]).spawn().unwrap();
    place.wait_for_owner();
    keeper
}

/// What it has seen of one item's life.
fn life(watcher: &mut Watcher, id: &str) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let event = watcher.next().unwrap();
        if event["id"] == id {
            seen.push(event["event"].as_str().unwrap().to_owned());
        }
        if matches!(seen.last().map(String::as_str), Some("completed" | "dead")) {
            return seen;
        }
    }
}

#[test]
fn what_happens_is_told_as_lines_whoever_holds_the_directory() {
    for has_owner in [false, true] {
        let place = Place::new();
        let owner = has_owner.then(|| keeper(&place));
        let mut watcher = Watcher::start(&place);
        place.run(["queue", "push", "x", "--id", "a"]);
        place.run(["queue", "work", "--once", "--exec", "true"]);
        assert_eq!(life(&mut watcher, "a"), ["pushed", "claimed", "completed"]);
        place.run(["queue", "push", "x", "--id", "b", "--max-attempts", "1"]);
        place.run(["queue", "work", "--once", "--exec", "false"]);
        assert_eq!(life(&mut watcher, "b"), ["pushed", "claimed", "dead"]);
        watcher.signal("TERM");
        assert!(watcher.next().is_none());
        assert_eq!(watcher.child.wait().unwrap().code(), Some(130));
        if let Some(mut owner) = owner {
            owner.kill().unwrap();
            owner.wait().unwrap();
        }
    }
}

#[test]
fn a_watcher_holds_the_directory_for_leases() {
    let place = Place::new();
    let _watcher = Watcher::start(&place);
    place.run(["queue", "push", "x", "--id", "a"]);
    assert!(place.run(["queue", "pop"]).text().starts_with("a\t"));
    assert_eq!(place.run(["queue", "complete", "a"]).status, Some(0));
}

#[test]
fn a_watcher_ends_with_the_process_that_it_watches() {
    for name in ["KILL", "TERM"] {
        let place = Place::new();
        let mut owner = keeper(&place);
        let mut watcher = Watcher::start(&place);
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &owner.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert!(watcher.next().is_none());
        assert_eq!(watcher.child.wait().unwrap().code(), Some(0));
        owner.wait().unwrap();
    }
}

#[test]
fn a_watcher_that_is_too_slow_is_told_how_much_it_missed() {
    let place = Place::new();
    let mut owner = keeper(&place);
    let mut watcher = Watcher::start(&place);
    watcher.signal("STOP");
    let input: String = (0..9_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(place.run_with(["queue", "push", "--lines"], input.as_bytes()).status, Some(0));
    watcher.signal("CONT");
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < 9_000 {
        let event = watcher.next().unwrap();
        match event["event"].as_str() {
            Some("pushed") => seen += 1,
            Some("missed") => missed += event["events"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert!(seen + missed == 9_000 && missed > 0, "{seen} seen, {missed} missed");
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
fn so_many_watch_and_no_more() {
    let place = Place::new();
    let mut owner = keeper(&place);
    let watchers: Vec<Watcher> = (0..8).map(|_| Watcher::start(&place)).collect();
    place.run(["queue", "watch"]).check_refused(1, &["8 processes watch already"]);
    drop(watchers);
    owner.kill().unwrap();
    owner.wait().unwrap();
}
