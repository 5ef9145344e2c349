//! The archive port on SQLite.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use syncline_core::{
    Error, ErrorKind, Key, Record, Result, Version,
    port::{Archive, ArchiveStats, BoxFuture, ChangePage, Clock, Head, Outcome, PrefixScan, Random},
    rt::{SystemClock, SystemRandom},
};

use super::{
    Space, SqliteConfig, Verified, VerifyProgress, backup,
    connect::{self, system_failed},
    keys::Keys,
    lane::Lane,
    look, migrate,
    reader::Reader,
    verify,
    writer::Writer,
};

/// Batches that may wait for the writing thread; more wait outside, within their deadline.
const BATCHES_WAITING_MAX: usize = 4;

/// Ground truth in one SQLite file: what `apply` returned `Ok` for survives loss of power.
///
/// One thread writes, one transaction a batch, synced before it answers; other threads read from snapshots beside it. No
/// call blocks a runtime's worker, but for [`open`](Self::open), [`verify`](Self::verify), [`backup`](Self::backup) and
/// [`close`](Self::close), which say so.
///
/// With [keys](super::KeyRing) content is encrypted; keys of items, versions, types, sizes and expiry are not.
///
/// # Examples
///
/// ```
/// use syncline_core::{Body, ContentType, Key, NodeId, Record, Version, WallTime, port::Archive as _};
/// use syncline_sql::{SqliteArchive, SqliteConfig};
///
/// # let dir = tempfile::tempdir().unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// let path = dir.path().join("archive.db");
/// let archive = SqliteArchive::open(SqliteConfig { path, ..SqliteConfig::default() })?;
/// # runtime.block_on(async {
/// let record = Record {
///     key: Key::new("user.1")?,
///     version: Version::new(WallTime::from_millis(1_000), 0, NodeId::new(1)),
///     body: Body::put(ContentType::Json, "{\"name\":\"Ada\"}"),
///     expires_at: None,
/// };
/// archive.apply(&[record.clone()]).await?;
/// assert_eq!(archive.get(&[record.key.clone()]).await?, [Some(record)]);
/// # Ok::<_, syncline_core::Error>(())
/// # })?;
/// archive.close()?;
/// # Ok::<_, syncline_core::Error>(())
/// ```
pub struct SqliteArchive {
    config: SqliteConfig,
    // Before the writer: the last connection to go empties the WAL.
    readers: Lane<Reader>,
    writer: Lane<Writer>,
}

impl fmt::Debug for SqliteArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteArchive").field("path", &self.config.path).finish_non_exhaustive()
    }
}

impl SqliteArchive {
    /// Opens the archive, or makes it where there is none. Blocks.
    ///
    /// # Errors
    ///
    /// Each names the file. [`ErrorKind::Invalid`] when it is not an archive or one of a newer version; [`ErrorKind::Denied`]
    /// for a wrong or missing key, or without permission; [`ErrorKind::Corrupt`] when it is damaged; [`ErrorKind::Full`];
    /// [`ErrorKind::Unavailable`] when another process holds it locked. The file is then as it was.
    pub fn open(config: SqliteConfig) -> Result<Self> {
        Self::with_parts(config, Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// [`open`](Self::open) with a clock and a source of randomness of the caller's.
    ///
    /// The clock measures deadlines while threads work in real time. Where a paused tokio clock leaps over whatever is
    /// awaited, as in tests, give one that stands still.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_parts(config: SqliteConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self> {
        let given = config.path.clone();
        Self::start(config, &clock, random).map_err(|error| named(&given, error))
    }

    fn start(config: SqliteConfig, clock: &Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self> {
        let config = absolute(config)?;
        let found = look::look(&config.path).map_err(system_failed("the file cannot be read"))?;
        migrate::admit(found)?;
        connect::create_file(&config.path)?;
        let mut connection = connect::open_writer(&config.path, &config)?;
        migrate::migrate(&mut connection)?;
        let keys = Arc::new(Keys::open(&mut connection, &config.keys, &*random)?);
        connect::make_durable(&connection, &config)?;
        let readers: Result<Vec<Reader>> =
            (0..config.readers.max(1)).map(|_| Reader::open(&config, Arc::clone(&keys))).collect();
        let writer = Writer::new(connection, &config, keys, Arc::clone(clock), random);
        let time = || (Arc::clone(clock), config.deadline);
        Ok(Self {
            readers: Lane::start("sql-read", readers?, config.reads_waiting_max, time(), |_| ())?,
            writer: Lane::start("sql-write", vec![writer], BATCHES_WAITING_MAX, time(), Writer::tidy)?,
            config,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    /// Checks that the settings that durability rests on still stand, and that writing goes on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] naming the setting; [`ErrorKind::Poisoned`] after a failed sync.
    pub async fn check(&self) -> Result<()> {
        let job = |writer: &mut Writer| writer.check();
        self.writer
            .ask(ErrorKind::Unavailable, job)
            .await
            .map_err(|error| named(self.path(), error))
    }

    /// What it takes on disk.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`].
    pub async fn space(&self) -> Result<Space> {
        self.read(Reader::space).await
    }

    /// Reads everything back, each row against its hash, and counts it again. Blocks; reads and writes go on beside it.
    ///
    /// `progress` is called now and then, from this thread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] with the number of damaged rows and the key of the first; [`ErrorKind::Closed`].
    pub fn verify(&self, progress: impl FnMut(VerifyProgress) + Send) -> Result<Verified> {
        let verify = || {
            self.readers.check_open()?;
            let mut connection = connect::open_reader(self.path(), &self.config)?;
            verify::verify(&mut connection, &self.config.keys, progress)
        };
        verify().map_err(|error| named(self.path(), error))
    }

    /// Copies the archive as it stands now to the file `dest`, syncs the copy and reads it back as
    /// [`verify`](Self::verify) does. Blocks; reads and writes go on beside it.
    ///
    /// The copy appears under its name only when it is proven. Encrypted content stays encrypted in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when `dest` exists; [`ErrorKind::Full`]; [`ErrorKind::Denied`]; [`ErrorKind::Corrupt`] when
    /// the archive is damaged; [`ErrorKind::Closed`]. Nothing is left at `dest` then.
    pub fn backup(&self, dest: &Path) -> Result<Verified> {
        let open = self.readers.check_open();
        open.and_then(|()| backup::backup(&self.config, dest))
            .map_err(|error| named(self.path(), error))
    }

    /// Lets what waits be done, leaves everything in the one file and joins the threads. Blocks. Later calls are
    /// [`ErrorKind::Closed`], and a second close does nothing.
    ///
    /// An archive that is dropped without it loses nothing; its threads end by themselves.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Poisoned`] after a failed sync or when a thread panicked; what is in the way of moving finished
    /// transactions into the file. They stand safe beside it.
    pub fn close(&self) -> Result<()> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let read = self.readers.close(|_| ());
        let written = self.writer.close(move |writer| {
            tell.send(writer.finish()).ok();
        });
        // Nothing is told by a writer that has gone before: the first close has said all.
        let finished = told.recv().unwrap_or(Ok(()));
        read.and(written).and(finished).map_err(|error| named(self.path(), error))
    }

    async fn read<T: Send + 'static>(&self, job: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static) -> Result<T> {
        self.readers
            .ask(ErrorKind::Unavailable, job)
            .await
            .map_err(|error| named(self.path(), error))
    }
}

impl Archive for SqliteArchive {
    fn apply<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Result<Vec<Outcome>>> {
        // Copies of a record share its key and content.
        let owned = batch.to_vec();
        Box::pin(async move {
            let job = move |writer: &mut Writer| writer.apply(&owned);
            self.writer.ask(ErrorKind::Unknown, job).await.map_err(|error| named(self.path(), error))
        })
    }

    fn get<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        let keys = keys.to_vec();
        Box::pin(self.read(move |reader| reader.get(&keys)))
    }

    fn heads<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Head>>>> {
        let keys = keys.to_vec();
        Box::pin(self.read(move |reader| reader.heads(&keys)))
    }

    fn scan<'a>(&'a self, scan: &'a PrefixScan) -> BoxFuture<'a, Result<Vec<Record>>> {
        let scan = scan.clone();
        Box::pin(self.read(move |reader| reader.scan(&scan)))
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<ChangePage>> {
        Box::pin(self.read(move |reader| reader.changes(after, limit)))
    }

    fn high_water(&self) -> BoxFuture<'_, Result<Version>> {
        Box::pin(self.read(Reader::high_water))
    }

    fn stats(&self) -> BoxFuture<'_, Result<ArchiveStats>> {
        Box::pin(self.read(Reader::stats))
    }
}

/// The path made absolute: SQLite would take a relative one that begins with `file:` for something else.
fn absolute(config: SqliteConfig) -> Result<SqliteConfig> {
    let path: PathBuf = std::path::absolute(&config.path).map_err(|source| {
        Error::new(ErrorKind::Invalid, format!("{:?} is no path of a file", config.path)).with_source(source)
    })?;
    Ok(SqliteConfig { path, ..config })
}

fn named(path: &Path, error: Error) -> Error {
    error.context(format_args!("archive {}", path.display()))
}
