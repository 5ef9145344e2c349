//! A worker on a durable queue: typed jobs, a retry, one that is dead, and a shutdown that loses nothing.
//!
//! `cargo run --release -p syncline --example worker [DIR]`

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use syncline::{
    Syncline,
    queue::{JobError, Priority, QueueConfig, SyncItem, Worker},
};

#[derive(Deserialize)]
struct Mail {
    to: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "syncline-data".to_owned());
    let syncline = Syncline::open(dir).await?;
    let config = QueueConfig { base_retry_delay: Duration::from_millis(50), ..Default::default() };
    let queue = syncline.queue_with("mails", config).await?;

    for to in ["ada@example.org", "slow@example.org", "nobody"] {
        queue.push(SyncItem::new(json!({"to": to}), Priority::Normal)).await?;
    }
    let (tell, mut ended) = tokio::sync::mpsc::channel(3);
    let worker = Worker::builder(&queue, move |mail: Mail, job| {
        let tell = tell.clone();
        async move {
            if mail.to.starts_with("slow") && job.attempt() == 1 {
                return Err(JobError::retry("the server is busy"));
            }
            tell.send(mail.to.clone()).await?;
            if !mail.to.contains('@') {
                return Err(JobError::reject("that is no address"));
            }
            say(&format!("attempt {}: sent to {}", job.attempt(), mail.to));
            Ok(())
        }
    })
    .with_concurrency(8)
    .with_deadline(Duration::from_secs(30))
    .start()?;

    // A service would wait for its own end here, as by Ctrl-C.
    for _ in 0..3 {
        ended.recv().await;
    }
    // It takes nothing more and waits for the handlers that run.
    let released = worker.shutdown().await?;
    say(&format!("{} done, {released} given back", queue.metrics().total_completed));
    for letter in queue.dead_letters(None, 10).await? {
        say(&format!("dead: {} ({})", letter.item.payload["to"], letter.errors.join(", ")));
    }
    queue.purge_all().await?;
    syncline.shutdown().await;
    Ok(())
}

fn say(line: &str) {
    use std::io::Write as _;
    // A closed standard output ends nothing here: the queue is what matters.
    let _unheard = writeln!(std::io::stdout(), "{line}");
}
