//! `put`: one item from a file or standard input.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use syncline::ContentType;

use super::context::Context;
use crate::{
    exit::{Exit, Result},
    input::read_whole,
    store::{Access, NewItem, Put as Outcome},
};

/// Store one record from a file or standard input
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline put users.1 ada.json
  printf '{\"name\":\"Ada\"}' | syncline put users.1 -
  syncline put logos.1 logo.png

The bytes are stored as they are, a newline at their end included. It returns once they survive loss of power.")]
pub(super) struct Put {
    /// Id of the record
    id: String,
    /// File to store; - is standard input
    file: PathBuf,
    /// What the bytes are; auto takes what parses as JSON for JSON
    #[arg(long = "type", value_enum, default_value_t = Type::Auto)]
    content_type: Type,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Auto,
    Json,
    Binary,
}

impl Put {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let content = read_whole(&self.file, context.config.engine.content_bytes_max)?;
        let content_type = match self.content_type {
            Type::Auto if is_json(&content) => ContentType::Json,
            Type::Json => ContentType::Json,
            Type::Auto | Type::Binary => ContentType::Binary,
        };
        let bytes = content.len();
        let item = NewItem { id: self.id.clone(), content: content.into(), content_type, expires_at: None };
        let outcome = context.ask(Access::Create, async |store| store.put(&item, false).await).await?;
        let version = match outcome {
            Outcome::Accepted { version } => Some(version),
            Outcome::Unchanged => None,
        };
        context.output.either(&json!({ "id": self.id, "bytes": bytes, "version": version }), || {
            format!("stored {:?}, {bytes} bytes, version {}", self.id, version.as_deref().unwrap_or("unchanged"))
        })?;
        Ok(Exit::Done)
    }
}

fn is_json(content: &[u8]) -> bool {
    str::from_utf8(content).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}
