//! The simulation finds what is wrong, finds nothing else, and tells the same story twice.

use std::process::Command;

/// Runs `torture sim` and returns its exit code and what it printed.
fn sim(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torture"));
    let output = command.arg("sim").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn trace(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("{\"trace\":\""))
}

#[test]
fn every_planted_bug_is_caught() {
    let (code, text) = sim(&["--planted-all", "--seed", "1"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("NOT CAUGHT") && text.contains("SkipSync"), "{text}");
}

#[test]
fn a_bug_that_is_not_caught_fails_the_run() {
    let (code, text) = sim(&["--planted-all", "--seed", "1", "--images", "1"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT CAUGHT"), "{text}");
}

#[test]
fn one_seed_tells_one_history_in_two_processes_and_another_seed_another() {
    let run = |seed| sim(&["--images", "15000", "--seed", seed, "--json"]);
    let (first, second, other) = (run("11"), run("11"), run("12"));
    assert_eq!((first.0, other.0), (Some(0), Some(0)), "{} {}", first.1, other.1);
    assert!(trace(&first.1).is_some());
    assert_eq!(trace(&first.1), trace(&second.1));
    assert_ne!(trace(&first.1), trace(&other.1));
}

#[test]
fn a_violation_says_how_to_see_it_again() {
    let (code, text) = sim(&["--planted", "SkipSync", "--seed", "3"]);
    assert_eq!(code, Some(1), "{text}");
    let (_, command) = text.lines().find_map(|line| line.split_once("replay with: torture sim ")).unwrap();
    let (code, again) = sim(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(code, Some(1), "{again}");
    let what = |text: &str| text.lines().find(|line| line.contains("crash after")).map(str::to_owned);
    assert_eq!(what(&again), what(&text));
}
