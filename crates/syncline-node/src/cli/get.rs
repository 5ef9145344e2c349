//! `get`: one item, byte for byte.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    store::{About, Access, Item, Kind},
};

/// Print the content of one record, byte for byte
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline get debian.net.4g8
  syncline get debian.net.4g8 > 4g8.json       exactly the bytes that were stored
  syncline --json get debian.net.4g8           with its version, hash and size

The exit status is 3 when there is no such record.")]
pub(super) struct Get {
    /// Id of the record
    id: String,
}

impl Get {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let item = context.ask(Access::Existing, async |store| store.get(&self.id).await).await?;
        let Some(item) = item else {
            return Err(Failure::not_found(format!("there is no record {:?} in {}", self.id, context.dir.display())));
        };
        if context.output.is_json() {
            context.output.object(&Shown::of(&item)?)?;
        } else {
            context.output.content(&item.content)?;
        }
        Ok(Exit::Done)
    }
}

/// An item for machines: JSON as it is, other bytes in base64.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    #[serde(flatten)]
    about: &'a About,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_base64: Option<String>,
}

impl<'a> Shown<'a> {
    /// The form of `item`.
    pub(super) fn of(item: &'a Item) -> Result<Self> {
        Ok(match one_line_of_json(item)? {
            Some(json) => Self { about: &item.about, content: Some(json), content_base64: None },
            None => Self {
                about: &item.about,
                content: None,
                content_base64: Some(BASE64_STANDARD.encode(&item.content)),
            },
        })
    }
}

/// The content of `item` when it can stand in a line of JSON as it is.
pub(super) fn one_line_of_json(item: &Item) -> Result<Option<&RawValue>> {
    let content = &item.content;
    // Space around the value would be lost: a JSON value has none.
    let is_bare = !content.iter().any(|byte| matches!(byte, b'\n' | b'\r')) && content.trim_ascii() == content.as_ref();
    if item.about.kind != Kind::Json || !is_bare {
        return Ok(None);
    }
    let json = serde_json::from_slice(content);
    json.map(Some)
        .map_err(|error| Failure::failed("corrupt", format!("{:?} does not hold JSON: {error}", item.about.id)))
}
