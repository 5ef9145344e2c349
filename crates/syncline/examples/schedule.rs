//! Work that comes again and again, on a durable queue: it survives restarts, and no time of it is lost or run twice.
//!
//! `cargo run --release -p syncline --example schedule [DIR]`; run it twice.

use std::time::Duration;

use serde_json::json;
use syncline::{
    Syncline,
    queue::{JobError, MissedRuns, Priority, Recurring, Schedule, SyncItem, Worker},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "syncline-data".to_owned());
    let syncline = Syncline::open(dir).await?;
    let queue = syncline.queue("tasks").await?;

    // Said at each start: where it stands already, nothing changes.
    let report = SyncItem::new(json!({"task": "report"}), Priority::Normal);
    let mornings = Recurring::new("report", Schedule::cron("0 6 * * mon-fri")?, report);
    say(&format!("the next report is due at {}", queue.schedule(&mornings).await?));

    let beat = SyncItem::new(json!({"task": "beat"}), Priority::High);
    let often = Recurring::new("beat", Schedule::every(Duration::from_millis(200))?, beat)
        .with_missed(MissedRuns::RunAll { most: 3 });
    queue.schedule(&often).await?;

    let (tell, mut ended) = tokio::sync::mpsc::channel(3);
    let worker = Worker::builder(&queue, move |job: serde_json::Value, context| {
        let tell = tell.clone();
        async move {
            let due = context.item().scheduled_at.unwrap_or_default();
            say(&format!("{} of {due}", job["task"]));
            tell.send(()).await.map_err(|_| JobError::retry("nobody listens"))
        }
    })
    .start()?;
    for _ in 0..3 {
        ended.recv().await;
    }
    worker.shutdown().await?;
    // The report stays scheduled.
    queue.unschedule("beat").await?;
    syncline.shutdown().await;
    Ok(())
}

fn say(line: &str) {
    use std::io::Write as _;
    // A closed standard output ends nothing here: the queue is what matters.
    let _unheard = writeln!(std::io::stdout(), "{line}");
}
