//! `queue list`, `dead`, `redrive`, `purge` and `export`: looking at what is there, and choosing from it.

use std::{fs, process::Stdio};

use crate::support::{Place, wait_until};

fn ids(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect()
}

#[test]
fn items_are_listed_by_where_they_stand() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "low", "--priority", "low"]);
    place.run(["queue", "push", "x", "--id", "high", "--priority", "high", "--partition", "p"]);
    place.run(["queue", "push", "x", "--id", "later", "--delay", "1h"]);
    assert_eq!(ids(place.run(["queue", "list", "--state", "pending"]).text()), ["high", "low"]);
    assert_eq!(
        place.run(["queue", "list", "--state", "pending"]).text().lines().next(),
        Some("high\tpending\thigh\t0 of 5 attempts")
    );
    assert_eq!(ids(place.run(["queue", "list", "--state", "scheduled"]).text()), ["later"]);
    assert_eq!(place.run(["queue", "list"]).text().lines().count(), 3);
    assert_eq!(ids(place.run(["queue", "list", "--priority", "low"]).text()), ["low"]);
    assert_eq!(ids(place.run(["queue", "list", "--partition", "p"]).text()), ["high"]);
    assert_eq!(place.json(["queue", "list", "--limit", "1"])["id"], "later");
    assert_eq!(place.run(["queue", "list", "--state", "dead"]).text(), "");
}

#[test]
fn a_long_list_comes_whole() {
    let place = Place::new();
    let input: String = (0..1_234).map(|n| format!("{n}\n")).collect();
    place.run_with(["queue", "push", "--lines"], input.as_bytes());
    let listed = place.run(["queue", "list"]);
    let mut all = ids(listed.text());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 1_234);
    assert_eq!(place.run(["queue", "list", "--limit", "700"]).text().lines().count(), 700);
}

#[test]
fn dead_items_are_chosen_by_reason_and_error() {
    let place = Place::new();
    for (id, command) in [("a", "echo no route >&2; exit 1"), ("b", "exit 65"), ("c", "echo no user >&2; exit 1")] {
        place.run(["queue", "push", "x", "--id", id, "--max-attempts", "1"]);
        place.run(["queue", "work", "--once", "--exec", command]);
    }
    assert_eq!(ids(place.run(["queue", "dead"]).text()), ["a", "b", "c"]);
    assert_eq!(ids(place.run(["queue", "dead", "--reason", "rejected"]).text()), ["b"]);
    assert_eq!(ids(place.run(["queue", "dead", "--error", "no route"]).text()), ["a"]);
    assert_eq!(place.run(["queue", "dead", "--min-age", "1h"]).text(), "");
    assert_eq!(place.json(["queue", "dead", "--error", "no user"])["dead"], "exhausted");
    place.run(["queue", "purge"]).check_refused(2, &["or give --all"]);
    assert_eq!(place.run(["queue", "purge", "--reason", "rejected"]).text(), "purged: 1\n");
    assert_eq!(place.run(["queue", "redrive", "--error", "no user"]).text(), "redriven: 1\n");
    assert_eq!(ids(place.run(["queue", "dead"]).text()), ["a"]);
    assert_eq!(ids(place.run(["queue", "list"]).text()), ["c"]);
}

#[test]
fn many_dead_items_are_redriven_at_a_rate() {
    let place = Place::new();
    let input: String = (0..250).map(|n| format!("{n}\n")).collect();
    place.run_with(["queue", "push", "--lines", "--max-attempts", "1"], input.as_bytes());
    place.run(["queue", "work", "--drain", "--batch", "250", "--exec", "exit 1"]);
    assert_eq!(place.run(["queue", "redrive", "--rate", "2000"]).text(), "redriven: 250\n");
    assert_eq!(place.run(["queue", "dead"]).text(), "");
    assert_eq!(place.run(["queue", "list", "--state", "pending"]).text().lines().count(), 250);
}

#[test]
fn an_export_is_pushed_again_with_every_byte_and_setting() {
    let place = Place::new();
    let file = place.file("bytes", b"\xff\x00 \n");
    place.run(["queue", "push", "{\"n\":1}", "--id", "json", "--priority", "high", "--max-attempts", "7"]);
    place.run(["queue", "push", "{\"n\" : 1}", "--id", "text", "--partition", "p", "--dedup-key", "k"]);
    place.run(["queue", "push", "--file", file.to_str().unwrap(), "--id", "bytes", "--delay", "1h"]);
    place.run(["queue", "push", "x", "--id", "dead", "--priority", "critical", "--max-attempts", "1"]);
    place.run(["queue", "work", "--once", "--exec", "exit 1"]);
    let first = place.run(["queue", "export"]);
    assert_eq!((first.status, first.text().lines().count()), (Some(0), 4), "{first:?}");
    assert!(
        first.stderr.contains("exported 3 items that live and 1 that are dead; 0 ended meanwhile"),
        "{}",
        first.stderr
    );

    let out = place.path("out.ndjson");
    fs::write(&out, "old").unwrap();
    let live = place.run(["queue", "export", "--only", "live", "--out", out.to_str().unwrap()]);
    assert_eq!((live.status, live.stdout.len()), (Some(0), 0), "{live:?}");
    let lines = fs::read(&out).unwrap();
    assert!(
        !fs::read_dir(place.path(""))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().contains("unfinished") })
    );
    let copy = Place::new();
    assert_eq!(copy.run_with(["queue", "push", "--records"], &lines).text(), "pushed 3 items\n");
    for id in ["json", "text", "bytes"] {
        let (mut was, mut is) = (place.json(["queue", "inspect", id]), copy.json(["queue", "inspect", id]));
        for item in [&mut was, &mut is] {
            item.as_object_mut().unwrap().remove("created_at_ms");
        }
        assert_eq!(was, is);
    }
    let again = copy.run_with(["queue", "push", "--records"], &first.stdout);
    assert_eq!(again.text(), "pushed 1 item, 3 there already\n");
    assert_eq!(copy.json(["queue", "inspect", "dead"])["attempts"], 0);
}

#[test]
fn an_export_beside_a_worker_has_each_item_once() {
    let place = Place::new();
    let input: String = (0..300).map(|n| format!("{n}\n")).collect();
    place.run_with(["queue", "push", "--lines", "--delay", "1h"], input.as_bytes());
    place.run_with(["queue", "push", "--lines"], input.as_bytes());
    let mut worker = place.command(["queue", "work", "--exec", "exit 1"]);
    let mut worker = worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it works", || place.json(["queue", "stats"])["total_retried"].as_u64() > Some(3));
    let exported = place.run(["--json", "queue", "export"]);
    worker.kill().unwrap();
    worker.wait().unwrap();
    let lines: Vec<serde_json::Value> =
        exported.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), lines.len(), "one came twice");
    // Those that stood still are all there.
    let is_late = |line: &&serde_json::Value| {
        let at = |name: &str| line[name].as_u64().unwrap_or_default();
        at("due_at_ms") > at("created_at_ms") + 1_800_000
    };
    assert_eq!(lines.iter().filter(is_late).count(), 300, "{}", exported.stderr);
}

#[test]
fn settings_of_queues_come_from_the_file_of_the_directory() {
    let place = Place::new();
    place.run(["queue", "push", "x", "--id", "a"]);
    let settings = "[queue]\nmax_capacity = 2\nbatch_size = 2\nbase_retry_delay = \"1h\"\ndead_letter_ttl = \"1ms\"\n";
    fs::write(place.data().join("syncline.toml"), settings).unwrap();
    place.run(["queue", "push", "x", "--id", "b", "--max-attempts", "1"]);
    place.run(["queue", "push", "x", "--id", "c"]).check_refused(1, &["2"]);
    place.run(["queue", "work", "--once", "--exec", "exit 1"]);
    // Its delay is an hour at most, and above a second.
    let retried = place.json(["queue", "inspect", "a"]);
    assert_eq!(retried["status"], "scheduled", "{retried}");
    place.run(["queue", "work", "--once", "--exec", "exit 1"]);
    place.run(["queue", "push", "x", "--id", "d"]);
    assert_eq!(place.run(["queue", "work", "--once", "--exec", "true"]).status, Some(0));
    assert_eq!(place.run(["queue", "dead"]).text(), "", "its time was over");
    fs::write(place.data().join("syncline.toml"), "[queue]\nmax_capacity = 0").unwrap();
    place
        .run(["queue", "stats"])
        .check_refused(2, &["syncline.toml", "queue.max_capacity is 0: it must be above 0"]);
    fs::write(place.data().join("syncline.toml"), "[queue]\nenable_encryption = true").unwrap();
    place
        .run(["queue", "stats"])
        .check_refused(2, &["queue.enable_encryption is no setting here"]);
}
