//! A store inside a program: items that survive loss of power, read back at once and after a restart.
//!
//! `cargo run --release -p syncline --example embed [DIR]`

use serde_json::json;
use syncline::{
    Syncline,
    engine::{Durability, SyncItem},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> syncline::Result<()> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "syncline-data".to_owned());
    let syncline = Syncline::open(dir).await?;
    let engine = syncline.engine();

    // Ok means: it survives `kill -9` and loss of power.
    let receipt = engine
        .submit(SyncItem::new("users.1".into(), json!({"name": "Ada", "born": 1815})))
        .await?;
    say(&format!("users.1 is durable as version {}", receipt.version()));

    // It can be read at once, wherever it is on its way.
    if let Some(item) = engine.get("users.1").await? {
        say(&format!("read back: {}", item.content["name"]));
    }

    // Who wants to can wait until it has reached the archive.
    receipt.wait(Durability::Archived).await?;

    for item in engine.scan_prefix("users.", None, 10).await? {
        say(&format!("{} holds {} bytes", item.id(), item.content_bytes().len()));
    }
    engine.delete("users.1").await?;
    let report = syncline.shutdown().await;
    say(&format!("archived {} writes, {} left for the next start", report.archived, report.pending_left));
    Ok(())
}

fn say(line: &str) {
    use std::io::Write as _;
    // A closed standard output ends nothing here: the store is what matters.
    let _unheard = writeln!(std::io::stdout(), "{line}");
}
