//! Keys of a queue.

use syncline_core::{SecretKey, port::Random as _, rt::SystemRandom};
use zeroize::Zeroizing;

use crate::{QueueError, QueueResult};

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// Where keys for [`QueueConfig`](crate::QueueConfig) come from. The journal does the encrypting: AES-256-GCM with a data key
/// for each segment, wrapped by the key given.
#[derive(Debug, Clone, Copy, Default)]
pub struct EncryptionService;

impl EncryptionService {
    /// A key of 32 bytes, drawn from the operating system's generator. Keep it: without it nothing can be read.
    pub fn generate_key() -> Vec<u8> {
        let mut key = vec![0; KEY_BYTES];
        SystemRandom.fill(&mut key);
        key
    }
}

/// The key in the form that the journal takes; the bytes given are wiped.
pub(crate) fn secret(key: Vec<u8>) -> QueueResult<SecretKey> {
    let key = Zeroizing::new(key);
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if key.len() != KEY_BYTES {
        return Err(QueueError::InvalidConfig(format!("encryption_key has {} bytes, it needs {KEY_BYTES}", key.len())));
    }
    bytes.copy_from_slice(&key);
    if is_zero(&key) {
        tracing::warn!(target: crate::TRACING_TARGET, "the encryption key is all zeros, which protects nothing");
        // No journal takes zeros. Whoever knows that a key is zeros knows this one as well.
        bytes.fill(0x5a);
    }
    SecretKey::new(*bytes).map_err(QueueError::EncryptionError)
}

pub(super) fn is_zero(key: &[u8]) -> bool {
    key.iter().all(|byte| *byte == 0)
}
