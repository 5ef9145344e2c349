//! Keys that encrypt, kept out of logs, errors and dumps.

use std::fmt;

use zeroize::ZeroizeOnDrop;

use crate::{Error, ErrorKind, Result};

/// A 32-byte key given by the user. It never prints, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// Which key something was encrypted with; safe to store and print.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl SecretKey {
    /// Takes 32 bytes as a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when all bytes are zero: a key that was never drawn.
    pub fn new(bytes: [u8; 32]) -> Result<Self> {
        if bytes == [0; 32] {
            return Err(Error::new(ErrorKind::Invalid, "the key is all zeros; draw one at random"));
        }
        Ok(Self(bytes))
    }

    /// Reads a key written as 64 hexadecimal digits; space around them is ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] when it is anything else. The message never holds the text.
    pub fn from_hex(text: &str) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::Invalid, "a key is written as 64 hexadecimal digits");
        let text = text.trim().as_bytes();
        if text.len() != 64 {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            for digit in pair {
                let digit = char::from(*digit).to_digit(16).ok_or_else(invalid)?;
                *byte = (*byte << 4) | digit as u8;
            }
        }
        Self::new(bytes)
    }

    /// The key as 64 hexadecimal digits: for writing a key file, never for a log.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The bytes, for a cipher.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of this key: derived one-way, so that it may be stored beside what it encrypts.
    pub fn id(&self) -> KeyId {
        let derived = blake3::derive_key("syncline 2026 key id", &self.0);
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(derived) {
            *to = from;
        }
        KeyId(id)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id())
    }
}

impl KeyId {
    /// No key: stored where nothing is encrypted.
    pub const NONE: Self = Self([0; 8]);

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_prints_its_bytes() {
        let key = SecretKey::new([0xab; 32]).unwrap();
        assert!(!format!("{key:?}").contains("abab"));
        assert_eq!(SecretKey::from_hex(&key.to_hex()).unwrap(), key);
    }

    #[test]
    fn what_is_not_a_key_is_refused_without_repeating_it() {
        let long = "f0".repeat(33);
        for text in ["", "secret", long.as_str(), &"zz".repeat(32), &"00".repeat(32)] {
            let error = SecretKey::from_hex(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }
}
