//! `queue work`: commands in numbers, killed, stopped and left behind.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::support::{Place, wait_until};

fn start(place: &Place, options: &[&str], command: &str) -> Child {
    let mut worker = place.command(["queue", "work", "--exec", command]);
    worker.args(options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|text| !text.contains(") Z "))
}

#[test]
fn as_many_commands_run_at_once_as_are_asked_for() {
    let place = Place::new();
    place.run_with(["queue", "push", "--lines"], b"1\n2\n3\n4\n");
    let all = place.path("all");
    fs::create_dir(&all).unwrap();
    // Each ends only once three have begun.
    let command =
        format!("mkdir {0}/$SYNCLINE_ITEM_ID; while [ $(ls {0} | wc -l) -lt 3 ]; do sleep 0.02; done", all.display());
    let ended = place.run(["queue", "work", "--until-empty", "--concurrency", "3", "--exec", &command]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(fs::read_dir(all).unwrap().count(), 4);
}

#[test]
fn a_command_that_runs_too_long_is_killed_with_all_that_it_started() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a", "--max-attempts", "1"]);
    let child = place.path("child");
    let command = format!("sleep 300 & echo $! > {}; wait", child.display());
    place.run(["queue", "work", "--once", "--deadline", "1s", "--exec", &command]);
    let dead = place.run(["queue", "dead"]);
    assert!(dead.text().contains("killed after its deadline of 1 s"), "{dead:?}");
    let pid = fs::read_to_string(child).unwrap();
    wait_until("its child is gone", || !is_alive(pid.trim()));
}

// What a command left behind held its standard error open, and the worker waited for ever.
#[test]
fn a_command_that_leaves_something_behind_has_ended_all_the_same() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let child = place.path("child");
    let command = format!("sleep 300 > /dev/null & echo $! > {}", child.display());
    assert_eq!(place.run_with(["queue", "work", "--once", "--exec", &command], b"").status, Some(0));
    place.run(["queue", "inspect", "a"]).check_refused(3, &["there is no item"]);
    let pid = fs::read_to_string(child).unwrap();
    assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
}

#[test]
fn a_batch_is_one_command_and_its_status_is_that_of_all() {
    let place = Place::new();
    place.run_with(["queue", "push", "--lines"], b"1\n2\n3\n4\n5\n");
    let seen = place.path("seen");
    let command = format!("echo $SYNCLINE_COUNT >> {0}; grep -c content >> {0}", seen.display());
    place.run(["queue", "work", "--drain", "--batch", "3", "--exec", &command]);
    assert_eq!(fs::read_to_string(seen).unwrap(), "3\n3\n2\n2\n");
    assert_eq!(place.json(["queue", "stats"])["current_size"], 0);
}

#[test]
fn until_empty_waits_for_what_is_to_be_tried_again() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let ended = place.run(["queue", "work", "--until-empty", "--exec", "[ $SYNCLINE_ATTEMPT -eq 2 ]"]);
    assert_eq!(ended.status, Some(0));
    assert_eq!(place.json(["queue", "stats"])["current_size"], 0);
    assert_eq!(place.run(["queue", "dead"]).text(), "");
}

#[test]
fn the_first_signal_lets_the_command_end_and_takes_no_more() {
    for name in ["INT", "TERM"] {
        let place = Place::new();
        place.run_with(["queue", "push", "--lines"], b"1\n2\n");
        let (begun, go) = (place.path("begun"), place.path("go"));
        let command = format!("touch {}; while [ ! -e {} ]; do sleep 0.02; done", begun.display(), go.display());
        let mut worker = start(&place, &[], &command);
        wait_until("it has begun", || begun.exists());
        signal(&worker, name);
        fs::write(&go, "").unwrap();
        assert_eq!(worker.wait().unwrap().code(), Some(130));
        assert_eq!(place.json(["queue", "stats"])["current_size"], 1);
    }
}

#[test]
fn the_second_signal_kills_and_gives_back_without_counting_the_attempt() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let child = place.path("child");
    let command = format!("sleep 300 & echo $! > {}; wait", child.display());
    let mut worker = start(&place, &[], &command);
    wait_until("it has begun", || fs::read(&child).is_ok_and(|pid| !pid.is_empty()));
    signal(&worker, "INT");
    // The first one has to be heard as one.
    wait_until("it has ended", || {
        signal(&worker, "TERM");
        worker.try_wait().unwrap().is_some_and(|status| status.code() == Some(130))
    });
    let pid = fs::read_to_string(child).unwrap();
    wait_until("its child is gone", || !is_alive(pid.trim()));
    let item = place.json(["queue", "inspect", "a"]);
    assert_eq!((&item["status"], &item["attempts"]), (&"pending".into(), &0.into()));
}

#[test]
fn items_of_a_worker_killed_behind_the_owner_come_back_when_their_leases_end() {
    let place = Place::new();
    let mut owner = place.command(["queue", "--queue", "other", "work", "--exec", "true"]).spawn().unwrap();
    place.wait_for_owner();
    place.run(["queue", "push", "x", "--id", "a"]);
    let begun = place.path("begun");
    let mut worker = start(&place, &["--lease", "2s"], &format!("touch {}; exec sleep 5", begun.display()));
    wait_until("it has begun", || begun.exists());
    worker.kill().unwrap();
    worker.wait().unwrap();
    let attempt = place.path("attempt");
    let command = format!("echo $SYNCLINE_ATTEMPT > {}", attempt.display());
    assert_eq!(place.run(["queue", "work", "--once", "--exec", &command]).status, Some(0));
    assert_eq!(fs::read(attempt).unwrap(), b"2\n");
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
fn a_lease_outlasts_its_length_while_the_command_runs() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let seen = place.path("seen");
    let command = format!("echo $SYNCLINE_ATTEMPT >> {}; sleep 3", seen.display());
    place.run(["queue", "work", "--until-empty", "--concurrency", "2", "--lease", "1s", "--exec", &command]);
    assert_eq!(fs::read(seen).unwrap(), b"1\n");
}

#[test]
fn when_the_owner_is_killed_those_who_wait_go_on() {
    let place = Place::new();
    let mut owner = place.command(["queue", "--queue", "other", "work", "--exec", "true"]).spawn().unwrap();
    place.wait_for_owner();
    let done = place.path("done");
    let mut worker = start(&place, &[], &format!("cat >> {}", done.display()));
    place.run(["queue", "push", "1"]);
    wait_until("it works", || fs::read(&done).is_ok_and(|bytes| bytes == b"1"));
    wait_until("it is settled", || place.json(["queue", "stats"])["current_size"] == 0);
    owner.kill().unwrap();
    owner.wait().unwrap();
    place.run(["queue", "push", "2"]);
    wait_until("it goes on", || fs::read(&done).is_ok_and(|bytes| bytes == b"12"));
    signal(&worker, "TERM");
    assert_eq!(worker.wait().unwrap().code(), Some(130));
    assert_eq!(place.json(["queue", "stats"])["current_size"], 0);
}

// Items that a worker took through a command that was about to end ran twice: their leases ended with it.
#[test]
fn a_worker_takes_nothing_through_a_command_that_will_end() {
    let place = Place::new();
    let holder = place.holder();
    place.wait_for_owner();
    place.run(["queue", "push", "x", "--id", "a"]);
    let done = place.path("done");
    let mut worker = start(&place, &[], &format!("echo $SYNCLINE_ATTEMPT >> {}", done.display()));
    assert_eq!(place.json(["queue", "inspect", "a"])["attempts"], 0);
    assert_eq!(holder.end().status, Some(0));
    wait_until("it is done", || fs::read(&done).is_ok_and(|bytes| bytes == b"1\n"));
    signal(&worker, "TERM");
    assert_eq!(worker.wait().unwrap().code(), Some(130));
}
