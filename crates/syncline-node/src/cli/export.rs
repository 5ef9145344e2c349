//! `export`: records as lines that `import` reads back byte for byte.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args;

use super::{context::Context, get::one_line_of_json, pages};
use crate::{
    exit::{Exit, Failure, Result},
    input::{BASE64_FIELD, EXPIRY_FIELD, TYPE_FIELD},
    store::{Access, Item},
};

/// Print records as lines of JSON that import reads back, byte for byte
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline export > all.ndjson
  syncline export debian.games. > games.ndjson
  syncline export | syncline --dir copy import -

Each line holds \"id\" and \"content\", whose bytes are those that were stored. Content that is not one line of JSON is
\"content_base64\" instead, with \"content_type\"; a record that ceases to exist has \"expires_at_ms\".")]
pub(super) struct Export {
    /// Only records whose ids begin with this
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
}

impl Export {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let mut session = context.open(Access::Existing).await?;
        let exported = pages::each(&context, &mut session, &self.prefix, None, |items| {
            let mut lines = Vec::new();
            for item in items {
                write(&mut lines, item)?;
            }
            context.output.bytes(&lines)
        });
        let exported = exported.await;
        context.close(session).await;
        exported.map(|()| Exit::Done)
    }
}

/// Appends the line of `item`. Written by hand, so that no byte of the content passes through a formatter.
fn write(lines: &mut Vec<u8>, item: &Item) -> Result<()> {
    let id = json_string(&item.about.id)?;
    lines.extend_from_slice(format!("{{\"id\":{id}").as_bytes());
    if let Some(at) = item.about.expires_at_ms {
        lines.extend_from_slice(format!(",\"{EXPIRY_FIELD}\":{at}").as_bytes());
    }
    if one_line_of_json(item)?.is_some() {
        lines.extend_from_slice(b",\"content\":");
        lines.extend_from_slice(&item.content);
    } else {
        let kind = item.about.kind.word();
        let content = BASE64_STANDARD.encode(&item.content);
        lines.extend_from_slice(format!(",\"{TYPE_FIELD}\":\"{kind}\",\"{BASE64_FIELD}\":\"{content}\"").as_bytes());
    }
    lines.extend_from_slice(b"}\n");
    Ok(())
}

fn json_string(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(|error| Failure::failed("invalid", error.to_string()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::{About, Kind};

    #[track_caller]
    fn check_line(kind: Kind, content: &'static str, expires_at_ms: Option<u64>, line: &str) {
        let about = About {
            id: "a\"b".into(),
            bytes: content.len() as u64,
            kind,
            hash: String::new(),
            version: None,
            expires_at_ms,
        };
        let mut lines = Vec::new();
        write(&mut lines, &Item { about, content: Bytes::from_static(content.as_bytes()) }).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap(), format!("{line}\n"));
    }

    #[test]
    fn json_of_one_line_stands_as_it_is() {
        check_line(Kind::Json, r#"{"b" : 1.0}"#, None, r#"{"id":"a\"b","content":{"b" : 1.0}}"#);
        check_line(Kind::Json, "1", Some(7), r#"{"id":"a\"b","expires_at_ms":7,"content":1}"#);
    }

    #[test]
    fn all_else_is_base64_and_keeps_its_type() {
        check_line(Kind::Json, "{\n}", None, r#"{"id":"a\"b","content_type":"json","content_base64":"ewp9"}"#);
        check_line(Kind::Json, "1 ", None, r#"{"id":"a\"b","content_type":"json","content_base64":"MSA="}"#);
        check_line(Kind::Binary, "1", None, r#"{"id":"a\"b","content_type":"binary","content_base64":"MQ=="}"#);
    }
}
