//! Items as the command knows them: the same whether they come from this process or from another.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use syncline::{ContentType, WallTime, engine::SyncItem};

/// An item to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewItem {
    /// Its name.
    pub(crate) id: String,
    /// Its exact bytes.
    pub(crate) content: Bytes,
    /// What they are.
    pub(crate) content_type: ContentType,
    /// When it ceases to exist.
    pub(crate) expires_at: Option<WallTime>,
}

impl NewItem {
    /// The engine's form of it.
    ///
    /// # Errors
    ///
    /// When content that should be JSON is not one JSON value.
    pub(crate) fn into_item(self) -> syncline::Result<SyncItem> {
        let item = match self.content_type {
            ContentType::Json => SyncItem::from_json(self.id, self.content)?,
            ContentType::Binary => SyncItem::binary(self.id, self.content),
        };
        Ok(match self.expires_at {
            Some(at) => item.with_expires_at(at),
            None => item,
        })
    }
}

/// An item that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Everything but its content.
    pub(crate) about: About,
    /// Its exact bytes.
    pub(crate) content: Bytes,
}

/// Everything of an item but its content; as it is sent and printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// Its name.
    pub(crate) id: String,
    /// Bytes of content.
    pub(crate) bytes: u64,
    /// What they are.
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// Hash of type and content, as hexadecimal digits.
    pub(crate) hash: String,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// When it ceases to exist, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at_ms: Option<u64>,
}

/// What content is; the words that are sent, printed and imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One JSON value.
    Json,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// Its name, as it is sent, printed and imported.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

impl From<ContentType> for Kind {
    fn from(content_type: ContentType) -> Self {
        match content_type {
            ContentType::Json => Self::Json,
            ContentType::Binary => Self::Binary,
        }
    }
}

impl From<Kind> for ContentType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Json => Self::Json,
            Kind::Binary => Self::Binary,
        }
    }
}

impl From<&SyncItem> for Item {
    fn from(item: &SyncItem) -> Self {
        let content = item.content_bytes().clone();
        let about = About {
            id: item.id().to_owned(),
            bytes: content.len() as u64,
            kind: item.content_type().into(),
            hash: item.hash().to_string(),
            version: item.version().map(|version| version.to_string()),
            expires_at_ms: item.expires_at().map(WallTime::as_millis),
        };
        Self { about, content }
    }
}

/// What became of a submitted item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Put {
    /// It is stored and survives power loss.
    Accepted {
        /// As which version.
        version: String,
    },
    /// The same content was stored already; nothing was written.
    Unchanged,
}

/// One page of a scan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Items in ascending order of their ids.
    pub(crate) items: Vec<Item>,
    /// Whether there may be more after the last of them.
    pub(crate) more: bool,
}

/// Which items a page holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// Each id begins with this.
    pub(crate) prefix: String,
    /// Only ids after this one.
    pub(crate) after: Option<String>,
    /// Most items of the page.
    pub(crate) limit: usize,
}

/// The result of one item of a batch.
pub(crate) type PutResult = Result<Put, syncline::Error>;
