//! From the bytes of the file to the snapshot in it.
//!
//! ```text
//! file     = snapshot | gzip of a snapshot | envelope of one of these
//! envelope = {"nonce": [12 numbers], "ciphertext": [numbers], "salt": [numbers] or null, "algorithm": "AES-256-GCM"}
//! snapshot = {"metadata": {"version": 1, ..}, "items": [..]}
//! ```

use std::io::Read as _;

use aes_gcm::{
    Aes256Gcm, Nonce, Tag,
    aead::{AeadInOut as _, KeyInit as _, inout::InOutBuf},
};
use flate2::read::GzDecoder;
use serde::Deserialize;
use syncline_core::{Error, ErrorKind};

use crate::{QueueError, QueueResult};

/// Most bytes of a snapshot, whatever it claims to unpack to.
pub(super) const SNAPSHOT_BYTES_MAX: usize = 512 * 1_024 * 1_024;
const ALGORITHM: &str = "AES-256-GCM";
const GZIP: [u8; 2] = [0x1f, 0x8b];
const TAG_BYTES: usize = 16;

#[derive(Deserialize)]
struct Envelope {
    nonce: Vec<u8>,
    ciphertext: Vec<u8>,
    algorithm: String,
}

/// Whether it is an envelope, before its numbers are read.
#[derive(Deserialize)]
struct Shape {
    ciphertext: Option<serde::de::IgnoredAny>,
}

/// The snapshot in these bytes.
///
/// # Errors
///
/// [`Corrupted`](QueueError::Corrupted) for what is damaged, or larger than `bytes_max`;
/// [`EncryptionError`](QueueError::EncryptionError) for a wrong key, or none.
pub(super) fn unpack(bytes: Vec<u8>, key: Option<&[u8]>, bytes_max: usize) -> QueueResult<Vec<u8>> {
    let bytes = if is_envelope(&bytes) { open(&bytes, key)? } else { bytes };
    if bytes.starts_with(&GZIP) { inflate(&bytes, bytes_max) } else { Ok(bytes) }
}

fn is_envelope(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Shape>(bytes).is_ok_and(|shape| shape.ciphertext.is_some())
}

fn open(bytes: &[u8], key: Option<&[u8]>) -> QueueResult<Vec<u8>> {
    let envelope: Envelope =
        serde_json::from_slice(bytes).map_err(|error| damaged("its envelope cannot be read").with(error))?;
    if envelope.algorithm != ALGORITHM {
        let message = format!("it is encrypted with {:?}, this program reads {ALGORITHM}", envelope.algorithm);
        return Err(QueueError::PersistenceError(Error::new(ErrorKind::Invalid, message)));
    }
    let denied = |message: &'static str| QueueError::EncryptionError(Error::new(ErrorKind::Denied, message));
    let key = key.ok_or_else(|| denied("it is encrypted, and no encryption_key was given"))?;
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_| denied("the key is not of 32 bytes"))?;
    let nonce = <[u8; 12]>::try_from(envelope.nonce).map_err(|_| damaged("its nonce has not 12 bytes"))?;
    let mut sealed = envelope.ciphertext;
    let split = sealed
        .len()
        .checked_sub(TAG_BYTES)
        .ok_or_else(|| damaged("its ciphertext is too short"))?;
    let tag = sealed.split_off(split);
    let tag = <[u8; TAG_BYTES]>::try_from(tag).map_err(|_| damaged("its ciphertext is too short"))?;
    cipher
        .decrypt_inout_detached(&Nonce::from(nonce), &[], InOutBuf::from(sealed.as_mut_slice()), &Tag::from(tag))
        .map_err(|_| denied("the key given does not open it, or it is damaged"))?;
    Ok(sealed)
}

/// Inflates no more than `bytes_max`: a file that unpacks to a thousand times its size must not take all memory.
fn inflate(bytes: &[u8], bytes_max: usize) -> QueueResult<Vec<u8>> {
    let mut inflated = Vec::new();
    let mut gzip = GzDecoder::new(bytes).take(bytes_max as u64 + 1);
    gzip.read_to_end(&mut inflated)
        .map_err(|error| damaged("its gzip stream is damaged").with(error))?;
    if inflated.len() > bytes_max {
        return Err(damaged(format!("it unpacks to more than {bytes_max} bytes, the most")).into());
    }
    Ok(inflated)
}

/// What is wrong with the file.
pub(super) struct Damage(Error);

pub(super) fn damaged(message: impl Into<std::borrow::Cow<'static, str>>) -> Damage {
    Damage(Error::new(ErrorKind::Corrupt, message))
}

impl Damage {
    pub(super) fn with(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(self.0.with_source(source))
    }
}

impl From<Damage> for QueueError {
    fn from(damage: Damage) -> Self {
        Self::Corrupted(damage.0)
    }
}
