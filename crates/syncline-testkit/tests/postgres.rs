//! Servers that tests start for themselves.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use syncline_core::{port::Clock as _, rt::SystemClock};
use syncline_testkit::PostgresServer;

/// Between two looks at another process.
fn pause() {
    SystemClock.block_until(SystemClock.now() + Duration::from_millis(10));
}

/// What `psql` answers as one text.
fn ask(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args(["-XAtq", "-d", url, "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn what_was_committed_is_there_after_a_kill_and_each_database_is_empty() {
    let server = PostgresServer::start().unwrap();
    let (one, two) = (server.database().unwrap(), server.database().unwrap());
    ask(&one, "create table t as select 7 as n");
    assert_eq!(ask(&one, "show fsync"), "on");
    server.kill();
    server.restart().unwrap();
    assert_eq!(ask(&one, "select n from t"), "7");
    assert_eq!(ask(&two, "select count(*) from pg_tables where tablename = 't'"), "0");
}

#[test]
fn a_server_that_is_dropped_leaves_nothing() {
    let server = PostgresServer::start().unwrap();
    let dir = server.dir().to_owned();
    assert!(dir.join("data").is_dir());
    drop(server);
    assert!(!dir.exists());
}

/// Runs in a process of its own, which the test below kills.
#[test]
fn a_server_whose_owner_is_killed_is_gone_too() {
    const CHILD: &str = "SYNCLINE_SERVER_OF_A_CHILD";
    if let Some(place) = std::env::var_os(CHILD) {
        let server = PostgresServer::start().unwrap();
        std::fs::write(Path::new(&place).join("new"), server.dir().to_str().unwrap()).unwrap();
        std::fs::rename(Path::new(&place).join("new"), Path::new(&place).join("dir")).unwrap();
        std::thread::park();
    }
    let place = tempfile::tempdir().unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_whose_owner_is_killed_is_gone_too"])
        .env(CHILD, place.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let dir = loop {
        assert!(owner.try_wait().unwrap().is_none(), "the owner ended before its server was there");
        match std::fs::read_to_string(place.path().join("dir")) {
            Ok(dir) => break dir,
            Err(_) => pause(),
        }
    };
    owner.kill().unwrap();
    owner.wait().unwrap();
    while Path::new(&dir).exists() {
        pause();
    }
    assert!(!Path::new(&dir).join("data").exists());
}
