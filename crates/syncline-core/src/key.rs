//! Names of items.

use std::{borrow::Borrow, fmt, ops::Deref, str, sync::Arc};

use crate::{Error, ErrorKind, Result, limits};

/// The name of one item: 1 to 1,024 bytes of UTF-8 without control characters.
///
/// Keys are compared byte by byte, never by a collation. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Checks `name` and takes it as a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it is empty, longer than [`limits::KEY_BYTES_MAX`] or holds a control character.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        check(name)?;
        Ok(Self(Arc::from(name)))
    }

    /// The key that these bytes spell.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when they are not UTF-8 or not a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match str::from_utf8(bytes) {
            Ok(name) => Self::new(name),
            Err(source) => Err(Error::new(ErrorKind::Invalid, "key is not UTF-8").with_source(source)),
        }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "key is empty"));
    }
    if name.len() > limits::KEY_BYTES_MAX {
        let message = format!("key has {} bytes, the most is {}", name.len(), limits::KEY_BYTES_MAX);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    match name.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => {
            let message = format!("key holds the control character U+{:04X} at byte {at}", u32::from(c));
            Err(Error::new(ErrorKind::Invalid, message))
        }
        None => Ok(()),
    }
}

impl Deref for Key {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Key {
    type Error = Error;
    fn try_from(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(name: &str, message: &str) {
        let error = Key::new(name).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, message));
    }

    #[test]
    fn bounds_and_control_characters_are_refused_by_name() {
        check_refused("", "key is empty");
        check_refused("a\nb", "key holds the control character U+000A at byte 1");
        check_refused("\u{85}", "key holds the control character U+0085 at byte 0");
        check_refused(&"x".repeat(1_025), "key has 1025 bytes, the most is 1024");
        assert!(Key::new("x".repeat(1_024)).is_ok());
    }

    #[test]
    fn order_is_the_order_of_bytes() {
        let mut keys: Vec<Key> = ["ü", "a.b", "A", "a", "z"].iter().map(|name| Key::new(name).unwrap()).collect();
        keys.sort();
        let names: Vec<&str> = keys.iter().map(Key::as_str).collect();
        assert_eq!(names, ["A", "a", "a.b", "z", "ü"]);
    }
}
