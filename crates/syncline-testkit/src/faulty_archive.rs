//! An archive that fails, hangs and loses replies on demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use syncline_core::{
    Error, ErrorKind, Key, Record, Result, Version,
    port::{Archive, ArchiveStats, BoxFuture, ChangePage, Head, Outcome, PrefixScan},
};
use tokio::sync::watch;

/// Which call of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named like its method")]
pub enum ArchiveCall {
    Apply,
    Get,
    Heads,
    Scan,
    Changes,
    HighWater,
    Stats,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is not done, and its error has this kind.
    Refuse(ErrorKind),
    /// It is done, and its error has this kind: the reply was lost.
    LoseReply(ErrorKind),
    /// It does not answer until [`FaultyArchive::heal`], and is done then.
    Hang,
}

/// An archive in front of another one that fails as it is told. Clones share everything.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use syncline_core::{ErrorKind, memory::MemoryArchive, port::Archive as _};
/// use syncline_testkit::{ArchiveCall, Failure, FaultyArchive};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let archive = FaultyArchive::new(Arc::new(MemoryArchive::new()));
/// archive.fail_next(ArchiveCall::Apply, 1, Failure::Refuse(ErrorKind::Unavailable));
/// assert!(archive.apply(&[]).await.is_err() && archive.apply(&[]).await.is_ok());
/// assert_eq!(archive.calls(ArchiveCall::Apply), 2);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct FaultyArchive {
    inner: Arc<dyn Archive>,
    state: Arc<Mutex<State>>,
    /// Told at every heal.
    healed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    down: Option<Failure>,
    next: Vec<(ArchiveCall, u64, Failure)>,
    refused: BTreeSet<Key>,
    calls: BTreeMap<ArchiveCall, u64>,
    hanging: usize,
}

impl FaultyArchive {
    /// `inner`, healthy.
    pub fn new(inner: Arc<dyn Archive>) -> Self {
        Self { inner, state: Arc::default(), healed: watch::Sender::new(()) }
    }

    /// The next `times` calls of this kind fail.
    pub fn fail_next(&self, call: ArchiveCall, times: u64, failure: Failure) {
        self.state().next.push((call, times, failure));
    }

    /// Every call fails until [`heal`](Self::heal).
    pub fn fail(&self, failure: Failure) {
        self.state().down = Some(failure);
    }

    /// Every batch that holds `key` is refused as invalid until [`heal`](Self::heal): one bad row.
    pub fn refuse(&self, key: Key) {
        self.state().refused.insert(key);
    }

    /// Ends all failures; calls that hang go on.
    pub fn heal(&self) {
        {
            let mut state = self.state();
            state.down = None;
            state.next.clear();
            state.refused.clear();
        }
        self.healed.send_replace(());
    }

    /// How many calls of this kind came, failed ones too.
    pub fn calls(&self, call: ArchiveCall) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// How many calls hang.
    pub fn hanging(&self) -> usize {
        self.state().hanging
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `body`, or fails as planned.
    async fn run<T>(&self, call: ArchiveCall, body: impl Future<Output = Result<T>>) -> Result<T> {
        let failure = self.state().strike(call);
        match failure {
            None => body.await,
            Some(Failure::Refuse(kind)) => Err(Error::new(kind, format!("simulated failure of {call:?}"))),
            Some(Failure::LoseReply(kind)) => {
                body.await?;
                Err(Error::new(kind, format!("simulated loss of the reply of {call:?}")))
            }
            Some(Failure::Hang) => {
                self.hang().await;
                body.await
            }
        }
    }

    async fn hang(&self) {
        let mut healed = self.healed.subscribe();
        let _hanging = Hanging::new(&self.state);
        // The sender lives as long as this archive, so that only a heal ends the wait.
        let _ = healed.changed().await;
    }

    fn check_rows(&self, batch: &[Record]) -> Result<()> {
        let state = self.state();
        match batch.iter().find(|record| state.refused.contains(&record.key)) {
            Some(record) => Err(Error::new(ErrorKind::Invalid, format!("simulated bad row {:?}", record.key))),
            None => Ok(()),
        }
    }
}

impl State {
    fn strike(&mut self, call: ArchiveCall) -> Option<Failure> {
        *self.calls.entry(call).or_default() += 1;
        let planned = self.next.iter_mut().find(|(other, times, _)| *other == call && *times > 0);
        if let Some((_, times, failure)) = planned {
            *times -= 1;
            return Some(*failure);
        }
        self.down
    }
}

/// Counts a call as hanging until it is dropped, also when its caller gives up.
struct Hanging<'a>(&'a Mutex<State>);

impl<'a> Hanging<'a> {
    fn new(state: &'a Mutex<State>) -> Self {
        state.lock().unwrap_or_else(PoisonError::into_inner).hanging += 1;
        Self(state)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hanging -= 1;
    }
}

impl Archive for FaultyArchive {
    fn apply<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Result<Vec<Outcome>>> {
        Box::pin(self.run(ArchiveCall::Apply, async move {
            self.check_rows(batch)?;
            self.inner.apply(batch).await
        }))
    }

    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.run(ArchiveCall::Get, self.inner.get(keys)))
    }

    fn heads<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Head>>>> {
        Box::pin(self.run(ArchiveCall::Heads, self.inner.heads(keys)))
    }

    fn scan<'a>(&'a self, scan: &'a PrefixScan) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(self.run(ArchiveCall::Scan, self.inner.scan(scan)))
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<ChangePage>> {
        Box::pin(self.run(ArchiveCall::Changes, self.inner.changes(after, limit)))
    }

    fn high_water(&self) -> BoxFuture<'_, Result<Version>> {
        Box::pin(self.run(ArchiveCall::HighWater, self.inner.high_water()))
    }

    fn stats(&self) -> BoxFuture<'_, Result<ArchiveStats>> {
        Box::pin(self.run(ArchiveCall::Stats, self.inner.stats()))
    }
}
