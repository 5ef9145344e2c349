//! `queue push` in all its forms.

use crate::support::Place;

#[test]
fn each_line_is_an_item_and_a_bad_one_is_named() {
    let place = Place::new();
    let long = "x".repeat(7 * 1_024 * 1_024);
    let input = format!("one\n\n\"two\"\n{long}\n{}\nfive", "y".repeat(4 * 1_024 * 1_024 + 1));
    let pushed = place.run_with(["--json", "queue", "push", "--lines", "--priority", "low"], input.as_bytes());
    assert_eq!(pushed.status, Some(1));
    let summary = pushed.json();
    assert_eq!((&summary["pushed"], &summary["bad"], &summary["duplicates"]), (&3.into(), &2.into(), &0.into()));
    assert!(pushed.stderr.contains("standard input:4: line has 7340032 bytes"), "{}", pushed.stderr);
    assert!(pushed.stderr.contains("standard input:5: content has 4194305 bytes"), "{}", pushed.stderr);
    let seen = place.path("seen");
    let command = format!("cat >> {0}; echo \" $SYNCLINE_PRIORITY\" >> {0}", seen.display());
    place.run(["queue", "work", "--drain", "--exec", &command]);
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "one low\n\"two\" low\nfive low\n");
}

#[test]
fn records_bring_their_ids_and_settings_and_one_bad_line_loses_no_other() {
    let place = Place::new();
    let long = "x".repeat(1_025);
    let input = format!(
        "{{\"id\":\"a\",\"priority\":\"high\",\"max_attempts\":2,\"content\":{{\"n\" : 1}}}}\noops\n\
         {{\"id\":\"{long}\",\"content\":1}}\n{{\"id\":\"b\",\"content_base64\":\"/wA=\"}}\n{{\"id\":\"a\",\"content\":2}}\n"
    );
    let pushed = place.run_with(["queue", "push", "--records"], input.as_bytes());
    assert_eq!(pushed.status, Some(1), "{pushed:?}");
    assert_eq!(pushed.text(), "pushed 2 items, 1 there already, 2 bad lines not pushed\n");
    assert!(pushed.stderr.contains("standard input:2: not a record"), "{}", pushed.stderr);
    assert!(pushed.stderr.contains("standard input:3: invalid item: its id has 1025 bytes"), "{}", pushed.stderr);
    let item = place.json(["queue", "inspect", "a"]);
    assert_eq!((&item["priority"], &item["max_attempts"]), (&1.into(), &2.into()));
}

#[test]
fn what_does_not_fit_is_said_and_what_was_before_it_is_there() {
    let place = Place::new();
    let input: String = (0..10_100).map(|n| format!("{n}\n")).collect();
    let pushed = place.run_with(["queue", "push", "--lines"], input.as_bytes());
    assert_eq!(
        (pushed.status, pushed.text()),
        (Some(1), "pushed 10000 items\n".replace("10000", "10,000").as_str())
    );
    assert!(pushed.stderr.contains("line 10001 and what follows it were not pushed"), "{}", pushed.stderr);
    assert_eq!(place.json(["queue", "stats"])["current_size"], 10_000);
}

#[test]
fn a_key_is_taken_for_its_window_and_an_item_waits_for_its_time() {
    let place = Place::new();
    let keyed = [
        "queue",
        "push",
        "x",
        "--id",
        "a",
        "--dedup-key",
        "k",
        "--dedup-window",
        "1h",
        "--at",
        "2100-01-01T00:00:00Z",
    ];
    assert_eq!(place.run(keyed).status, Some(0));
    place
        .run(["queue", "push", "y", "--dedup-key", "k"])
        .check_refused(1, &["\"a\" is there already"]);
    let item = place.json(["queue", "inspect", "a"]);
    assert_eq!((&item["status"], &item["due_at_ms"]), (&"scheduled".into(), &4_102_444_800_000_u64.into()));
    assert_eq!((&item["dedup_key"], &item["dedup_window_ms"]), (&"k".into(), &3_600_000.into()));
    place.run(["queue", "push", "x", "--id", "b", "--ttl", "0"]);
    assert_eq!(place.run(["queue", "work", "--drain", "--exec", "true"]).status, Some(0));
    assert!(place.run(["queue", "dead"]).text().starts_with("b\t0 attempts"));
}

#[test]
fn items_of_one_partition_go_one_by_one() {
    let place = Place::new();
    for n in ["1", "2", "3"] {
        place.run(["queue", "push", n, "--partition", "p"]);
    }
    let (seen, lock) = (place.path("seen"), place.path("lock"));
    let command = format!("mkdir {1} && cat >> {0} && rmdir {1}", seen.display(), lock.display());
    place.run(["queue", "work", "--until-empty", "--concurrency", "3", "--exec", &command]);
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "123");
    assert_eq!(place.run(["queue", "dead"]).text(), "");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let place = Place::new();
    for arguments in [
        &["queue", "push", "x", "--lines"][..],
        &["queue", "push", "--lines", "--id", "a"],
        &["queue", "push", "--records", "--priority", "low"],
        &["queue", "push", "x", "--delay", "1", "--at", "2100-01-01T00:00:00Z"],
        &["queue", "push", "x", "--dedup-window", "1h"],
        &["queue", "push", "x", "--delay", "soon"],
        &["queue", "push"],
    ] {
        let refused = crate::support::Ended::of(&mut place.command(arguments));
        assert_eq!(refused.status, Some(2), "{arguments:?}: {refused:?}");
    }
    assert!(!place.data().exists());
}
