//! `stats`: what the directory holds.

use clap::Args;

use super::context::Context;
use crate::{
    exit::{Exit, Result},
    store::Access,
    text,
};

/// Print what the directory holds
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline stats
  syncline --json stats | jq .items")]
pub(super) struct Stats {}

impl Stats {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let stats = context.ask(Access::Existing, async |store| store.stats().await).await?;
        context.output.either(&stats, || page(&stats))?;
        Ok(Exit::Done)
    }
}

fn page(stats: &syncline::Stats) -> String {
    let rows = [
        ("items", text::count(stats.items)),
        ("tombstones", text::count(stats.tombstones)),
        ("content", text::bytes(stats.content_bytes)),
        ("archive on disk", text::bytes(stats.archive_bytes)),
        ("changes recorded", text::count(stats.feed_head)),
        (
            "pending",
            format!("{}, {}", text::plural(stats.pending_items, "item"), text::bytes(stats.pending_bytes)),
        ),
        ("in quarantine", text::count(stats.quarantined)),
        (
            "journal on disk",
            format!("{}, {}", text::bytes(stats.journal_bytes), text::plural(stats.journal_segments, "segment")),
        ),
        ("journal records", text::count(stats.journal_seq)),
        ("engine", stats.engine_state.clone()),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<17} {value}")).collect();
    lines.join("\n")
}
