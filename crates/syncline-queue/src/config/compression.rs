//! Compression for those who carry large payloads elsewhere too.

use crate::{QueueConfig, QueueError, QueueResult};

use super::check::LEVEL_MAX;

/// The first byte of what was stored as it is.
const RAW: u8 = 0;
/// The first byte of what zstd packed.
const ZSTD: u8 = 1;

/// Packs and unpacks bytes at a level.
///
/// A queue needs none: its journal compresses by itself, frame by frame. This is for what goes beside it, such as a payload
/// that is large enough to be packed before it is pushed or that goes to a place which does not compress.
///
/// What it makes begins with one byte that says how, 0 for raw and 1 for zstd, so that it can be unpacked at any level. Bytes
/// that would not get smaller are stored raw; so are all at level 0.
///
/// # Examples
///
/// ```
/// use syncline_queue::CompressionService;
///
/// # fn main() -> syncline_queue::QueueResult<()> {
/// let service = CompressionService::new(6)?;
/// let packed = service.compress(&[7; 10_000])?;
/// assert!(packed.len() < 100);
/// assert_eq!(service.decompress(&packed, 10_000)?, [7; 10_000]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionService {
    level: u32,
}

impl CompressionService {
    /// A service of this level: 0 stores raw, 1 to 9 are those of zstd.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](QueueError::InvalidConfig) for a level above 9.
    pub fn new(level: u32) -> QueueResult<Self> {
        if level > LEVEL_MAX {
            return Err(QueueError::InvalidConfig(format!("compression_level is {level}: above {LEVEL_MAX}")));
        }
        Ok(Self { level })
    }

    /// The level.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Packs bytes: at most one more than was given.
    ///
    /// # Errors
    ///
    /// [`CompressionError`](QueueError::CompressionError) when the library refuses, as without memory.
    pub fn compress(&self, plain: &[u8]) -> QueueResult<Vec<u8>> {
        let packed = match i32::try_from(self.level) {
            Ok(level) if level > 0 => zstd::bulk::compress(plain, level).map_err(failed)?,
            _ => Vec::new(),
        };
        let is_smaller = self.level > 0 && packed.len() < plain.len();
        let (codec, body) = if is_smaller { (ZSTD, &packed[..]) } else { (RAW, plain) };
        Ok([&[codec], body].concat())
    }

    /// Unpacks what [`compress`](Self::compress) made, at whatever level. No more than `bytes_max` is ever made of it,
    /// whatever it claims to hold.
    ///
    /// # Errors
    ///
    /// [`CompressionError`](QueueError::CompressionError) for bytes that are damaged, not of this kind, or would be more than
    /// `bytes_max`.
    pub fn decompress(&self, packed: &[u8], bytes_max: usize) -> QueueResult<Vec<u8>> {
        match packed.split_first() {
            Some((&RAW, body)) if body.len() > bytes_max => {
                Err(QueueError::CompressionError(format!("{} bytes are more than the most, {bytes_max}", body.len())))
            }
            Some((&RAW, body)) => Ok(body.to_vec()),
            Some((&ZSTD, body)) => zstd::bulk::decompress(body, bytes_max).map_err(failed),
            Some((codec, _)) => Err(QueueError::CompressionError(format!("there is no codec {codec}"))),
            None => Err(QueueError::CompressionError("no bytes to unpack".to_owned())),
        }
    }
}

impl Default for CompressionService {
    /// The level of [`QueueConfig::default`], 6.
    fn default() -> Self {
        Self { level: QueueConfig::default().compression_level }
    }
}

fn failed(error: std::io::Error) -> QueueError {
    QueueError::CompressionError(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service(level: u32) -> CompressionService {
        CompressionService::new(level).unwrap()
    }

    #[test]
    fn levels_end_at_nine() {
        assert_eq!(
            CompressionService::new(10).unwrap_err().to_string(),
            "invalid configuration: compression_level is 10: above 9"
        );
        assert_eq!(CompressionService::default(), service(6));
    }

    #[test]
    fn level_zero_stores_raw_and_what_does_not_shrink_is_raw_too() {
        assert_eq!(service(0).compress(&[7; 100]).unwrap(), [&[RAW][..], &[7; 100]].concat());
        assert_eq!(service(9).compress(b"ab").unwrap(), [RAW, b'a', b'b']);
        assert!(service(1).compress(&[7; 100]).unwrap().len() < 100);
    }

    /// The original unpacked without a bound: a file of 1,018 KiB filled 1,024 MiB.
    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let bomb = service(9).compress(&vec![0; 1 << 20]).unwrap();
        assert!(bomb.len() < 1_000);
        let refused = service(9).decompress(&bomb, (1 << 20) - 1).unwrap_err();
        assert!(matches!(refused, QueueError::CompressionError(_)), "{refused}");
        let raw = service(0).compress(&[1; 11]).unwrap();
        assert_eq!(
            service(0).decompress(&raw, 10).unwrap_err().to_string(),
            "compression failed: 11 bytes are more than the most, 10"
        );
    }

    #[test]
    fn bytes_of_another_kind_are_told() {
        let told = |bytes: &[u8]| service(6).decompress(bytes, 10).unwrap_err().to_string();
        assert_eq!(told(&[]), "compression failed: no bytes to unpack");
        assert_eq!(told(b"\x1f\x8b"), "compression failed: there is no codec 31");
    }

    proptest! {
        #[test]
        fn bytes_come_back_at_any_level(plain: Vec<u8>, level in 0..=9_u32, other in 0..=9_u32) {
            let packed = service(level).compress(&plain).unwrap();
            prop_assert!(packed.len() <= plain.len() + 1);
            prop_assert_eq!(service(other).decompress(&packed, plain.len()).unwrap(), plain);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_bounded(bytes: Vec<u8>) {
            if let Ok(plain) = service(6).decompress(&bytes, 64) {
                prop_assert!(plain.len() <= 64);
            }
        }
    }
}
