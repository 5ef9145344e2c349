//! Two processes and one directory.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Place, lines};

#[test]
fn every_command_works_while_an_import_runs() {
    let place = Place::new();
    let mut holder = place.holder();
    place.wait_for_owner();
    holder.feed(&lines(0, 500));
    place.wait_for("item.000499");
    let socket = std::fs::metadata(place.data().join("control.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);

    assert_eq!(place.run(["get", "item.000007"]).stdout, b"{\"n\":7}");
    assert_eq!(place.run(["get", "nothing"]).status, Some(3));
    assert_eq!(place.run_with(["put", "mine", "-"], b"\x00\n").status, Some(0));
    assert_eq!(place.run(["get", "mine"]).stdout, b"\x00\n");
    assert_eq!(place.run(["delete", "mine"]).status, Some(0));
    assert_eq!(place.run(["delete", "mine"]).status, Some(3));
    assert_eq!(place.run(["scan", "item.", "--keys"]).text().lines().count(), 500);
    assert_eq!(place.run(["export"]).text(), lines(0, 500));
    assert_eq!(place.json(["stats"])["engine_state"], "Running");
    let verified = place.json(["verify"]);
    assert!(verified["items"] == 500 && verified["frames"].as_u64() > Some(0), "{verified}");
    let doctor = place.json(["doctor"]);
    assert_eq!(doctor["held_by_process"], holder.pid());
    let copy = place.path("copy");
    assert_eq!(place.json(["backup", copy.to_str().unwrap()])["items"], 500);
    let second = place.run_with(["--json", "import", "-"], lines(400, 600).as_bytes()).json();
    assert_eq!((&second["unchanged"], &second["accepted"]), (&100.into(), &100.into()));

    let summary = holder.end().json();
    assert_eq!(summary["accepted"], 500);
    assert_eq!(place.json(["stats"])["items"], 600);
    assert!(!place.data().join("control.sock").exists(), "the socket goes with its owner");
}

#[test]
fn an_error_comes_through_as_it_is() {
    let place = Place::new();
    let holder = place.holder();
    place.wait_for_owner();
    let refused = place.run_with(["put", "c", "-", "--type", "json"], b"no json");
    refused.check_refused(1, &["content of \"c\" is not one JSON value"]);
    let control = place.run_with(["put", "a\u{7}", "-"], b"1");
    control.check_refused(1, &["key holds the control character"]);
    assert_eq!(holder.end().status, Some(0));
}

#[test]
fn exclusive_refuses_to_go_through_an_owner() {
    let place = Place::new();
    let holder = place.holder();
    place.wait_for_owner();
    let pid = holder.pid().to_string();
    place
        .run(["--exclusive", "stats"])
        .check_refused(1, &["is held by process", &pid, "--exclusive"]);
    assert_eq!(holder.end().status, Some(0));
    assert_eq!(place.run(["--exclusive", "stats"]).status, Some(0));
}

#[test]
fn when_the_owner_ends_the_next_process_goes_on_by_itself() {
    let place = Place::new();
    let mut first = place.holder();
    place.wait_for_owner();
    let mut second = place.holder();
    second.feed(&lines(0, 300));
    place.wait_for("item.000299");
    first.feed(&lines(300, 400));
    assert_eq!(first.end().json()["accepted"], 100);
    second.feed(&lines(400, 700));
    place.wait_for("item.000699");
    let summary = second.end();
    assert_eq!((summary.status, &summary.json()["accepted"]), (Some(0), &600.into()), "{summary:?}");
    assert_eq!(place.json(["stats"])["items"], 700);
}

#[test]
fn when_the_owner_is_killed_the_next_process_goes_on_by_itself() {
    let place = Place::new();
    let mut first = place.holder();
    place.wait_for_owner();
    let mut second = place.holder();
    second.feed(&lines(0, 300));
    place.wait_for("item.000299");
    first.feed(&lines(300, 400));
    place.wait_for("item.000399");
    first.signal("KILL");
    first.end_input();
    assert_eq!(first.wait().status, None);
    second.feed(&lines(400, 700));
    let summary = second.end();
    assert_eq!((summary.status, &summary.json()["accepted"]), (Some(0), &600.into()), "{summary:?}");
    assert_eq!(place.json(["stats"])["items"], 700);
    assert_eq!(place.json(["verify"])["items"], 700);
}

#[test]
fn a_holder_that_does_not_answer_is_named_in_one_sentence() {
    let place = Place::new();
    let mut holder = place.holder();
    place.wait_for_owner();
    holder.feed(&lines(0, 1));
    place.wait_for("item.000000");
    holder.signal("STOP");
    let refused = place.run(["--timeout", "0.5", "get", "item.000000"]);
    holder.signal("CONT");
    refused.check_refused(1, &["is held by", "did not answer for 0.5 s", "wait, or end it"]);
    assert_eq!(holder.end().status, Some(0));
    assert_eq!(place.run(["get", "item.000000"]).status, Some(0));
}

#[test]
fn a_socket_that_a_killed_owner_left_is_replaced() {
    let place = Place::new();
    let mut holder = place.holder();
    place.wait_for_owner();
    holder.feed(&lines(0, 10));
    place.wait_for("item.000009");
    holder.signal("KILL");
    holder.wait();
    assert!(place.data().join("control.sock").exists());
    assert_eq!(place.run(["get", "item.000009"]).stdout, b"{\"n\":9}");
    assert!(!place.data().join("control.sock").exists());
}

#[test]
fn a_directory_with_a_long_path_is_shared_too() {
    let place = Place::at(format!("{}/{}", "d".repeat(90), "e".repeat(90)));
    let mut holder = place.holder();
    place.wait_for_owner();
    holder.feed(&lines(0, 10));
    place.wait_for("item.000009");
    assert_eq!(place.json(["doctor"])["held_by_process"], holder.pid());
    assert_eq!(holder.end().status, Some(0));
}
