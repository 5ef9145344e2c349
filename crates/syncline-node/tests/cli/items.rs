//! Single records, and the commands that need no directory.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{Place, lines};

#[test]
fn a_record_is_put_read_and_deleted_byte_for_byte() {
    let place = Place::new();
    let file = place.file("photo", [0, 1, 2, 255, 10]);
    let put = place.run(["put", "photos.1", file.to_str().unwrap()]);
    assert!(put.text().starts_with("stored \"photos.1\", 5 bytes, version "), "{put:?}");
    assert_eq!(place.run(["get", "photos.1"]).stdout, [0, 1, 2, 255, 10]);
    let shown = place.json(["get", "photos.1"]);
    assert_eq!((&shown["type"], &shown["bytes"]), (&"binary".into(), &5.into()));
    assert_eq!(shown["content_base64"], "AAEC/wo=");
    assert_eq!(place.run(["delete", "photos.1"]).status, Some(0));
    place.run(["get", "photos.1"]).check_refused(3, &["there is no record \"photos.1\""]);
    place.run(["delete", "photos.1"]).check_refused(3, &["there is no record"]);
}

#[test]
fn json_is_recognised_and_shown_as_it_is() {
    let place = Place::new();
    place.run_with(["put", "a", "-"], br#"{"x": 1}"#);
    place.run_with(["put", "b", "-", "--type", "binary"], br#"{"x": 1}"#);
    let shown = place.json(["get", "a"]);
    assert_eq!((&shown["type"], &shown["content"]["x"]), (&"json".into(), &1.into()));
    assert_eq!(place.json(["get", "b"])["type"], "binary");
    let refused = place.run_with(["put", "c", "-", "--type", "json"], b"no json");
    refused.check_refused(1, &["content of \"c\" is not one JSON value"]);
}

#[test]
fn scan_lists_in_order_and_stops_at_the_limit() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 2_500).as_bytes());
    place.run_with(["put", "other", "-"], b"\n");
    assert_eq!(
        place.run(["scan", "item.00000", "--limit", "2"]).text(),
        "item.000000\t{\"n\":0}\nitem.000001\t{\"n\":1}\n"
    );
    assert_eq!(place.run(["scan", "other"]).text(), "other\t(binary, 1 B)\n");
    let keys = place.run(["scan", "", "--keys"]);
    let keys: Vec<&str> = keys.text().lines().collect();
    assert!(keys.len() == 2_501 && keys.is_sorted());
    let first = place.run(["--json", "scan", "item.", "--limit", "1"]);
    assert_eq!(first.json()["id"], "item.000000");
    assert_eq!(place.run(["scan", "nothing."]).text(), "");
}

#[test]
fn verify_says_in_one_line_what_it_proved() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 10).as_bytes());
    place.run(["delete", "item.000003"]);
    let verified = place.run(["verify"]);
    assert!(verified.text().starts_with("verified: 9 records and 1 tombstone, "), "{verified:?}");
    assert_eq!(verified.text().lines().count(), 1);
    let verified = place.json(["verify"]);
    assert_eq!(
        (&verified["items"], &verified["tombstones"], &verified["encrypted"]),
        (&9.into(), &1.into(), &0.into())
    );
}

#[test]
fn a_backup_is_restored_to_a_new_directory() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 100).as_bytes());
    let copy = place.path("copy");
    let copy = copy.to_str().unwrap();
    assert!(
        place
            .run(["backup", copy])
            .text()
            .starts_with("backed up 100 records and 0 tombstones to ")
    );
    place.run(["backup", copy]).check_refused(1, &["is not empty", "name a new directory"]);
    place
        .run(["restore", copy])
        .check_refused(1, &["is there already", "restore to a new directory"]);
    let fresh = place.path("fresh");
    let fresh = fresh.to_str().unwrap();
    let restored = place.run(["--dir", fresh, "restore", copy]);
    assert!(restored.text().starts_with("restored 100 records"), "{restored:?}");
    assert_eq!(place.run(["--dir", fresh, "export"]).stdout, place.run(["export"]).stdout);
    place
        .run(["--dir", fresh, "restore", "nowhere"])
        .check_refused(1, &["nowhere is no finished backup"]);
}

#[test]
fn the_example_configuration_is_one() {
    let place = Place::new();
    let example = place.run(["config", "--example"]);
    let file = place.file("syncline.toml", &example.stdout);
    place.run_with(["--config", file.to_str().unwrap(), "put", "a", "-"], b"1");
    assert_eq!(place.json(["stats"])["items"], 1);
    fs::write(place.data().join("syncline.toml"), "nonsense = 1").unwrap();
    let refused = place.run(["stats"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("unknown field `nonsense`"), "{refused:?}");
}

#[test]
fn a_key_is_drawn_and_encrypts() {
    let place = Place::new();
    let key = place.path("key");
    let key = key.to_str().unwrap();
    assert!(place.run(["keygen", "--out", key]).text().contains(" is in "));
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    place.run(["keygen", "--out", key]).check_refused(1, &["cannot write"]);
    let digits = fs::read_to_string(key).unwrap();
    assert_eq!(digits.trim().len(), 64);
    assert_ne!(place.run(["keygen"]).text(), digits);

    place.run_with(["--key-file", key, "put", "a", "-"], b"secret-marker");
    assert_eq!(place.run(["--key-file", key, "get", "a"]).stdout, b"secret-marker");
    let by_variable = place.command(["get", "a"]).env("SYNCLINE_KEY", digits.trim()).output().unwrap();
    assert_eq!(by_variable.stdout, b"secret-marker");
    assert_eq!(place.json(["--key-file", key, "verify"])["encrypted"], 1);
    let doctor = place.json(["--key-file", key, "doctor"]);
    assert!(doctor["inspection"]["key_id"].is_string());
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let doctor = place.run(["--key-file", key, "doctor"]);
    assert_eq!(doctor.status, Some(1));
    assert!(doctor.text().contains("others may read the key file"), "{doctor:?}");
}

#[test]
fn doctor_tells_what_is_not_encrypted_and_who_holds_the_directory() {
    let place = Place::new();
    place.run_with(["put", "a", "-"], b"1");
    let doctor = place.run(["doctor"]);
    assert_eq!(doctor.status, Some(0), "{doctor:?}");
    for part in ["held by     nobody but this command", "not encrypted: everything", "healthy"] {
        assert!(doctor.text().contains(part), "{part:?} is not in {}", doctor.text());
    }
}

#[test]
fn help_teaches_and_generators_generate() {
    let place = Place::new();
    assert!(place.run(["--help"]).text().contains("Examples:"));
    assert!(
        place
            .run(["import", "--help"])
            .text()
            .contains("zcat packages.ndjson.gz | syncline import -")
    );
    assert!(place.run(["completions", "bash"]).text().contains("_syncline()"));
    assert!(place.run(["man"]).text().contains(".TH syncline 1"));
    assert!(place.run(["man", "import"]).text().contains("id\\-field"));
    assert!(place.run(["man", "queue", "push"]).text().contains("dedup\\-key"));
    assert_eq!(place.run(["man", "nothing"]).status, Some(2));
    assert!(place.run(["--version"]).text().starts_with("syncline 0."));
    assert_eq!(place.run(["frobnicate"]).status, Some(2));
    assert!(!place.data().exists(), "none of these touches a directory");
}
