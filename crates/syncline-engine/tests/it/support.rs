//! What the tests stand on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use syncline_core::{
    Error, ErrorKind, Key, Record, Result,
    memory::{MemoryArchive, MemoryDisk},
    port::{Archive as _, PrefixScan},
    rt,
};
use syncline_engine::{Engine, EngineConfig, Parts, SyncItem};
use syncline_journal::{Config, Journal};
use syncline_testkit::{FaultyArchive, MockClock, SeededRandom};

/// One directory, one archive and one clock, which outlive the engines that run on them.
pub(crate) struct Rig {
    pub(crate) disk: MemoryDisk,
    pub(crate) rows: Arc<MemoryArchive>,
    pub(crate) archive: FaultyArchive,
    pub(crate) clock: MockClock,
}

/// An engine that runs, and its journal.
pub(crate) struct Running {
    pub(crate) engine: Engine,
    pub(crate) journal: Journal,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let rows = Arc::new(MemoryArchive::new());
        let archive = FaultyArchive::new(Arc::clone(&rows) as _);
        Self { disk: MemoryDisk::new(), rows, archive, clock: MockClock::new() }
    }

    /// Everything but a journal.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            journal: None,
            archive: Some(Arc::new(self.archive.clone())),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(1)),
        }
    }

    pub(crate) fn journal(&self) -> Journal {
        let small = Config { segment_bytes: 1 << 20, ..Config::default() };
        Journal::open(Arc::new(self.disk.clone()), small).unwrap().journal
    }

    /// An engine with journal and archive.
    pub(crate) async fn start(&self) -> Running {
        self.start_with(config()).await
    }

    pub(crate) async fn start_with(&self, config: EngineConfig) -> Running {
        let journal = self.journal();
        let engine = Engine::new(config);
        engine.start(Parts { journal: Some(journal.clone()), ..self.parts() }).await.unwrap();
        Running { engine, journal }
    }

    /// An engine without a journal.
    pub(crate) async fn start_unjournaled(&self) -> Engine {
        let engine = Engine::new(config());
        engine.start(self.parts()).await.unwrap();
        engine
    }

    /// What the archive holds, tombstones too.
    pub(crate) async fn archived(&self) -> Vec<Record> {
        let scan = PrefixScan { prefix: String::new(), after: None, limit: 10_000 };
        self.rows.scan(&scan).await.unwrap()
    }

    pub(crate) async fn archived_row(&self, id: &str) -> Option<Record> {
        self.rows.get(&[Key::new(id).unwrap()]).await.unwrap().remove(0)
    }

    /// Lets time pass, from one sleep to the next, until `done`.
    pub(crate) async fn until(&self, mut done: impl FnMut() -> bool) {
        for _ in 0..1_000_000 {
            if done() {
                return;
            }
            settle().await;
            if !done() {
                self.clock.advance_to_next();
                // The journal's threads are real ones.
                std::thread::yield_now();
            }
        }
        panic!("it never came to be");
    }

    /// Lets time pass until the task has ended.
    pub(crate) async fn outcome<T>(&self, task: Background<T>) -> T {
        self.until(|| task.is_finished()).await;
        task.task.await.unwrap()
    }
}

/// A task beside the test; dropping it aborts it.
pub(crate) struct Background<T> {
    task: rt::Task<T>,
    is_finished: Arc<AtomicBool>,
}

impl<T> Background<T> {
    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Acquire)
    }
}

pub(crate) fn background<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Background<T> {
    let is_finished = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_finished);
    let run = async move {
        let value = future.await;
        flag.store(true, Ordering::Release);
        value
    };
    Background { task: rt::spawn("test", run), is_finished }
}

impl Running {
    /// Ends as a crash of the process does, but for what the disk holds: nothing is drained.
    pub(crate) fn crash(self) {
        let Self { engine, journal } = self;
        drop(engine);
        journal.close().unwrap();
    }

    pub(crate) async fn stop(self) {
        self.engine.shutdown_within(Duration::ZERO).await;
        self.journal.close().unwrap();
    }
}

pub(crate) fn config() -> EngineConfig {
    EngineConfig {
        content_bytes_max: 64 * 1_024,
        memory_max_bytes: 1 << 20,
        ..EngineConfig::default()
    }
}

/// Lets every task run until it waits.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn item(id: &str, content: &str) -> SyncItem {
    SyncItem::binary(id, content.to_owned())
}

/// The content under `id`, as text.
pub(crate) async fn text(engine: &Engine, id: &str) -> Option<String> {
    engine.get(id).await.unwrap().map(|item| text_of(&item))
}

pub(crate) fn text_of(item: &SyncItem) -> String {
    String::from_utf8(item.content_bytes().to_vec()).unwrap()
}

#[track_caller]
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.as_ref().map_err(Error::kind).expect_err("an error")
}
