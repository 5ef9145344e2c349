//! The surface: what may cross threads, and what an operation may return.

use std::time::Duration;

use syncline_engine::{Durability, Engine, EngineConfig, Parts, Receipt, SyncItem};

use crate::support::item;

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn futures_are_send_and_handles_are_shared() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Engine>();
    is_shared::<Receipt>();
    is_shared::<SyncItem>();
    is_shared::<Parts>();
    let engine = Engine::new(EngineConfig::default());
    drop(is_send(engine.start(Parts::default())));
    drop(is_send(engine.submit(item("a", "1"))));
    drop(is_send(engine.submit_many(Vec::new())));
    drop(is_send(engine.submit_changed(Vec::new())));
    drop(is_send(engine.get("a")));
    drop(is_send(engine.delete("a")));
    drop(is_send(engine.scan_prefix("", None, 1)));
    drop(is_send(engine.flush()));
    drop(is_send(engine.shutdown()));
    drop(is_send(engine.shutdown_within(Duration::ZERO)));
    fn waits(receipt: &Receipt) {
        drop(is_send(receipt.wait(Durability::Archived)));
    }
    let _ = waits;
}

/// A caller may keep thousands of submits in flight.
#[test]
fn a_submit_under_way_is_small() {
    let engine = Engine::new(EngineConfig::default());
    let size = size_of_val(&engine.submit(item("a", "1")));
    println!(
        "{size} {} {} {}",
        size_of_val(&engine.get("a")),
        size_of_val(&engine.delete("a")),
        size_of::<Receipt>()
    );
    assert!(size <= 512, "{size} bytes");
}

#[test]
fn an_engine_is_made_outside_a_runtime() {
    let engine = Engine::new(EngineConfig::default());
    assert_eq!(format!("{engine:?}"), "Engine { state: Created, .. }");
    assert!(engine.quarantined().is_empty() && engine.superseded().is_empty());
    assert_eq!(engine.stats().accepted, 0);
}
