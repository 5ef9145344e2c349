//! What users submit and get back: exact bytes under a name.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde_json::Value;
use syncline_core::{Body, ContentHash, ContentType, Error, ErrorKind, Key, Record, Result, Version, WallTime};

/// One item: a name and the exact bytes of its content. Clones share the bytes.
///
/// Content type, hash and size are computed once, when it is made; it cannot be changed afterwards. It dereferences to a
/// read-only [`ItemView`], which is built when it is first looked at.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline_engine::SyncItem;
///
/// let item = SyncItem::new("users.1".into(), json!({"name": "Ada"}));
/// assert_eq!(item.content["name"], "Ada");
/// assert_eq!(&item.content_bytes()[..], br#"{"name":"Ada"}"#);
/// assert_eq!(item.version(), None, "it was not submitted yet");
/// ```
#[derive(Clone)]
pub struct SyncItem {
    body: Arc<ItemBody>,
    version: Option<Version>,
    expires_at: Option<WallTime>,
    /// Belongs to this handle alone, so that what a reader parses does not grow what is kept in memory.
    view: OnceLock<Arc<ItemView>>,
}

struct ItemBody {
    /// The name; what is no key stays as it came, for `submit` to refuse.
    name: Result<Key, String>,
    content: Bytes,
    content_type: ContentType,
    hash: ContentHash,
}

/// An item as its reader sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemView {
    /// Its name.
    pub id: String,
    /// Its content as a JSON value. `Null` when it is not JSON, or JSON that no [`Value`] can hold: a number beyond `f64`,
    /// more than 128 levels. The [bytes](SyncItem::content_bytes) are exact in every case.
    pub content: Value,
}

impl SyncItem {
    /// An item of JSON. Never fails: a name that is no key is refused when the item is submitted.
    pub fn new(id: String, content: Value) -> Self {
        let bytes = Bytes::from(content.to_string());
        let item = Self::of(&id, bytes, ContentType::Json);
        Self { view: OnceLock::from(Arc::new(ItemView { id, content })), ..item }
    }

    /// An item of JSON that is text already: its bytes are kept as they are, spaces, key order, large numbers and all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when they are not exactly one JSON value in UTF-8.
    pub fn from_json(id: impl AsRef<str>, json: impl Into<Bytes>) -> Result<Self> {
        let json = json.into();
        let refused =
            |what: &str| Error::new(ErrorKind::Invalid, format!("content of {:?} is not {what}", id.as_ref()));
        let text = std::str::from_utf8(&json).map_err(|source| refused("UTF-8").with_source(source))?;
        serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map_err(|source| refused("one JSON value").with_source(source))?;
        Ok(Self::of(id.as_ref(), json, ContentType::Json))
    }

    /// An item of any bytes.
    pub fn binary(id: impl AsRef<str>, content: impl Into<Bytes>) -> Self {
        Self::of(id.as_ref(), content.into(), ContentType::Binary)
    }

    /// The same item, which ceases to exist at `at` in every tier.
    #[must_use]
    pub fn with_expires_at(mut self, at: WallTime) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Its name.
    pub fn id(&self) -> &str {
        match &self.body.name {
            Ok(key) => key,
            Err(name) => name,
        }
    }

    /// The exact bytes of its content.
    pub fn content_bytes(&self) -> &Bytes {
        &self.body.content
    }

    /// What these bytes are.
    pub fn content_type(&self) -> ContentType {
        self.body.content_type
    }

    /// Hash of content type and content.
    pub fn hash(&self) -> ContentHash {
        self.body.hash
    }

    /// When it ceases to exist; `None` means never.
    pub fn expires_at(&self) -> Option<WallTime> {
        self.expires_at
    }

    /// Its place in the order of its key's writes; `None` for an item that was not read from an engine.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    fn of(name: &str, content: Bytes, content_type: ContentType) -> Self {
        let hash = ContentHash::of(content_type, &content);
        let name = Key::new(name).map_err(|_| name.to_owned());
        Self::assemble(ItemBody { name, content, content_type, hash })
    }

    fn assemble(body: ItemBody) -> Self {
        Self { body: Arc::new(body), version: None, expires_at: None, view: OnceLock::new() }
    }

    /// An item as it stands in a journal or an archive.
    pub(crate) fn stored(
        key: Key,
        version: Version,
        (content_type, hash, content): (ContentType, ContentHash, Bytes),
        expires_at: Option<WallTime>,
    ) -> Self {
        let item = Self::assemble(ItemBody { name: Ok(key), content, content_type, hash });
        Self { version: Some(version), expires_at, ..item }
    }

    /// The item of a record; `None` for a tombstone.
    pub(crate) fn from_record(record: Record) -> Option<Self> {
        let Body::Put { content, content_type, hash } = record.body else { return None };
        Some(Self::stored(record.key, record.version, (content_type, hash, content), record.expires_at))
    }

    /// The same item with the version it was written with, sharing its bytes.
    pub(crate) fn stamped(&self, version: Version) -> Self {
        Self { version: Some(version), ..self.without_view() }
    }

    /// The same item with bytes of its own: what is kept must not keep a larger buffer of the caller's alive.
    pub(crate) fn detached(&self) -> Self {
        let ItemBody { name, content, content_type, hash } = &*self.body;
        let content = Bytes::copy_from_slice(content);
        let body = ItemBody { name: name.clone(), content, content_type: *content_type, hash: *hash };
        Self { version: self.version, expires_at: self.expires_at, ..Self::assemble(body) }
    }

    /// The same item without what its holder parsed.
    pub(crate) fn without_view(&self) -> Self {
        Self {
            body: Arc::clone(&self.body),
            version: self.version,
            expires_at: self.expires_at,
            view: OnceLock::new(),
        }
    }

    /// Its name as a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it is no key.
    pub(crate) fn key(&self) -> Result<Key> {
        match &self.body.name {
            Ok(key) => Ok(key.clone()),
            Err(name) => Key::new(name),
        }
    }

    /// What is written of it.
    pub(crate) fn to_body(&self) -> Body {
        let ItemBody { content, content_type, hash, .. } = &*self.body;
        Body::Put { content: content.clone(), content_type: *content_type, hash: *hash }
    }

    /// Whether it has ceased to exist. Reads the calendar only for items that can.
    pub(crate) fn is_expired(&self, now: impl FnOnce() -> WallTime) -> bool {
        self.expires_at.is_some_and(|at| at <= now())
    }
}

impl Deref for SyncItem {
    type Target = ItemView;

    fn deref(&self) -> &ItemView {
        self.view.get_or_init(|| {
            let content = match self.body.content_type {
                ContentType::Json => serde_json::from_slice(&self.body.content).unwrap_or(Value::Null),
                ContentType::Binary => Value::Null,
            };
            Arc::new(ItemView { id: self.id().to_owned(), content })
        })
    }
}

impl fmt::Debug for SyncItem {
    /// Sizes and names, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncItem")
            .field("id", &self.id())
            .field("content_type", &self.body.content_type)
            .field("content_bytes", &self.body.content.len())
            .field("hash", &self.body.hash)
            .field("version", &self.version)
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_text_keeps_its_bytes() {
        let text = r#" {"z":1, "a":12345678901234567890123,"z":2}"#;
        let item = SyncItem::from_json("k", text).unwrap();
        assert_eq!(item.content_bytes(), text.as_bytes());
        assert_eq!(item.content_type(), ContentType::Json);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused_by_name() {
        for text in ["", "{", "1 2", "{\"a\":1}x", "nul"] {
            let error = SyncItem::from_json("k", text).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "content of \"k\" is not one JSON value"));
        }
        let error = SyncItem::from_json("k", &b"\"\xff\""[..]).unwrap_err();
        assert_eq!(error.message(), "content of \"k\" is not UTF-8");
    }

    #[test]
    fn a_view_is_read_only_and_null_where_no_value_can_hold_the_content() {
        let item = SyncItem::new("k".into(), json!({"b": [1, null]}));
        assert_eq!((item.id.as_str(), &item.content), ("k", &json!({"b": [1, null]})));
        assert_eq!(SyncItem::binary("k", &b"{}"[..]).content, Value::Null);
        assert_eq!(SyncItem::from_json("k", "1e999").unwrap().content, Value::Null);
    }

    #[test]
    fn a_name_that_is_no_key_waits_for_submit_to_refuse_it() {
        let item = SyncItem::new("a\nb".into(), json!(1));
        assert_eq!(item.id(), "a\nb");
        assert_eq!(item.key().unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", SyncItem::new("k".into(), json!("secret")));
        assert!(!shown.contains("secret") && shown.contains("content_bytes: 8"), "{shown}");
    }
}
