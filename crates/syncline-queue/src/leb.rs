//! Numbers, bytes and texts in a row: LEB128, and lengths in front.

use bytes::BufMut;

/// Why what was to be read is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("an end too soon")]
    TooSoon,
    #[error("a number that is too large")]
    TooLarge,
    #[error("text that is not UTF-8")]
    NotText,
}

pub(crate) fn put_number(out: &mut impl BufMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.put_u8(u8::try_from(number).unwrap_or(0));
}

pub(crate) fn put_text(out: &mut impl BufMut, text: &str) {
    put_number(out, text.len() as u64);
    out.put_slice(text.as_bytes());
}

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Source<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Broken> {
        let (byte, rest) = self.rest.split_first().ok_or(Broken::TooSoon)?;
        self.rest = rest;
        Ok(*byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::TooLarge)
    }

    /// Bytes led by their length.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Broken> {
        let len = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Broken::TooSoon)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Broken::NotText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_and_what_cannot_be_is_told_apart() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, number);
            put_text(&mut out, "ü");
            let mut from = Source { rest: &out };
            assert_eq!((from.number(), from.text(), from.byte()), (Ok(number), Ok("ü"), Err(Broken::TooSoon)));
        }
        assert_eq!(Source { rest: &[0xff; 10] }.number(), Err(Broken::TooLarge));
        assert_eq!(Source { rest: &[0xff; 9] }.number(), Err(Broken::TooSoon));
        assert_eq!(Source { rest: &[1, 0xff] }.text(), Err(Broken::NotText));
        assert_eq!(Source { rest: &[2, 0xff] }.text(), Err(Broken::TooSoon));
    }
}
