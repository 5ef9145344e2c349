//! The simulation of the queue finds what is wrong, finds nothing else, and tells the same story twice.

use std::process::Command;

/// Runs `torture queue-sim` and returns its exit code and what it printed.
fn sim(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torture"));
    let output = command.arg("queue-sim").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn trace(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("{\"trace\":\""))
}

#[test]
fn every_planted_bug_of_the_queue_is_caught() {
    let (code, text) = sim(&["--planted-all", "--seed", "1"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("NOT CAUGHT") && text.contains("LeaseWithoutToken"), "{text}");
}

#[test]
fn one_seed_tells_one_history_of_the_queue_and_another_seed_another() {
    let run = |seed| sim(&["--images", "2000", "--seed", seed, "--json"]);
    let (first, second, other) = (run("11"), run("11"), run("12"));
    assert_eq!((first.0, other.0), (Some(0), Some(0)), "{} {}", first.1, other.1);
    assert!(trace(&first.1).is_some());
    assert_eq!(trace(&first.1), trace(&second.1));
    assert_ne!(trace(&first.1), trace(&other.1));
}
