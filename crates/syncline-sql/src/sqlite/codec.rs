//! One row of the table `item`: records become rows, rows become records that are proven.

use std::borrow::Cow;

use bytes::Bytes;
use rusqlite::{Row, types::ValueRef};
use syncline_core::{
    Body, ContentHash, ContentType, Error, ErrorKind, Key, Record, Result, Version, WallTime, port::Head,
};

use super::{
    connect::ROW_BYTES_MAX,
    error::failed,
    keys::{CLEAR, Keys},
    seal::{Nonces, OVERHEAD, Place},
};

/// All but the key, which never changes: naming it in an update would have SQLite write its index anew.
pub(super) const COLUMNS_BUT_KEY: &str =
    "version, content_type, codec, sealed_by, expires_at, size, checksum, hash, content";
/// What a record is read from, in the order of [`Stored`] and [`read`].
pub(super) const COLUMNS: &str =
    "key, version, content_type, codec, sealed_by, expires_at, size, checksum, hash, content";
/// What a head is read from: all but the content.
pub(super) const HEAD_COLUMNS: &str = "key, version, content_type, codec, sealed_by, expires_at, size, checksum, hash";

pub(super) const TOMBSTONE: u8 = 0;
/// Place of `sealed_by` among [`COLUMNS`].
pub(super) const SEALED_BY: usize = 4;

const CODEC_RAW: u8 = 0;
const CODEC_AES_256_GCM: u8 = 2;

/// Largest content that fits into a row with the longest key and all else.
const CONTENT_BYTES_MAX: usize = ROW_BYTES_MAX - 4_096;

/// Every column that the checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) version: Version,
    pub(super) content_type: u8,
    pub(super) codec: u8,
    pub(super) sealed_by: u32,
    pub(super) expires_at: Option<WallTime>,
    pub(super) size: u64,
    /// As stored: masked when the content is encrypted.
    pub(super) hash: Option<[u8; 32]>,
}

/// A row about to be written.
#[derive(Debug)]
pub(super) struct Stored<'a> {
    pub(super) meta: Meta,
    pub(super) checksum: u32,
    pub(super) content: Option<Cow<'a, [u8]>>,
}

/// The row of `record`, encrypted when there is a current key.
///
/// # Errors
///
/// [`ErrorKind::Invalid`] naming the key when the content is larger than a row may be.
pub(super) fn encode<'a>(record: &'a Record, keys: &Keys, nonces: &mut Nonces<'_>) -> Result<Stored<'a>> {
    let clear = Meta {
        version: record.version,
        content_type: TOMBSTONE,
        codec: CODEC_RAW,
        sealed_by: CLEAR,
        expires_at: record.expires_at,
        size: 0,
        hash: None,
    };
    let (meta, content) = match &record.body {
        Body::Deleted => (clear, None),
        Body::Put { content, .. } if content.len() > CONTENT_BYTES_MAX - OVERHEAD => {
            let (len, max) = (content.len(), CONTENT_BYTES_MAX - OVERHEAD);
            let message = format!("content of {:?} has {len} bytes, the most of a row is {max}", record.key);
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Body::Put { content, content_type, hash } => {
            let size = content.len() as u64;
            let clear = Meta { content_type: content_type.code(), size, hash: Some(*hash.as_bytes()), ..clear };
            match keys.current() {
                None => (clear, Some(Cow::Borrowed(&**content))),
                Some((sealed_by, sealer)) => {
                    let row = sealer.row(clear.place(record.key.as_bytes()));
                    let hash = Some(row.mask(hash.as_bytes()));
                    let sealed = row.seal(content, nonces.draw())?;
                    (Meta { codec: CODEC_AES_256_GCM, sealed_by, hash, ..clear }, Some(Cow::Owned(sealed)))
                }
            }
        }
    };
    Ok(Stored { checksum: meta.checksum(record.key.as_bytes()), meta, content })
}

/// The record in a row of [`COLUMNS`], proven against its checksum and hash.
///
/// # Errors
///
/// [`ErrorKind::Corrupt`] naming the key; [`ErrorKind::Denied`] when it needs a key that was not given.
pub(super) fn read(row: &Row<'_>, keys: &Keys) -> Result<Record> {
    let key = read_key(row)?;
    let record = read_named(row, &key, keys).map_err(|error| error.context(format_args!("item {key:?}")))?;
    Ok(Record { key, ..record })
}

/// The head in a row of [`HEAD_COLUMNS`], proven against its checksum.
pub(super) fn read_head(row: &Row<'_>, keys: &Keys) -> Result<Head> {
    let key = read_key(row)?;
    let head = Meta::read(row, &key).and_then(|meta| meta.head(&key, keys));
    head.map_err(|error| error.context(format_args!("item {key:?}")))
}

fn read_key(row: &Row<'_>) -> Result<Key> {
    let bytes = row.get_ref(0).map_err(failed("a row cannot be read"))?;
    let key = bytes.as_blob().ok().and_then(|bytes| Key::from_bytes(bytes).ok());
    key.ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("a row has the key {bytes:?}, which is none")))
}

fn read_named(row: &Row<'_>, key: &Key, keys: &Keys) -> Result<Record> {
    let meta = Meta::read(row, key)?;
    let head = meta.head(key, keys)?;
    let content = row.get_ref(9).map_err(failed("content cannot be read"))?;
    let body = match (head.content, content) {
        (None, ValueRef::Null) => Body::Deleted,
        (Some((hash, content_type)), ValueRef::Blob(stored)) => {
            let content = match meta.codec {
                CODEC_RAW => Bytes::copy_from_slice(stored),
                _ => Bytes::from(keys.get(meta.sealed_by)?.row(meta.place(key.as_bytes())).open(stored)?),
            };
            prove(&content, content_type, hash, meta.size)?;
            Body::Put { content, content_type, hash }
        }
        _ => return Err(Error::new(ErrorKind::Corrupt, "content and content type do not agree")),
    };
    Ok(Record { key: key.clone(), version: head.version, body, expires_at: head.expires_at })
}

fn prove(content: &[u8], content_type: ContentType, hash: ContentHash, size: u64) -> Result<()> {
    let found = ContentHash::of(content_type, content);
    if found != hash || content.len() as u64 != size {
        let message = format!("content of {} bytes has the hash {found}, stored were {size} and {hash}", content.len());
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    Ok(())
}

impl Meta {
    fn read(row: &Row<'_>, key: &Key) -> Result<Self> {
        let read = || {
            let expires_at: Option<i64> = row.get(5)?;
            let meta = Self {
                version: Version::from_bytes(row.get(1)?),
                content_type: row.get(2)?,
                codec: row.get(3)?,
                sealed_by: row.get(SEALED_BY)?,
                expires_at: expires_at.map(|millis| WallTime::from_millis(millis.cast_unsigned())),
                size: row.get::<_, i64>(6)?.cast_unsigned(),
                hash: row.get(8)?,
            };
            Ok((meta, row.get::<_, u32>(7)?))
        };
        let (meta, checksum) = read().map_err(failed("its row cannot be read"))?;
        if meta.checksum(key.as_bytes()) != checksum {
            return Err(Error::new(ErrorKind::Corrupt, "its row fails its checksum"));
        }
        Ok(meta)
    }

    fn head(&self, key: &Key, keys: &Keys) -> Result<Head> {
        let content = match (self.content_type, self.hash) {
            (TOMBSTONE, None) => None,
            (code, Some(stored)) => Some((self.unmask(key, &stored, keys)?, ContentType::from_code(code)?)),
            _ => return Err(Error::new(ErrorKind::Corrupt, "hash and content type do not agree")),
        };
        Ok(Head { version: self.version, content, expires_at: self.expires_at })
    }

    fn unmask(&self, key: &Key, stored: &[u8; 32], keys: &Keys) -> Result<ContentHash> {
        match self.codec {
            CODEC_RAW => Ok(ContentHash::from_bytes(*stored)),
            CODEC_AES_256_GCM => {
                let sealer = keys.get(self.sealed_by)?;
                Ok(ContentHash::from_bytes(sealer.row(self.place(key.as_bytes())).mask(stored)))
            }
            other => Err(Error::new(ErrorKind::Corrupt, format!("no codec has the number {other}"))),
        }
    }

    fn place<'a>(&self, key: &'a [u8]) -> Place<'a> {
        Place { key, version: self.version, content_type: self.content_type }
    }

    /// CRC32C of all that stands beside the content, which has its own hash.
    fn checksum(&self, key: &[u8]) -> u32 {
        let mut crc = crc32c::crc32c(&self.version.to_bytes());
        crc = crc32c::crc32c_append(crc, &[self.content_type, self.codec, u8::from(self.expires_at.is_some())]);
        crc = crc32c::crc32c_append(crc, &self.sealed_by.to_le_bytes());
        crc = crc32c::crc32c_append(crc, &self.expires_at.unwrap_or_default().as_millis().to_le_bytes());
        crc = crc32c::crc32c_append(crc, &self.size.to_le_bytes());
        crc = crc32c::crc32c_append(crc, self.hash.as_ref().map_or(&[], |hash| hash.as_slice()));
        crc32c::crc32c_append(crc, key)
    }
}
