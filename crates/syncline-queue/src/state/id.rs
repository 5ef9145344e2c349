//! Names of items. Most stand where they are kept: short ones as they are, drawn ones as the sixteen bytes that they write.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

/// Longest name that stands as it is.
const SHORT_BYTES: usize = 22;
/// A UUID as text, and where in it the two digits of each of its bytes begin.
const UUID_BYTES: usize = 36;
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A name. A text has one form alone, so that equal forms are equal texts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Id(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// What is beyond its length is zero.
    Short {
        len: u8,
        bytes: [u8; SHORT_BYTES],
    },
    /// A UUID in small letters.
    Uuid([u8; 16]),
    Long(Box<str>),
}

/// Room to write a name out.
pub(crate) type Room = [u8; UUID_BYTES];

/// Empty room.
pub(crate) const ROOM: Room = [0; UUID_BYTES];

impl Id {
    /// Its text, written into `room` where it does not stand anywhere.
    pub(crate) fn text<'a>(&'a self, room: &'a mut Room) -> &'a str {
        let bytes = match &self.0 {
            Form::Short { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Form::Uuid(bytes) => {
                write_uuid(bytes, room);
                room
            }
            Form::Long(text) => return text,
        };
        // Every form was made of text.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Bytes of its text.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Form::Short { len, .. } => usize::from(*len),
            Form::Uuid(_) => UUID_BYTES,
            Form::Long(text) => text.len(),
        }
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        let short = || {
            let mut bytes = [0; SHORT_BYTES];
            bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
            Some(Form::Short { len: u8::try_from(text.len()).ok()?, bytes })
        };
        Self(
            short()
                .or_else(|| read_uuid(text).map(Form::Uuid))
                .unwrap_or_else(|| Form::Long(text.into())),
        )
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Id> for String {
    fn from(id: &Id) -> Self {
        id.text(&mut ROOM.clone()).to_owned()
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Form::Short { len, bytes } => state.write(bytes.get(..usize::from(*len)).unwrap_or_default()),
            Form::Uuid(bytes) => state.write(bytes),
            Form::Long(text) => state.write(text.as_bytes()),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut ROOM.clone()))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text(&mut ROOM.clone()), f)
    }
}

fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; UUID_BYTES] = text.as_bytes().try_into().ok()?;
    if DASHES.iter().any(|at| text.get(*at) != Some(&b'-')) {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip(DIGITS) {
        let [high, low] = text.get(at..at + 2)? else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

fn write_uuid(bytes: &[u8; 16], room: &mut Room) {
    room.fill(b'-');
    for (byte, at) in bytes.iter().zip(DIGITS) {
        if let Some([high, low]) = room.get_mut(at..at + 2) {
            (*high, *low) = (letter(byte >> 4), letter(byte & 15));
        }
    }
}

fn letter(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_comes_back_as_it_was() {
        let drawn = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
        let texts = [
            "",
            "a",
            "exactly 22 bytes, here",
            "one more than 22 bytes.",
            "ü at the end of it: ü",
            drawn,
            &drawn.to_uppercase(),
            &drawn.replace('-', "_"),
            "00000000-0000-0000-0000-00000000000g",
            "0000000-00000-0000-0000-000000000000",
            &"x".repeat(1_024),
        ];
        for text in texts {
            let id = Id::from(text);
            assert_eq!((id.text(&mut ROOM.clone()), id.len()), (text, text.len()));
            for other in texts {
                assert_eq!(id == Id::from(other), text == other, "{text:?} {other:?}");
            }
        }
        assert!(matches!(Id::from(drawn).0, Form::Uuid(_)));
        assert_eq!(size_of::<Id>(), 24);
    }
}
