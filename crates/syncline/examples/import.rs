//! The records of a file, in batches: durable as they go, archived at the end, unchanged ones left as they are.
//!
//! `cargo run --release -p syncline --example import [FILE [DIR]]`

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
};

use serde::Deserialize;
use serde_json::value::RawValue;
use syncline::{
    Error, ErrorKind, Result, Syncline,
    engine::{Submitted, SyncItem},
};

/// One line: the content keeps its exact bytes.
#[derive(Deserialize)]
struct Line<'a> {
    id: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Items that go to the engine together: one transaction of the journal.
const BATCH: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "examples/data/packages.ndjson".to_owned());
    let dir = arguments.next().unwrap_or_else(|| "syncline-data".to_owned());
    let unreadable = |source| Error::new(ErrorKind::Invalid, format!("cannot read {file}")).with_source(source);

    let syncline = Syncline::open(dir).await?;
    let (mut accepted, mut unchanged) = (0, 0);
    let mut batch = Vec::with_capacity(BATCH);
    for line in BufReader::new(File::open(&file).map_err(unreadable)?).lines() {
        batch.push(item(&line.map_err(unreadable)?)?);
        if batch.len() == BATCH {
            submit(&syncline, std::mem::take(&mut batch), &mut accepted, &mut unchanged).await?;
        }
    }
    submit(&syncline, batch, &mut accepted, &mut unchanged).await?;
    syncline.engine().flush().await?;
    syncline.shutdown().await;
    // A closed standard output ends nothing here: the records are what matters.
    let _unheard = writeln!(std::io::stdout(), "{accepted} accepted, {unchanged} unchanged");
    Ok(())
}

fn item(line: &str) -> Result<SyncItem> {
    let line: Line<'_> = serde_json::from_str(line)
        .map_err(|source| Error::new(ErrorKind::Invalid, "a line is no record").with_source(source))?;
    SyncItem::from_json(line.id, line.content.get().to_owned())
}

async fn submit(syncline: &Syncline, batch: Vec<SyncItem>, accepted: &mut u64, unchanged: &mut u64) -> Result<()> {
    for submitted in syncline.engine().submit_changed(batch).await {
        match submitted? {
            Submitted::Accepted(_) => *accepted += 1,
            Submitted::Unchanged => *unchanged += 1,
        }
    }
    Ok(())
}
