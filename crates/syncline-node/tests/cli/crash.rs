//! Imports that are stopped, politely and not.

use crate::support::{Place, lines};

#[test]
fn ctrl_c_ends_with_a_summary_and_a_second_import_goes_on() {
    for signal in ["INT", "TERM"] {
        let place = Place::new();
        let mut holder = place.holder();
        place.wait_for_owner();
        holder.feed(&lines(0, 1_000));
        place.wait_for("item.000999");
        holder.signal(signal);
        let ended = holder.wait();
        assert_eq!(ended.status, Some(130), "{ended:?}");
        let summary = ended.json();
        assert_eq!((&summary["accepted"], &summary["archived"]), (&1_000.into(), &true.into()));
        assert_eq!(summary["stopped"], "interrupted");
        let again = place.run_with(["--json", "import", "-"], lines(0, 1_500).as_bytes()).json();
        assert_eq!((&again["unchanged"], &again["accepted"]), (&1_000.into(), &500.into()));
    }
}

#[test]
fn kill_9_in_the_middle_loses_nothing_that_was_acknowledged() {
    let place = Place::new();
    for round in 1..=5 {
        let mut holder = place.holder();
        place.wait_for_owner();
        holder.feed(&lines(0, round * 500));
        // Stored means acknowledged: whatever can be read now must be there afterwards.
        place.wait_for(&format!("item.{:06}", round * 500 - 1));
        holder.signal("KILL");
        assert_eq!(holder.wait().status, None);
        let keys = place.run(["scan", "item.", "--keys"]);
        assert_eq!(keys.text().lines().count() as u32, round * 500);
    }
    assert_eq!(place.json(["verify"])["items"], 2_500);
    let again = place.run_with(["--json", "import", "-"], lines(0, 3_000).as_bytes()).json();
    assert_eq!((&again["unchanged"], &again["accepted"]), (&2_500.into(), &500.into()));
    assert_eq!(place.run(["export"]).text(), lines(0, 3_000));
}

#[test]
fn who_reads_our_output_may_have_seen_enough() {
    let place = Place::new();
    place.run_with(["import", "-"], lines(0, 20_000).as_bytes());
    let script = format!("{} export | head -1", env!("CARGO_BIN_EXE_syncline"));
    let output = std::process::Command::new("bash")
        .args(["-o", "pipefail", "-c", &script])
        .env("SYNCLINE_DIR", place.data())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    assert_eq!(output.stdout, lines(0, 1).as_bytes());
}
