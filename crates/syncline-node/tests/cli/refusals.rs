//! What cannot be done: each in one sentence that says what to do, with nothing damaged.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use crate::support::{Ended, Place, lines};

/// A user who owns nothing.
const NOBODY: u32 = 65_534;

#[test]
fn a_directory_that_is_not_there_is_not_made_by_reading() {
    let place = Place::new();
    place.run(["get", "a"]).check_refused(3, &["there is no directory", "--dir"]);
    place.run(["stats"]).check_refused(3, &["there is no directory"]);
    assert!(!place.data().exists());
    place.run(["import", "nowhere.ndjson"]).check_refused(2, &["cannot read nowhere.ndjson"]);
    assert!(!place.data().exists());
}

#[test]
fn a_wrong_key_changes_nothing() {
    let place = Place::new();
    let keys: Vec<_> = ["a", "b"].map(|name| place.path(name).display().to_string()).into();
    for key in &keys {
        place.run(["keygen", "--out", key]);
    }
    place.run_with(["--key-file", &keys[0], "import", "-"], lines(0, 10).as_bytes());
    for refused in [place.run(["get", "item.000001"]), place.run(["--key-file", &keys[1], "get", "item.000001"])] {
        refused.check_refused(1, &["encrypted with the key", "--key-file or SYNCLINE_KEY"]);
    }
    assert_eq!(place.run(["--key-file", &keys[0], "get", "item.000001"]).stdout, b"{\"n\":1}");
    // A new key with the old one at hand.
    let both = ["--key-file", &keys[1], "--older-key-file", &keys[0], "get", "item.000001"];
    assert_eq!(place.run(both).stdout, b"{\"n\":1}");
}

#[test]
fn a_key_that_is_none_is_refused_without_being_repeated() {
    let place = Place::new();
    let file = place.file("key", "hunter2");
    let refused = place.run(["--key-file", file.to_str().unwrap(), "stats"]);
    refused.check_refused(2, &["a key is written as 64 hexadecimal digits"]);
    assert!(!refused.stderr.contains("hunter2"));
    let refused = Ended::of(place.command(["stats"]).env("SYNCLINE_KEY", "hunter2"));
    refused.check_refused(2, &["SYNCLINE_KEY: a key is written as 64 hexadecimal digits"]);
    assert!(!refused.stderr.contains("hunter2"));
}

#[test]
fn a_read_only_directory_is_refused_and_said_so() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 10).as_bytes());
    // The superuser may write anywhere, so the command runs as somebody else.
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    set_mode(place.path("").as_path(), 0o755);
    set_mode(place.data(), 0o555);
    let binary = place.path("syncline");
    fs::copy(env!("CARGO_BIN_EXE_syncline"), &binary).unwrap();
    let mut command = Command::new(&binary);
    command
        .args(["get", "item.000001"])
        .env("SYNCLINE_DIR", place.data())
        // Where tests are counted, somebody else may not write the count either.
        .env("LLVM_PROFILE_FILE", "/dev/null")
        .env_remove("SYNCLINE_KEY");
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let refused = Ended::of(&mut command);
    set_mode(place.data(), 0o755);
    refused.check_refused(1, &["writable for this user"]);
    assert_eq!(place.run(["get", "item.000001"]).stdout, b"{\"n\":1}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_directory_of_a_newer_format_is_left_as_it_is() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 10).as_bytes());
    let archive = place.data().join("archive.db");
    // SQLite keeps the number of the schema at byte 60 of the file.
    let own = fs::read(&archive).unwrap();
    let newer = [&own[..60], &99_u32.to_be_bytes(), &own[64..]].concat();
    fs::write(&archive, &newer).unwrap();
    place
        .run(["get", "item.000001"])
        .check_refused(1, &["archive.db", "version 99", "use a newer program"]);
    assert_eq!(fs::read(&archive).unwrap(), newer);
    fs::write(&archive, own).unwrap();

    for entry in fs::read_dir(place.data().join("journal")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("MANIFEST-") {
            // The number of the format follows eight bytes that say what the file is.
            let mut manifest = fs::read(&path).unwrap();
            manifest[8] = 9;
            let checked = manifest.len() - 4;
            let crc = crc32c(&manifest[..checked]).to_le_bytes();
            manifest[checked..].copy_from_slice(&crc);
            fs::write(&path, manifest).unwrap();
        }
    }
    place.run(["get", "item.000001"]).check_refused(1, &["format 9", "use a newer program"]);
}

/// The checksum of the formats, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    !crc
}

#[test]
fn a_damaged_record_is_named() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 10).as_bytes());
    let archive = place.data().join("archive.db");
    let mut bytes = fs::read(&archive).unwrap();
    let at = bytes.windows(6).position(|window| window == b"{\"n\":5").unwrap();
    bytes[at + 5] ^= 1;
    fs::write(&archive, bytes).unwrap();
    place.run(["verify"]).check_refused(1, &["is damaged: restore a backup", "item.000005"]);
    place
        .run(["get", "item.000005"])
        .check_refused(1, &["is damaged: restore a backup", "item.000005"]);
    assert_eq!(place.run(["get", "item.000006"]).stdout, b"{\"n\":6}");
}

#[test]
fn a_full_disk_is_refused_and_what_was_accepted_is_safe() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 10).as_bytes());
    let input = place.file("more.ndjson", lines(10, 100_000));
    // No file may grow beyond 512 KiB: the system refuses as it does when the disk is full.
    let script = "trap '' XFSZ; ulimit -f 512; exec \"$0\" import \"$1\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, env!("CARGO_BIN_EXE_syncline"), input.to_str().unwrap()]);
    let refused = Ended::of(command.env("SYNCLINE_DIR", place.data()).env_remove("SYNCLINE_KEY"));
    refused.check_refused(1, &["the disk of ", " is full: free some space and run the command again"]);
    assert_eq!(place.run(["get", "item.000001"]).stdout, b"{\"n\":1}");
    let again = place.json(["import", input.to_str().unwrap()]);
    assert_eq!((&again["read"], &again["rejected"]), (&99_990.into(), &0.into()));
    assert_eq!(place.json(["verify"])["items"], 100_000);
}

#[test]
fn errors_for_machines_are_one_object() {
    let place = Place::new();
    place.run_with(["put", "a", "-"], b"1");
    let ended = place.run(["--json", "get", "b"]);
    assert_eq!(ended.status, Some(3));
    let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!((&error["exit"], &error["error"]["kind"]), (&3.into(), &"not found".into()));
    assert!(error["error"]["message"].as_str().unwrap().contains("there is no record"));
}
