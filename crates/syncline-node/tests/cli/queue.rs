//! Queues through the real binary.

use std::process::{Child, Stdio};

use crate::support::{Place, wait_until};

pub(crate) fn worker(place: &Place, command: &str) -> Child {
    let mut worker = place.command(["queue", "work", "--exec", command]);
    worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn what_is_pushed_is_worked_on_byte_for_byte_and_once() {
    let place = Place::new();
    let file = place.file("bytes", b"\xff\x00 \n");
    assert_eq!(place.run(["queue", "push", "--id", "a", "{\"n\" : 1}"]).text(), "a\n");
    place.run(["queue", "push", "--id", "b", "--priority", "high", "--file", file.to_str().unwrap()]);
    place
        .run(["queue", "push", "again", "--id", "a"])
        .check_refused(1, &["\"a\" is there already"]);
    let seen = place.path("seen");
    let command = format!("cat >> {0}; echo \" $SYNCLINE_ITEM_ID $SYNCLINE_ATTEMPT\" >> {0}", seen.display());
    assert_eq!(place.run(["queue", "work", "--drain", "--exec", &command]).status, Some(0));
    assert_eq!(std::fs::read(seen).unwrap(), b"\xff\x00 \n b 1\n{\"n\" : 1} a 1\n");
    place.run(["queue", "inspect", "a"]).check_refused(3, &["there is no item \"a\""]);
    assert_eq!(place.json(["queue", "stats"])["current_size"], 0);
}

#[test]
fn a_command_that_fails_is_tried_again_and_then_dead_until_it_is_redriven() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "tried", "--max-attempts", "1"]);
    place.run(["queue", "push", "x", "--id", "rejected", "--max-attempts", "9"]);
    place.run(["queue", "work", "--once", "--exec", "echo broken >&2; exit 1"]);
    place.run(["queue", "work", "--once", "--exec", "exit 65"]);
    let dead = place.run(["queue", "dead"]);
    assert_eq!(dead.text(), "tried\t1 attempts\tstatus 1: broken\nrejected\t1 attempts\tstatus 65\n");
    place
        .run(["queue", "redrive", "nobody"])
        .check_refused(3, &["1 of the 1 named are no dead items"]);
    assert_eq!(place.json(["queue", "redrive", "tried"])["redriven"], 1);
    assert_eq!(place.run(["queue", "purge", "--all"]).text(), "purged: 1\n");
    assert_eq!(place.run(["queue", "work", "--once", "--exec", "true"]).status, Some(0));
    assert_eq!(place.run(["queue", "dead"]).text(), "");
    assert_eq!(place.json(["queue", "stats"])["current_size"], 0);
}

#[test]
fn a_worker_in_one_terminal_does_what_is_pushed_in_another() {
    let place = Place::new();
    let done = place.path("done");
    let mut worker = worker(&place, &format!("cat > {}", done.display()));
    place.wait_for_owner();
    place.run(["queue", "push", "hello"]);
    wait_until("it is done", || std::fs::read(&done).is_ok_and(|bytes| bytes == b"hello"));
    wait_until("it is settled", || place.json(["queue", "stats"])["total_completed"] == 1);
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn an_item_whose_worker_was_killed_runs_again_and_is_counted() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let begun = place.path("begun");
    let mut worker = worker(&place, &format!("touch {}; exec sleep 5", begun.display()));
    wait_until("it has begun", || begun.exists());
    worker.kill().unwrap();
    worker.wait().unwrap();
    let attempt = place.path("attempt");
    let command = format!("echo $SYNCLINE_ATTEMPT > {}", attempt.display());
    assert_eq!(place.run(["queue", "work", "--once", "--exec", &command]).status, Some(0));
    assert_eq!(std::fs::read(attempt).unwrap(), b"2\n");
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let place = Place::new();
    place
        .run(["queue", "--queue", "a/b", "push", "x"])
        .check_refused(2, &["the name of a queue"]);
    let priority = place.run(["queue", "push", "x", "--priority", "urgent"]);
    assert!(priority.status == Some(2) && priority.stderr.contains("critical, high"), "{priority:?}");
}
