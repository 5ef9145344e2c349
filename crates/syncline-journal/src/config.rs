//! Settings of a journal: plain data.

use std::time::Duration;

use syncline_core::{Error, ErrorKind, KeyId, Result, SecretKey};

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once its bytes are on disk: it survives loss of power.
    #[default]
    Sync,
    /// Once its bytes are with the operating system: it survives the death of this process, not of the machine.
    Buffered,
}

/// What opening does when acknowledged data is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDamage {
    /// Refuse to open, naming the range, and touch nothing.
    #[default]
    Refuse,
    /// Copy the damaged segment aside, go on with all that is whole, and report the range that is lost.
    Quarantine,
}

/// The keys that a journal is encrypted with.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    /// Encrypts all that is written from now on; `None` writes in clear.
    pub current: Option<SecretKey>,
    /// Keys of before, still needed to read what they encrypted.
    pub older: Vec<SecretKey>,
}

impl KeyRing {
    /// The key with this id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] when it is not on the ring.
    pub(crate) fn find(&self, id: KeyId) -> Result<&SecretKey> {
        let known = self.current.iter().chain(&self.older);
        known.clone().find(|key| key.id() == id).ok_or_else(|| {
            let message = match known.count() {
                0 => format!("it is encrypted with the key {id} and no key was given"),
                _ => format!("it is encrypted with the key {id}, which is not the key given"),
            };
            Error::new(ErrorKind::Denied, message)
        })
    }
}

/// Settings of a journal. Any combination is valid; [`Default`] is right for most.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bytes reserved for one segment. Default 64 MiB: a rotation costs two syncs, so it should be rare.
    pub segment_bytes: u64,
    /// Most bytes of submissions that may wait to be written; more is `Full`. Default 64 MiB.
    pub queue_bytes_max: usize,
    /// Oldest that written bytes may grow without a sync; `None` (default) syncs only for [`Durability::Sync`].
    pub flush_interval: Option<Duration>,
    /// Idle time after which a witness of the last frame is written, unsynced. Default 50 ms.
    pub witness_after: Duration,
    /// Level of zstd for each frame; `None` (default) stores records as they are.
    pub compression: Option<i32>,
    /// Keys for encryption; none by default.
    pub keys: KeyRing,
    /// What to do when acknowledged data is damaged. Default: refuse.
    pub on_damage: OnDamage,
    /// How long to wait for another holder of the directory to go. Default 2 s.
    pub lock_patience: Duration,
    /// A deliberate bug, for the harnesses that must catch it.
    #[cfg(feature = "planted")]
    pub planted: Option<crate::planted::Planted>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1_024 * 1_024,
            queue_bytes_max: 64 * 1_024 * 1_024,
            flush_interval: None,
            witness_after: Duration::from_millis(50),
            compression: None,
            keys: KeyRing::default(),
            on_damage: OnDamage::Refuse,
            lock_patience: Duration::from_secs(2),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}

/// `planted!(config, Variant)`: whether that deliberate bug is switched on; `false` where they are not compiled in.
macro_rules! planted {
    ($config:expr, $bug:ident) => {{
        #[cfg(feature = "planted")]
        let on = $config.planted == Some($crate::planted::Planted::$bug);
        #[cfg(not(feature = "planted"))]
        let on = {
            let _ = &$config;
            false
        };
        on
    }};
}
pub(crate) use planted;
