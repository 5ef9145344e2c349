//! Settings of a queue.

mod check;
mod compression;
mod durability;
mod encryption;
mod pace;

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use syncline_core::port::{InHand, Retention};

pub(crate) use self::encryption::secret;
pub use self::{
    compression::CompressionService,
    durability::Durability,
    encryption::EncryptionService,
    pace::{JobBreaker, JobFailures, Rate},
};
use crate::storage::PAYLOAD_MEMORY_BYTES;

/// Settings of a [`SyncQueue`](crate::SyncQueue). Plain data; what makes no sense is refused by [`validate`](Self::validate).
///
/// In files durations are written as `30s` or `1h`. The key is read from files and never written to them, nor printed.
///
/// # Examples
///
/// ```
/// use syncline_queue::{EncryptionService, QueueConfig};
///
/// let config = QueueConfig { max_capacity: 50_000, ..Default::default() };
/// assert!(config.validate().is_ok());
///
/// let secret = QueueConfig::high_security_with_key(EncryptionService::generate_key());
/// assert!(secret.validate().is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Most items that live at once: waiting, scheduled or in hand. Default 10,000.
    pub max_capacity: usize,
    /// Items that [`pop_many`](crate::SyncQueue::pop_many), a [`Worker`](crate::Worker) and the
    /// [stream](crate::SyncQueue::stream) take at once, and dead letters that are redriven or purged in one step. Default 100.
    pub batch_size: usize,
    /// The directory of the queue's journal, made where it is missing. A file of the original queue there is taken over. `None` (default) keeps items in memory alone.
    pub persistence_path: Option<PathBuf>,
    /// When pushes and outcomes are answered; the settings for it are the journal's where the storage is given. Default
    /// [`Durability::Sync`], in the presets too.
    pub durability: Durability,
    /// Oldest that what need not be on disk at once may grow without a sync: with [`Durability::Sync`] the record of who took
    /// what, with [`Durability::Interval`] pushes and outcomes too. Zero leaves the first to the next sync, and is refused for
    /// the second; [`Durability::Buffered`] ignores it. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub persistence_interval: Duration,
    /// Most bytes of payloads that a queue on a journal keeps in memory, of all items together and for this queue alone. Those
    /// that come beyond it are on disk alone, and are read again when they are handed out or looked at; what their ids and
    /// times take is always in memory. 0 keeps none. A queue that has no journal keeps all it has. Default 64 MiB.
    pub payload_memory_bytes: u64,
    /// Whether the id of an item that lives is refused. Otherwise both live. Default true.
    pub enable_deduplication: bool,
    /// Whether what is written is compressed. Default true.
    pub enable_compression: bool,
    /// 0 stores as it is, 1 to 9 are levels of zstd. Default 6.
    pub compression_level: u32,
    /// Whether what is written is encrypted, with AES-256-GCM. Default false.
    pub enable_encryption: bool,
    /// The key, 32 bytes. A key of zeros is no secret: it is taken, with a warning, unless
    /// [`require_strong_key`](Self::require_strong_key) is set.
    #[serde(skip_serializing)]
    pub encryption_key: Option<Vec<u8>>,
    /// Whether a key of zeros is refused. Default false; the presets for security set it.
    pub require_strong_key: bool,
    /// How long it is remembered of an item that it ended, and how: all but its content, in the
    /// [history](crate::SyncQueue::history), for [`retention_items`](Self::retention_items) and
    /// [`retention_bytes`](Self::retention_bytes) at most. It outlives the process where the items do. Where several processes
    /// work on one storage the shortest counts. On a journal whose disk is full it gives way to pushes. Zero remembers nothing.
    /// Dead letters stay for [`dead_letter_ttl`](Self::dead_letter_ttl). Default 7 days.
    #[serde(with = "humantime_serde")]
    pub retention_period: Duration,
    /// Most items that are remembered once they ended, those that ended last. On SQLite and PostgreSQL more may be, until the
    /// next upkeep. Zero remembers nothing. Default 10,000.
    pub retention_items: usize,
    /// Most bytes that remembering them takes, about. Zero remembers nothing. Default 64 MiB.
    pub retention_bytes: u64,
    /// How long a dead letter stays before it is thrown away. Whoever pops or waits throws away what is due, a few at a time and
    /// the oldest first; each is logged, counted and told as an [event](crate::QueueEvent::DeadLetterExpired). Where several
    /// processes work on one storage the shortest counts. `None` (default) keeps dead letters until they are redriven or purged.
    #[serde(with = "humantime_serde")]
    pub dead_letter_ttl: Option<Duration>,
    /// Longest delay before the first retry; each further one doubles. Up to 30 % of each are left to chance. Default 1 s.
    #[serde(with = "humantime_serde")]
    pub base_retry_delay: Duration,
    /// Longest delay before any retry. Default 1 h.
    #[serde(with = "humantime_serde")]
    pub max_retry_delay: Duration,
    /// How long leases that are over may go unseen while there is always something to pop; a queue that has nothing to hand out
    /// looks at once. A sixteenth of the lease, where that is shorter. Default 5 min.
    #[serde(with = "humantime_serde")]
    pub cleanup_interval: Duration,
    /// Settled items after which the space they took is given back, though the interval is not over. Default 1,000.
    pub heap_cleanup_threshold: usize,
    /// Whether items of one partition key go one by one, in order. Default false: the key is a note.
    pub enable_partitioning: bool,
    /// Most items in hands at once, of all who work on the storage, in other processes too; a pop that would exceed it finds
    /// nothing, and waits. `None` (default) is no bound.
    pub max_in_flight: Option<usize>,
    /// Most items of one partition key in hands at once, of all who work on the storage; they all ask for the same number.
    /// Needs [`enable_partitioning`](Self::enable_partitioning). Default 1, which keeps them in order. More gives the order up:
    /// they go out by level and time as others do, and one that waits for its retry holds up nobody. The first pop with another
    /// number than the last one arranges all keys anew.
    pub max_in_flight_per_key: u16,
    /// Most items that are handed out in a time; a pop that would exceed it finds nothing, and waits. What is given back has
    /// been handed out. `None` (default) is as fast as they are asked for.
    pub max_rate: Option<Rate>,
    /// Most items of one partition key that are handed out in a time; one that would exceed it is put off, its attempt not
    /// counted, and keeps the order of its key. Needs [`enable_partitioning`](Self::enable_partitioning), and one item of a key
    /// in flight at a time. `None` (default) is as fast as they are asked for.
    pub max_rate_per_key: Option<Rate>,
    /// Whether jobs that fail pause the queue, and when. `None` (default) never does; the breaker around the storage is another
    /// one, and always there.
    pub job_breaker: Option<JobBreaker>,
    /// Partitions that keys are spread over by [`partition_of`](crate::SyncQueue::partition_of). Default 4.
    pub partition_count: usize,
    /// How long a worker has an item unless it extends the lease. Default 5 min.
    #[serde(with = "humantime_serde")]
    pub lease_duration: Duration,
    /// The wait that lifts the first item of a level by one level; `None` (default) is strict order.
    #[serde(with = "humantime_serde")]
    pub aging: Option<Duration>,
    /// How long [`shutdown`](crate::SyncQueue::shutdown) waits for calls that have begun. Default 30 s.
    #[serde(with = "humantime_serde")]
    pub shutdown_deadline: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_capacity: 10_000,
            batch_size: 100,
            persistence_path: None,
            durability: Durability::default(),
            persistence_interval: Duration::from_secs(30),
            payload_memory_bytes: PAYLOAD_MEMORY_BYTES,
            enable_deduplication: true,
            enable_compression: true,
            compression_level: 6,
            enable_encryption: false,
            encryption_key: None,
            require_strong_key: false,
            retention_period: Duration::from_hours(7 * 24),
            retention_items: 10_000,
            retention_bytes: 64 * 1_024 * 1_024,
            dead_letter_ttl: None,
            base_retry_delay: Duration::from_secs(1),
            max_retry_delay: Duration::from_hours(1),
            cleanup_interval: Duration::from_mins(5),
            heap_cleanup_threshold: 1_000,
            enable_partitioning: false,
            max_in_flight: None,
            max_in_flight_per_key: 1,
            max_rate: None,
            max_rate_per_key: None,
            job_breaker: None,
            partition_count: 4,
            lease_duration: Duration::from_mins(5),
            aging: None,
            shutdown_deadline: Duration::from_secs(30),
        }
    }
}

impl QueueConfig {
    /// For throughput: much room, in memory too, large batches, nothing compressed. Durability is the same.
    pub fn high_performance() -> Self {
        Self {
            max_capacity: 100_000,
            batch_size: 1_000,
            persistence_interval: Duration::from_mins(1),
            payload_memory_bytes: 4 * PAYLOAD_MEMORY_BYTES,
            enable_compression: false,
            cleanup_interval: Duration::from_mins(10),
            heap_cleanup_threshold: 5_000,
            ..Self::default()
        }
    }

    /// Encrypted, and syncing often. It needs a key: set `encryption_key`, or call
    /// [`high_security_with_key`](Self::high_security_with_key).
    pub fn high_security() -> Self {
        Self {
            persistence_interval: Duration::from_secs(10),
            compression_level: 9,
            enable_encryption: true,
            require_strong_key: true,
            ..Self::default()
        }
    }

    /// [`high_security`](Self::high_security) with this key.
    pub fn high_security_with_key(key: impl Into<Vec<u8>>) -> Self {
        Self { encryption_key: Some(key.into()), ..Self::high_security() }
    }

    /// How much is remembered of what ended.
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            age: self.retention_period,
            items: self.retention_items as u64,
            bytes: self.retention_bytes,
        }
    }

    /// How many items may be in hands at once.
    pub(crate) fn in_hand(&self) -> InHand {
        InHand {
            most: self.max_in_flight.map(|most| most as u64),
            of_lane: self.max_in_flight_per_key,
        }
    }
}

impl fmt::Debug for QueueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueConfig")
            .field("max_capacity", &self.max_capacity)
            .field("batch_size", &self.batch_size)
            .field("persistence_path", &self.persistence_path)
            .field("durability", &self.durability)
            .field("persistence_interval", &self.persistence_interval)
            .field("payload_memory_bytes", &self.payload_memory_bytes)
            .field("enable_deduplication", &self.enable_deduplication)
            .field("enable_compression", &self.enable_compression)
            .field("compression_level", &self.compression_level)
            .field("enable_encryption", &self.enable_encryption)
            .field("encryption_key", &self.encryption_key.as_ref().map(|_| "redacted"))
            .field("require_strong_key", &self.require_strong_key)
            .field("retention_period", &self.retention_period)
            .field("retention_items", &self.retention_items)
            .field("retention_bytes", &self.retention_bytes)
            .field("dead_letter_ttl", &self.dead_letter_ttl)
            .field("base_retry_delay", &self.base_retry_delay)
            .field("max_retry_delay", &self.max_retry_delay)
            .field("cleanup_interval", &self.cleanup_interval)
            .field("heap_cleanup_threshold", &self.heap_cleanup_threshold)
            .field("enable_partitioning", &self.enable_partitioning)
            .field("max_in_flight", &self.max_in_flight)
            .field("max_in_flight_per_key", &self.max_in_flight_per_key)
            .field("max_rate", &self.max_rate)
            .field("max_rate_per_key", &self.max_rate_per_key)
            .field("job_breaker", &self.job_breaker)
            .field("partition_count", &self.partition_count)
            .field("lease_duration", &self.lease_duration)
            .field("aging", &self.aging)
            .field("shutdown_deadline", &self.shutdown_deadline)
            .finish()
    }
}
