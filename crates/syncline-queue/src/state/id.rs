//! Names of items. Most stand where they are kept: short ones as they are, drawn ones as the sixteen bytes that they write.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::Utf8Error,
};

/// Longest name that stands as it is.
const SHORT_BYTES: usize = 22;
/// A UUID as text, and where in it the two digits of each of its bytes begin.
const UUID_BYTES: usize = 36;
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// Where in it the digits of each four of its bytes begin, four and four.
const FOURS: [(usize, usize); 4] = [(0, 4), (9, 14), (19, 24), (28, 32)];

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

impl TryFrom<&[u8]> for Id {
    type Error = Utf8Error;

    fn try_from(text: &[u8]) -> Result<Self, Utf8Error> {
        // Most are, and then they are text.
        if let Some(bytes) = read_uuid(text) {
            return Ok(Self(Form::Uuid(bytes)));
        }
        std::str::from_utf8(text).map(Self::from)
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
                .or_else(|| read_uuid(text.as_bytes()).map(Form::Uuid))
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

fn read_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; UUID_BYTES] = text.try_into().ok()?;
    if DASHES.iter().any(|at| text.get(*at) != Some(&b'-')) {
        return None;
    }
    let four = |at: usize| text.get(at..)?.first_chunk().copied().map(u32::from_le_bytes).map(u64::from);
    let mut bytes = [0; 16];
    let (words, _) = bytes.as_chunks_mut::<4>();
    for (word, (low, high)) in words.iter_mut().zip(FOURS) {
        *word = read_digits(four(low)? | four(high)? << 32)?.to_le_bytes();
    }
    Some(bytes)
}

/// The four bytes that eight small digits write, all at once; the first of each is the lowest byte.
fn read_digits(letters: u64) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    if letters & HIGH != 0 {
        return None;
    }
    // The high bit of each byte that is this letter or one behind it.
    let from = |letter: u8| letters + (0x80 - u64::from(letter)) * EACH;
    let is_digit = from(b'0') & !from(b'9' + 1);
    let is_letter = from(b'a') & !from(b'f' + 1) & HIGH;
    if (is_digit | is_letter) & HIGH != HIGH {
        return None;
    }
    let digits = (letters & (0x0f * EACH)) + (is_letter >> 7) * 9;
    let bytes = (digits << 4 | digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    u32::try_from((pairs | pairs >> 16) & 0xffff_ffff).ok()
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
            assert_eq!(Id::try_from(text.as_bytes()), Ok(id.clone()));
            for other in texts {
                assert_eq!(id == Id::from(other), text == other, "{text:?} {other:?}");
            }
        }
        assert!(Id::try_from(&[0xff; UUID_BYTES][..]).is_err());
        assert!(matches!(Id::from(drawn).0, Form::Uuid(_)));
        assert_eq!(size_of::<Id>(), 24);
    }

    #[test]
    fn a_digit_is_a_small_one_whatever_stands_beside_it() {
        const TEXT: &str = "01234567-89ab-cdef-0123-456789abcdef";
        let read = read_uuid(TEXT.as_bytes()).unwrap();
        assert_eq!(read, [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef].repeat(2)[..]);
        for at in (0..UUID_BYTES).filter(|at| !DASHES.contains(at)) {
            for letter in 0..=u8::MAX {
                let mut text = TEXT.as_bytes().to_vec();
                text[at] = letter;
                let read = read_uuid(&text).map(|bytes| Id(Form::Uuid(bytes)).to_string().into_bytes());
                let is_digit = matches!(letter, b'0'..=b'9' | b'a'..=b'f');
                assert_eq!(read, is_digit.then_some(text), "{letter} at {at}");
            }
        }
    }
}
