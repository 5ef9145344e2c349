//! What an item holds: exact bytes, a type, and the hash that proves them.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// What the bytes of an item are. They are stored as they came, whatever their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContentType {
    /// One JSON value.
    Json = 1,
    /// Any bytes.
    Binary = 2,
}

impl ContentType {
    /// The number that stands for it on disk.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The type with this number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when no type has it.
    pub fn from_code(code: u8) -> Result<Self> {
        match code {
            1 => Ok(Self::Json),
            2 => Ok(Self::Binary),
            other => Err(Error::new(ErrorKind::Corrupt, format!("no content type has the code {other}"))),
        }
    }
}

/// BLAKE3 hash of content type and content. Two items are the same when key and hash are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of `content` taken as `content_type`.
    pub fn of(content_type: ContentType, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[content_type.code()]);
        hasher.update(content);
        Self(*hasher.finalize().as_bytes())
    }

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash in a slice that must be 32 bytes long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when it has another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(_) => {
                let message = format!("a content hash has 32 bytes, this one {}", bytes.len());
                Err(Error::new(ErrorKind::Corrupt, message))
            }
        }
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_of_another_type_hash_differently() {
        let json = ContentHash::of(ContentType::Json, b"1");
        assert_ne!(json, ContentHash::of(ContentType::Binary, b"1"));
        assert_eq!(ContentHash::from_slice(json.as_bytes()).unwrap(), json);
    }

    #[test]
    fn unknown_codes_and_lengths_are_corrupt() {
        assert_eq!(ContentType::from_code(9).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(ContentHash::from_slice(&[1; 31]).unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(
            [ContentType::Json, ContentType::Binary]
                .iter()
                .all(|t| ContentType::from_code(t.code()).unwrap() == *t)
        );
    }
}
