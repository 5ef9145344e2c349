//! `queue pop`, `complete` and `fail`: leases that outlast a command.

use std::process::Child;

use serde_json::Value;

use crate::{
    queue::worker,
    support::{Ended, Place, wait_until},
};

/// A place whose directory is held by a worker on another queue, until that is dropped.
struct Kept {
    place: Place,
    keeper: Child,
}

impl Kept {
    fn new() -> Self {
        let place = Place::new();
        let keeper = place.command(["queue", "--queue", "other", "work", "--exec", "true"]).spawn().unwrap();
        place.wait_for_owner();
        Self { place, keeper }
    }

    fn end(mut self) -> Place {
        self.keeper.kill().unwrap();
        self.keeper.wait().unwrap();
        let place = Place::new();
        std::mem::replace(&mut self.place, place)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended before.
        let _ended = self.keeper.kill();
        let _reaped = self.keeper.wait();
    }
}

fn head(popped: &Ended) -> Vec<String> {
    let line = popped.text().lines().next().unwrap_or_default();
    line.split('\t').map(str::to_owned).collect()
}

#[test]
fn what_one_command_pops_another_completes() {
    let kept = Kept::new();
    let place = &kept.place;
    place.run(["queue", "push", "one\ntwo", "--id", "a"]);
    let popped = place.run(["queue", "pop"]);
    let head = head(&popped);
    assert_eq!(
        (head[0].as_str(), head[2].as_str(), popped.stdout.ends_with(b"\none\ntwo")),
        ("a", "1", true),
        "{popped:?}"
    );
    place
        .run(["queue", "pop"])
        .check_refused(3, &["nothing is ready in the queue \"default\""]);
    assert_eq!(place.json(["queue", "inspect", "a"])["status"], "processing");
    assert_eq!(place.run(["queue", "complete", "a", "--token", &head[1]]).text(), "a\tcompleted\n");
    place
        .run(["queue", "complete", "a", "--token", &head[1]])
        .check_refused(3, &["there is no item \"a\""]);
}

#[test]
fn an_item_that_failed_is_scheduled_or_dead() {
    let kept = Kept::new();
    let place = &kept.place;
    for (id, attempts) in [("again", "2"), ("last", "1"), ("rejected", "9")] {
        place.run(["queue", "push", "x", "--id", id, "--max-attempts", attempts]);
        place.run(["queue", "pop"]);
    }
    assert_eq!(place.run(["queue", "fail", "again", "--error", "no route"]).text(), "again\tscheduled\n");
    assert_eq!(place.run(["queue", "fail", "last"]).text(), "last\tdead\n");
    assert_eq!(place.json(["queue", "fail", "rejected", "--reject", "--error", "no"])["status"], "dead");
    assert_eq!(place.json(["queue", "inspect", "again"])["errors"][0], "no route");
    assert_eq!(place.run(["queue", "dead"]).text().lines().count(), 2);
    place.run(["queue", "push", "x", "--id", "later"]);
    place.run(["queue", "pop"]);
    assert_eq!(place.run(["queue", "fail", "later", "--delay", "1h"]).text(), "later\tscheduled\n");
    let item = place.json(["queue", "inspect", "later"]);
    assert!(item["due_at_ms"].as_u64() > item["created_at_ms"].as_u64().map(|at| at + 3_500_000), "{item}");
    place.run(["queue", "fail", "nobody"]).check_refused(3, &["there is no item"]);
}

#[test]
fn a_lease_that_ended_settles_nothing() {
    let kept = Kept::new();
    let place = &kept.place;
    place.run(["queue", "push", "x", "--id", "a"]);
    let first = head(&place.run(["queue", "pop", "--lease", "1s"]));
    let second = head(&place.run(["queue", "pop", "--wait", "20s"]));
    assert_eq!(second[2], "2");
    for command in ["complete", "fail"] {
        place
            .run(["queue", command, "a", "--token", &first[1]])
            .check_refused(4, &["the lease on \"a\" has ended"]);
    }
    assert_eq!(place.run(["queue", "complete", "a", "--token", &second[1]]).status, Some(0));
}

#[test]
fn a_lease_ends_with_the_process_that_holds_the_directory() {
    let kept = Kept::new();
    kept.place.run(["queue", "push", "x", "--id", "a"]);
    let head = head(&kept.place.run(["queue", "pop"]));
    let place = kept.end();
    place
        .run(["queue", "complete", "a", "--token", &head[1]])
        .check_refused(4, &["lease on \"a\" has ended"]);
    place.run(["queue", "complete", "a"]).check_refused(4, &["nobody has the item \"a\""]);
    assert_eq!(place.json(["queue", "inspect", "a"])["status"], "pending");
}

#[test]
fn without_a_process_that_stays_nothing_is_popped() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let said = ["no process holds", "queue watch", "nothing was taken"];
    place.run(["queue", "pop"]).check_refused(1, &said);
    // An import holds it, and lets go of it when its input ends.
    let holder = place.holder();
    place.wait_for_owner();
    place.run(["queue", "pop"]).check_refused(1, &said);
    assert_eq!(place.json(["queue", "inspect", "a"])["attempts"], 0);
    assert_eq!(holder.end().status, Some(0));
}

#[test]
fn many_items_come_as_lines_that_hold_every_byte() {
    let kept = Kept::new();
    let place = &kept.place;
    let file = place.file("bytes", b"\xff\x00");
    place.run(["queue", "push", "{\"n\":1}", "--id", "json"]);
    place.run(["queue", "push", "{\"n\" : 1}", "--id", "text"]);
    place.run(["queue", "push", "--file", file.to_str().unwrap(), "--id", "bytes"]);
    place.run(["queue", "pop", "--count", "3"]).check_refused(2, &["give --json"]);
    let popped = place.run(["--json", "queue", "pop", "--count", "5"]);
    let lines: Vec<Value> = popped.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["content"]["n"], &lines[0]["attempt"]), (&1.into(), &1.into()));
    assert_eq!((&lines[1]["content_text"], &lines[2]["content_base64"]), (&"{\"n\" : 1}".into(), &"/wA=".into()));
}

// Who was killed while it waited took the next item with it, until the lease ended.
#[test]
fn an_item_popped_for_a_process_that_is_gone_is_given_back() {
    let kept = Kept::new();
    let place = &kept.place;
    for n in 0..3 {
        place.run(["queue", "push", "x", "--id", "warm"]);
        let mut waiting = worker(place, "true");
        wait_until("it waits for more", || place.run(["queue", "inspect", "warm"]).status == Some(3));
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        let id = format!("item.{n}");
        place.run(["queue", "push", "x", "--id", &id]);
        assert_eq!(head(&place.run(["queue", "pop", "--wait", "20s"]))[0], id);
    }
}
