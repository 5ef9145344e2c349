//! Encryption of content: AES-256-GCM under a key of each row.
//!
//! The row's key comes from the user's key, the item's key and the version, so a nonce drawn at random can only meet
//! itself in a repeat of one and the same write, however many rows a key has encrypted. Beside the row's key falls off a
//! mask for the content's hash: without it, equal content of two items would show.

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{AeadInOut, KeyInit, inout::InOutBuf},
};
use syncline_core::{Error, ErrorKind, KeyId, Result, SecretKey, Version, port::Random};
use zeroize::{ZeroizeOnDrop, Zeroizing};

const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// Bytes that encryption adds to content.
pub(super) const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// What only the right key opens; stored to tell a wrong one before anything is written.
const PROOF: &[u8] = b"syncline archive key";

/// Which row something belongs to: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) key: &'a [u8],
    pub(super) version: Version,
    pub(super) content_type: u8,
}

/// Encrypts and decrypts under one key of the user.
#[derive(ZeroizeOnDrop)]
pub(super) struct Sealer {
    root: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    pub(super) fn new(key: &SecretKey) -> Self {
        Self { root: blake3::derive_key("syncline 2026 archive content", key.expose()) }
    }

    /// A text by which the key is known again.
    pub(super) fn prove(&self, id: KeyId, random: &dyn Random) -> Result<Vec<u8>> {
        self.row(proof_place(&id.to_bytes())).seal(PROOF, Nonces::new(random).draw())
    }

    /// Whether `proof` was made with this key.
    pub(super) fn made(&self, id: KeyId, proof: &[u8]) -> bool {
        self.row(proof_place(&id.to_bytes())).open(proof).is_ok_and(|text| text == PROOF)
    }

    /// The key of one row.
    pub(super) fn row<'a>(&self, place: Place<'a>) -> RowSealer<'a> {
        let mut hasher = blake3::Hasher::new_keyed(&self.root);
        // The version first: its length is fixed, so no two places give the same bytes.
        hasher.update(&place.version.to_bytes()).update(place.key);
        let mut bytes = Zeroizing::new([0; 64]);
        hasher.finalize_xof().fill(bytes.as_mut());
        RowSealer { place, bytes }
    }
}

/// Encrypts and decrypts one version of one item.
pub(super) struct RowSealer<'a> {
    place: Place<'a>,
    /// 32 bytes of key, 32 of mask.
    bytes: Zeroizing<[u8; 64]>,
}

impl RowSealer<'_> {
    /// Nonce, ciphertext and tag of `content`.
    pub(super) fn seal(&self, content: &[u8], nonce: [u8; NONCE_LEN]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(content.len() + OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(content);
        let body = sealed.get_mut(NONCE_LEN..).unwrap_or_default();
        let tag = self
            .aead()
            .encrypt_inout_detached(&Nonce::from(nonce), &self.associated(), InOutBuf::from(body))
            .map_err(|_| Error::new(ErrorKind::Invalid, "content is too long to be encrypted"))?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// The content of `sealed`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when it is not what was encrypted for this place with this key.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        let not_authentic = || Error::new(ErrorKind::Corrupt, "content is not what was encrypted");
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(not_authentic)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or_else(not_authentic)?;
        let mut content = body.to_vec();
        let buffer = InOutBuf::from(content.as_mut_slice());
        self.aead()
            .decrypt_inout_detached(&Nonce::from(*nonce), &self.associated(), buffer, &(*tag).into())
            .map_err(|_| not_authentic())?;
        Ok(content)
    }

    /// A hash masked, or a masked hash as it was: the mask is the same both ways.
    pub(super) fn mask(&self, hash: &[u8; 32]) -> [u8; 32] {
        let mut masked = *hash;
        for (byte, mask) in masked.iter_mut().zip(self.bytes.iter().skip(32)) {
            *byte ^= mask;
        }
        masked
    }

    fn aead(&self) -> Aes256Gcm {
        let (key, _) = self.bytes.split_first_chunk::<32>().unwrap_or((&[0; 32], &[]));
        Aes256Gcm::new(key.into())
    }

    fn associated(&self) -> Vec<u8> {
        let Place { key, version, content_type } = self.place;
        let mut bytes = Vec::with_capacity(key.len() + 17);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&version.to_bytes());
        bytes.push(content_type);
        bytes
    }
}

/// Nonces, drawn many at a time: each draw is a call of the operating system.
#[derive(Debug)]
pub(super) struct Nonces<'a> {
    random: &'a dyn Random,
    drawn: Vec<[u8; NONCE_LEN]>,
}

const NONCES_DRAWN: usize = 64;

impl<'a> Nonces<'a> {
    pub(super) fn new(random: &'a dyn Random) -> Self {
        Self { random, drawn: Vec::new() }
    }

    /// One that was never given before.
    pub(super) fn draw(&mut self) -> [u8; NONCE_LEN] {
        loop {
            if let Some(nonce) = self.drawn.pop() {
                return nonce;
            }
            let mut nonces = [[0; NONCE_LEN]; NONCES_DRAWN];
            self.random.fill(nonces.as_flattened_mut());
            self.drawn.extend(nonces);
        }
    }
}

fn proof_place(id: &[u8]) -> Place<'_> {
    // No item has this content type.
    Place { key: id, version: Version::ZERO, content_type: u8::MAX }
}

#[cfg(test)]
mod tests {
    use syncline_core::{NodeId, WallTime, rt::SystemRandom};

    use super::*;

    fn place(key: &str, millis: u64) -> Place<'_> {
        let version = Version::new(WallTime::from_millis(millis), 0, NodeId::new(1));
        Place { key: key.as_bytes(), version, content_type: 1 }
    }

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&SecretKey::new([byte; 32]).unwrap())
    }

    #[test]
    fn content_opens_only_at_its_place_with_its_key() {
        let sealed = sealer(1).row(place("a", 1)).seal(b"content", [9; 12]).unwrap();
        assert_eq!(sealer(1).row(place("a", 1)).open(&sealed).unwrap(), b"content");
        assert_eq!(sealed.len(), 7 + OVERHEAD);
        let elsewhere = [place("b", 1), place("a", 2), Place { content_type: 2, ..place("a", 1) }];
        assert!(elsewhere.iter().all(|place| sealer(1).row(*place).open(&sealed).is_err()));
        assert_eq!(sealer(2).row(place("a", 1)).open(&sealed).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let sealed = sealer(1).row(place("a", 1)).seal(b"content", [9; 12]).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer(1).row(place("a", 1)).open(&flipped).is_err(), "bit {bit}");
        }
        assert!((0..sealed.len()).all(|len| sealer(1).row(place("a", 1)).open(&sealed[..len]).is_err()));
    }

    #[test]
    fn equal_content_of_two_places_looks_different() {
        let [a, b] = ["a", "b"].map(|key| sealer(1).row(place(key, 1)).seal(b"content", [9; 12]).unwrap());
        assert_ne!(a[NONCE_LEN..], b[NONCE_LEN..]);
        let [a, b] = ["a", "b"].map(|key| sealer(1).row(place(key, 1)).mask(&[7; 32]));
        assert_ne!(a, b);
        assert_ne!(a, [7; 32]);
        assert_eq!(sealer(1).row(place("a", 1)).mask(&a), [7; 32]);
    }

    #[test]
    fn a_proof_knows_its_key() {
        let id = SecretKey::new([1; 32]).unwrap().id();
        let proof = sealer(1).prove(id, &SystemRandom).unwrap();
        assert!(sealer(1).made(id, &proof));
        assert!(!sealer(2).made(id, &proof));
    }

    #[test]
    fn no_nonce_is_given_twice() {
        let mut nonces = Nonces::new(&SystemRandom);
        let drawn: std::collections::BTreeSet<_> = (0..1_000).map(|_| nonces.draw()).collect();
        assert_eq!(drawn.len(), 1_000);
    }
}
