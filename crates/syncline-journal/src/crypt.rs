//! Encryption of frames: AES-256-GCM under a data key of each segment, wrapped by the user's key.
//!
//! A data key lives for one segment of one open, and a frame's nonce is its offset there. No offset of a segment is
//! written twice, because a failed write ends all writing, so no nonce can return under the same key.

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{AeadInOut, KeyInit, inout::InOutBuf},
};
use syncline_core::{Error, ErrorKind, Result, SecretKey, port::Random};
use zeroize::Zeroizing;

/// Bytes that encryption adds to a body.
pub(crate) const TAG_LEN: usize = 16;
pub(crate) const WRAPPED_LEN: usize = 32 + TAG_LEN;
pub(crate) const WRAP_NONCE_LEN: usize = 12;

/// Encrypts and decrypts the frames of one segment.
pub(crate) struct Cipher {
    aead: Aes256Gcm,
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher")
    }
}

/// A data key as a segment's header holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrapped {
    pub(crate) nonce: [u8; WRAP_NONCE_LEN],
    pub(crate) key: [u8; WRAPPED_LEN],
}

/// A fresh data key under `user_key`, bound to the segment that `identity` names.
pub(crate) fn wrap(user_key: &SecretKey, identity: &[u8], random: &dyn Random) -> Result<(Cipher, Wrapped)> {
    let mut data_key = Zeroizing::new([0; 32]);
    random.fill(data_key.as_mut());
    let mut nonce = [0; WRAP_NONCE_LEN];
    random.fill(&mut nonce);
    let mut sealed = Zeroizing::new(*data_key);
    let tag = Aes256Gcm::new(user_key.expose().into())
        .encrypt_inout_detached(&Nonce::from(nonce), identity, InOutBuf::from(sealed.as_mut_slice()))
        .map_err(|_| failed("the data key could not be wrapped"))?;
    let mut key = [0; WRAPPED_LEN];
    for (to, from) in key.iter_mut().zip(sealed.iter().chain(tag.iter())) {
        *to = *from;
    }
    Ok((Cipher::new(&data_key), Wrapped { nonce, key }))
}

/// The cipher of a segment whose header holds `wrapped`.
pub(crate) fn unwrap(user_key: &SecretKey, identity: &[u8], wrapped: &Wrapped) -> Result<Cipher> {
    let mut data_key = Zeroizing::new([0; 32]);
    let (sealed, tag) = wrapped.key.split_at(32);
    data_key.copy_from_slice(sealed);
    let tag = <[u8; TAG_LEN]>::try_from(tag).map_err(|_| failed("the wrapped key is too short"))?;
    Aes256Gcm::new(user_key.expose().into())
        .decrypt_inout_detached(
            &Nonce::from(wrapped.nonce),
            identity,
            InOutBuf::from(data_key.as_mut_slice()),
            &tag.into(),
        )
        .map_err(|_| Error::new(ErrorKind::Denied, "the key given does not open it"))?;
    Ok(Cipher::new(&data_key))
}

fn failed(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

impl Cipher {
    fn new(data_key: &[u8; 32]) -> Self {
        Self { aead: Aes256Gcm::new(data_key.into()) }
    }

    /// Encrypts `body` in place and returns its tag. `offset` is where its frame will stand.
    pub(crate) fn seal(&self, offset: u64, associated: &[u8], body: &mut [u8]) -> Result<[u8; TAG_LEN]> {
        let nonce = Nonce::from(nonce(offset));
        let tag = self.aead.encrypt_inout_detached(&nonce, associated, InOutBuf::from(body));
        tag.map(Into::into).map_err(|_| failed("a frame could not be encrypted"))
    }

    /// Decrypts `body`, tag included, in place; it is shortened by the tag.
    pub(crate) fn open(&self, offset: u64, associated: &[u8], body: &mut Vec<u8>) -> Result<()> {
        let not_authentic = || failed("a frame is not what was encrypted");
        let len = body.len().checked_sub(TAG_LEN).ok_or_else(not_authentic)?;
        let tag = body.split_off(len);
        let tag = <[u8; TAG_LEN]>::try_from(tag.as_slice()).map_err(|_| not_authentic())?;
        let nonce = Nonce::from(nonce(offset));
        self.aead
            .decrypt_inout_detached(&nonce, associated, InOutBuf::from(body.as_mut_slice()), &tag.into())
            .map_err(|_| not_authentic())
    }
}

fn nonce(offset: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(offset.to_le_bytes()) {
        *to = from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use syncline_core::rt::SystemRandom;

    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_with_its_user_key_and_its_segment() {
        let [right, wrong] = [1, 2].map(|byte| SecretKey::new([byte; 32]).unwrap());
        let (cipher, wrapped) = wrap(&right, b"segment 1", &SystemRandom).unwrap();
        let mut body = b"payload".to_vec();
        let tag = cipher.seal(160, b"header", &mut body).unwrap();
        body.extend_from_slice(&tag);
        assert_eq!(unwrap(&wrong, b"segment 1", &wrapped).unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(unwrap(&right, b"segment 2", &wrapped).unwrap_err().kind(), ErrorKind::Denied);
        let again = unwrap(&right, b"segment 1", &wrapped).unwrap();
        assert!(again.open(161, b"header", &mut body.clone()).is_err());
        assert!(again.open(160, b"other", &mut body.clone()).is_err());
        again.open(160, b"header", &mut body).unwrap();
        assert_eq!(body, b"payload");
    }
}
