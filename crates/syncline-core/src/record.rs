//! One write to one key, as every tier sees it.

use bytes::Bytes;

use crate::{ContentHash, ContentType, Key, Version, WallTime};

/// One write: plain data. A delete is a write too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which item.
    pub key: Key,
    /// Its place in the order of the key's writes.
    pub version: Version,
    /// What was written.
    pub body: Body,
    /// When it ceases to exist, in every tier; `None` means never.
    pub expires_at: Option<WallTime>,
}

/// What a [`Record`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Content.
    Put {
        /// The exact bytes.
        content: Bytes,
        /// What they are.
        content_type: ContentType,
        /// Their hash, computed once when the item was made.
        hash: ContentHash,
    },
    /// A tombstone: the item was deleted.
    Deleted,
}

impl Body {
    /// A body of `content`, hashed.
    pub fn put(content_type: ContentType, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let hash = ContentHash::of(content_type, &content);
        Self::Put { content, content_type, hash }
    }

    /// The content's hash; `None` for a tombstone.
    pub fn hash(&self) -> Option<ContentHash> {
        match self {
            Self::Put { hash, .. } => Some(*hash),
            Self::Deleted => None,
        }
    }

    /// Bytes of content; none for a tombstone.
    pub fn content_len(&self) -> usize {
        match self {
            Self::Put { content, .. } => content.len(),
            Self::Deleted => 0,
        }
    }
}

impl Record {
    /// Whether it has ceased to exist at `now`.
    pub fn is_expired(&self, now: WallTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
