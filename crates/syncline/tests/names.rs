//! Every public name of the root and of its modules, where the documents' names are to be found.

#[rustfmt::skip]
#[test]
fn every_name_is_where_it_is_documented_to_be() {
    use syncline::{
        Backup, Builder, ContentHash, ContentType, Error, ErrorKind, Inspection, Instant, Key, KeyId, KeyRing, Lost, NodeId,
        Result, SecretKey, Stats, Syncline, TRACING_TARGET, Torn, Verified, Version, WallTime, restore,
    };
    use syncline::engine::{
        Durability, Engine, EngineConfig, EngineState, EngineStats, ItemView, Parts, Quarantined, Receipt, Report, Settled,
        Submitted, Superseded, SyncEngine, SyncEngineConfig, SyncItem,
    };
    use syncline::journal::{
        Commit, Committed, Config, Durability as JournalDurability, Entry, FileDisk, Journal, LostRange, OnDamage, Opened,
        Owner, RecoveryReport, Seq, Stream, Transaction,
    };
    use syncline::limits::{ARCHIVE_BATCH_MAX, CONTENT_BYTES_MAX, DRIFT_MS_MAX, KEY_BYTES_MAX, SUBMISSION_BYTES_MAX};
    use syncline::memory::{MemoryArchive, MemoryDisk};
    use syncline::port::{Archive, BoxFuture, Clock, DirLock, Disk, DiskFile, Random};
    use syncline::rt::{SystemClock, SystemRandom, Task, Thread, os, spawn, thread};
    use syncline::sql::{SqliteArchive, SqliteConfig};

    use syncline::retry::{
        Attempt, Backoff, BackoffStrategy, BreakerRegistry, BreakerStats, BudgetLease, ByType, CircuitState, Class, Classify,
        ConstantBackoff, Delays, ExponentialBackoff, FibonacciBackoff, Guard, Jitter, Judge, LinearBackoff, Permit, Rejected,
        RetryMetrics, StoppedBy, Transition, TransitionReason, time::MockClock as RetryMockClock,
    };
    use syncline::{
        CircuitBreaker, MockClock, RetryBudget, RetryCondition, RetryError, RetryPolicies, RetryPolicyBuilder, RetryStrategy,
    };

    use syncline::queue::{
        CompressionService, Durability as QueueDurability, EncryptionService, HealthReport, ItemStatus, JournalQueueStorage, MemoryQueueStorage, Priority,
        QueueConfig, QueueError, QueueMetrics, QueueResult, QueueStorage, Ratio, SyncItem as QueueItem, SyncQueue, Throughput,
        prelude::DurationExt,
    };

    let names = [
        name::<CompressionService>(), name::<QueueDurability>(), name::<EncryptionService>(), name::<HealthReport>(), name::<ItemStatus>(), name::<JournalQueueStorage>(),
        name::<MemoryQueueStorage>(), name::<Priority>(), name::<QueueConfig>(), name::<QueueError>(), name::<QueueMetrics>(),
        name::<QueueResult<()>>(), name::<dyn QueueStorage>(), name::<Ratio>(), name::<QueueItem>(), name::<SyncQueue>(),
        name::<Throughput>(), name::<std::time::Duration>(),
        name::<Attempt<'static, ()>>(), name::<Backoff>(), name::<dyn BackoffStrategy>(), name::<BreakerRegistry<String>>(),
        name::<BreakerStats>(), name::<BudgetLease<'static>>(), name::<ByType>(), name::<CircuitState>(), name::<Class>(),
        name::<dyn Classify>(), name::<ConstantBackoff>(), name::<Delays>(), name::<ExponentialBackoff>(),
        name::<FibonacciBackoff>(), name::<Guard<'static>>(), name::<Jitter>(), name::<dyn Judge<()>>(),
        name::<LinearBackoff>(), name::<Permit<'static>>(), name::<Rejected>(), name::<RetryMetrics>(), name::<StoppedBy>(),
        name::<Transition>(), name::<TransitionReason>(), name::<RetryMockClock>(),
        name::<CircuitBreaker>(), name::<MockClock>(), name::<RetryBudget>(), name::<RetryCondition>(),
        name::<RetryError<()>>(), name::<RetryPolicies>(), name::<RetryPolicyBuilder>(), name::<RetryStrategy>(),
        name::<Backup>(), name::<Builder>(), name::<ContentHash>(), name::<ContentType>(), name::<Error>(),
        name::<ErrorKind>(), name::<Inspection>(), name::<Instant>(), name::<Key>(), name::<KeyId>(), name::<KeyRing>(),
        name::<Lost>(), name::<NodeId>(), name::<Result<()>>(), name::<SecretKey>(), name::<Stats>(), name::<Syncline>(),
        name::<Torn>(), name::<Verified>(), name::<Version>(), name::<WallTime>(),
        name::<Durability>(), name::<Engine>(), name::<EngineConfig>(), name::<EngineState>(), name::<EngineStats>(),
        name::<ItemView>(), name::<Parts>(), name::<Quarantined>(), name::<Receipt>(), name::<Report>(), name::<Settled>(),
        name::<Submitted>(), name::<Superseded>(), name::<SyncEngine>(), name::<SyncEngineConfig>(), name::<SyncItem>(),
        name::<Commit>(), name::<Committed>(), name::<Config>(), name::<JournalDurability>(), name::<Entry>(),
        name::<FileDisk>(), name::<Journal>(), name::<LostRange>(), name::<OnDamage>(), name::<Opened>(),
        name::<dyn Owner>(), name::<RecoveryReport>(), name::<Seq>(), name::<Stream>(), name::<Transaction>(),
        name::<MemoryArchive>(), name::<MemoryDisk>(),
        name::<dyn Archive>(), name::<BoxFuture<'static, ()>>(), name::<dyn Clock>(), name::<dyn DirLock>(),
        name::<dyn Disk>(), name::<dyn DiskFile>(), name::<dyn Random>(),
        name::<SystemClock>(), name::<SystemRandom>(), name::<Task<()>>(), name::<Thread>(),
        name::<SqliteArchive>(), name::<SqliteConfig>(),
    ];
    assert!(names.iter().all(|name| !name.is_empty()));
    let bounds = [ARCHIVE_BATCH_MAX, CONTENT_BYTES_MAX, KEY_BYTES_MAX, SUBMISSION_BYTES_MAX];
    assert!(bounds.iter().all(|bound| *bound > 0) && DRIFT_MS_MAX > 0);
    assert_eq!(TRACING_TARGET, "syncline");
    fn of_days<T: DurationExt>() {}
    of_days::<std::time::Duration>();
    // Functions are named, not called.
    drop(restore("from", "to"));
    let _: fn() = || drop((spawn("name", async {}), thread("name", || {}), os::process_id()));
}

fn name<T: ?Sized>() -> &'static str {
    std::any::type_name::<T>()
}

/// Those that a feature adds.
#[cfg(feature = "postgres")]
#[test]
fn postgres_adds_its_storage_to_the_queue() {
    use syncline::queue::{PostgresQueueConfig, PostgresQueueStorage, QueueStorage};

    fn is_storage<T: QueueStorage>() -> &'static str {
        std::any::type_name::<T>()
    }
    assert!(is_storage::<PostgresQueueStorage>().ends_with("PostgresQueueStorage"));
    assert_eq!(PostgresQueueConfig::default().queue, "default");
}
