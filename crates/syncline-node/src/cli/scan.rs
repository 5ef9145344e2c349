//! `scan`: records by the beginning of their ids.

use clap::Args;
use serde_json::json;

use super::{context::Context, get::Shown, get::one_line_of_json, pages};
use crate::{
    exit::{Exit, Result},
    store::{Access, Item},
    text,
};

/// List records by the beginning of their ids, in order
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline scan debian.games. --limit 10
  syncline scan \"\" --keys                      every id
  syncline --json scan debian.games. | jq .version

Each line is the id, a tab, and the content; content that is not one line of JSON is described instead.")]
pub(super) struct Scan {
    /// Beginning of the ids; \"\" means all
    prefix: String,
    /// Stop after so many records
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print ids only
    #[arg(long)]
    keys: bool,
}

impl Scan {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let mut session = context.open(Access::Existing).await?;
        let scanned =
            pages::each(&context, &mut session, &self.prefix, self.limit, |items| self.show(&context, items)).await;
        context.close(session).await;
        scanned.map(|()| Exit::Done)
    }

    fn show(&self, context: &Context, items: &[Item]) -> Result<()> {
        let output = context.output;
        for item in items {
            match (output.is_json(), self.keys) {
                (true, true) => output.object(&json!({ "id": item.about.id }))?,
                (true, false) => output.object(&Shown::of(item)?)?,
                (false, true) => output.line(&item.about.id)?,
                (false, false) => output.line(&line(item)?)?,
            }
        }
        Ok(())
    }
}

fn line(item: &Item) -> Result<String> {
    let id = &item.about.id;
    Ok(match one_line_of_json(item)? {
        Some(json) => format!("{id}\t{}", json.get()),
        None => format!("{id}\t({}, {})", item.about.kind.word(), text::bytes(item.about.bytes)),
    })
}
