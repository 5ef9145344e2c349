//! `import` and `export`.

use std::{collections::BTreeMap, fs};

use crate::support::{PACKAGES, Place, lines};

#[test]
fn the_second_import_finds_everything_unchanged_and_writes_nothing() {
    let place = Place::new();
    let first = place.json(["import", PACKAGES]);
    assert_eq!((&first["read"], &first["accepted"], &first["rejected"]), (&2_000.into(), &2_000.into(), &0.into()));
    assert_eq!((&first["archived"], &first["stopped"]), (&true.into(), &serde_json::Value::Null));
    assert!(first["durable_per_second"].as_u64() > Some(0) && first["peak_resident_bytes"].as_u64() > Some(0));
    let before = place.json(["stats"]);
    assert_eq!((&before["items"], &before["pending_items"]), (&2_000.into(), &0.into()));

    let second = place.json(["import", PACKAGES]);
    assert_eq!((&second["unchanged"], &second["accepted"]), (&2_000.into(), &0.into()));
    let after = place.json(["stats"]);
    assert_eq!(before["feed_head"], after["feed_head"], "the archive was written");
    assert_eq!(before["journal_seq"], after["journal_seq"], "the journal was written");
}

#[test]
fn export_gives_back_every_byte() {
    let place = Place::new();
    place.json(["import", PACKAGES]);
    let exported = place.run(["export"]);
    let file = fs::read_to_string(PACKAGES).unwrap();
    let mut imported: Vec<&str> = file.lines().collect();
    let mut lines: Vec<&str> = exported.text().lines().collect();
    imported.sort_unstable();
    lines.sort_unstable();
    assert_eq!(lines, imported);
    let some = place.run(["export", "debian.games."]);
    assert!(some.text().lines().count() > 10);
    assert!(some.text().lines().all(|line| line.starts_with("{\"id\":\"debian.games.")));
}

#[test]
fn what_is_no_line_of_json_survives_export_and_import() {
    let place = Place::new();
    place.run_with(["put", "pretty", "-"], b"{\n  \"a\" : 1\n}\n");
    place.run_with(["put", "bytes", "-"], &[0, 255, 10, 13]);
    place.run_with(["put", "exact", "-"], br#"{"b" : 1.50, "a":"\u00fc"}"#);
    let first = place.run(["export"]).stdout;
    let copy = Place::new();
    let imported = copy.run_with(["--json", "import", "-"], &first).json();
    assert_eq!((&imported["accepted"], &imported["rejected"]), (&3.into(), &0.into()));
    assert_eq!(copy.run(["export"]).stdout, first);
    assert_eq!(copy.run(["get", "pretty"]).stdout, b"{\n  \"a\" : 1\n}\n");
    assert_eq!(copy.run(["get", "bytes"]).stdout, [0, 255, 10, 13]);
    assert_eq!(copy.run(["get", "exact"]).text(), r#"{"b" : 1.50, "a":"\u00fc"}"#);
}

#[test]
fn a_bad_line_is_reported_and_kept_and_the_rest_is_imported() {
    let place = Place::new();
    let long_id = "x".repeat(1_025);
    let bad: [(&[u8], &str); 8] = [
        (b"not json", ":2: not a JSON object"),
        (br#"{"content":1}"#, ":3: no field \"id\""),
        (br#"{"id":"","content":1}"#, ":4: key is empty"),
        (
            &format!(r#"{{"id":"{long_id}","content":1}}"#).into_bytes(),
            ":5: key has 1025 bytes, the most is 1024",
        ),
        (br#"{"id":"a\u0007","content":1}"#, ":6: key holds the control character U+0007 at byte 1"),
        (br#"{"id":"a"}"#, ":7: no field \"content\""),
        (b"{\"id\":\"\xff\"}", ":8: not UTF-8 at byte 7"),
        (
            &format!(r#"{{"id":"big","content":"{}"}}"#, "x".repeat(100)).into_bytes(),
            ":9: content has 102 bytes, the most is 64",
        ),
    ];
    let mut file = br#"{"id":"first","content":1}"#.to_vec();
    for (line, _) in &bad {
        file.push(b'\n');
        file.extend_from_slice(line);
    }
    file.extend_from_slice(b"\n\n{\"id\":\"last\",\"content\":2}");
    let file = place.file("messy.ndjson", file);
    let config = place.file("config.toml", "[engine]\ncontent_bytes_max = 64\n");
    let (config, file) = (config.to_str().unwrap(), file.to_str().unwrap());
    let rejects = place.path("rejects");

    let ended = place.run(["--json", "--config", config, "import", file, "--rejects", rejects.to_str().unwrap()]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let summary = ended.json();
    assert_eq!((&summary["read"], &summary["accepted"], &summary["rejected"]), (&10.into(), &2.into(), &8.into()));
    for (_, reason) in &bad {
        assert!(ended.stderr.contains(&format!("{file}{reason}")), "{reason} is not in {}", ended.stderr);
    }
    let kept: Vec<&[u8]> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(fs::read(&rejects).unwrap(), [kept.join(&b'\n'), b"\n".to_vec()].concat());
    assert_eq!(place.run(["get", "last"]).stdout, b"2");
    assert_eq!(place.run(["--config", config, "import", file]).status, Some(1), "bad lines that are not kept");
}

#[test]
fn a_line_of_any_length_takes_no_memory() {
    let place = Place::new();
    let config = place.file("config.toml", "[engine]\ncontent_bytes_max = 64\n");
    let long = format!(r#"{{"id":"long","content":"{}"}}"#, "x".repeat(300_000));
    let input = format!("{}{long}\n{}", lines(0, 3), lines(3, 5));
    let rejects = place.path("rejects");
    let arguments = [
        "--json",
        "--config",
        config.to_str().unwrap(),
        "import",
        "-",
        "--rejects",
        rejects.to_str().unwrap(),
    ];
    let ended = place.run_with(arguments, input.as_bytes());
    assert_eq!(ended.json()["accepted"], 5);
    assert!(ended.stderr.contains("standard input:4: line has 300026 bytes, the most is "), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(rejects).unwrap(), format!("{long}\n"));
}

#[test]
fn strict_stops_at_the_first_bad_line_and_keeps_what_was_before_it() {
    let place = Place::new();
    let input = format!("{}oops\n{}", lines(0, 10), lines(10, 20));
    let ended = place.run_with(["--json", "import", "-", "--strict"], input.as_bytes());
    assert_eq!(ended.status, Some(1));
    let summary = ended.json();
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&10.into(), &1.into()));
    assert_eq!(summary["stopped"], "bad line");
    assert_eq!(place.json(["stats"])["items"], 10);
}

#[test]
fn fields_have_the_names_that_the_user_gives() {
    let place = Place::new();
    let input = br#"{"email":"a@b","profile":{"x": 1},"id":5}"#;
    let ended = place.run_with(["import", "-", "--id-field", "email", "--content-field", "profile"], input);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(place.run(["get", "a@b"]).stdout, b"{\"x\": 1}");
    assert_eq!(place.run(["import", "-", "--id-field", "content"]).status, Some(2));
}

#[test]
fn the_later_of_two_lines_with_one_id_wins() {
    let place = Place::new();
    let mut last = BTreeMap::new();
    let mut input = String::new();
    for n in 0..4_000 {
        let id = format!("k{}", n % 1_500);
        input.push_str(&format!("{{\"id\":\"{id}\",\"content\":{n}}}\n"));
        last.insert(id, n);
    }
    // Again, so that equal bytes stand in the archive beside different ones in flight.
    for _ in 0..2 {
        let ended = place.run_with(["--json", "import", "-"], input.as_bytes());
        assert_eq!(ended.json()["read"], 4_000);
        let exported = place.run(["export"]);
        let expected: String = last.iter().map(|(id, n)| format!("{{\"id\":\"{id}\",\"content\":{n}}}\n")).collect();
        assert_eq!(exported.text(), expected);
    }
}

#[test]
fn people_read_a_summary_and_plain_lines() {
    let place = Place::new();
    let ended = place.run(["import", PACKAGES]);
    assert_eq!(ended.status, Some(0));
    for part in [
        "read       2,000 records",
        "accepted   2,000",
        "unchanged  0",
        "rejected   0",
        "durable",
        "archived",
        "time",
    ] {
        assert!(ended.text().contains(part), "{part:?} is not in {}", ended.text());
    }
}
