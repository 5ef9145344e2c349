//! Starting: what was accepted before is read back, then the archive task begins.

use std::sync::{Arc, atomic::AtomicBool};

use syncline_core::{
    Error, ErrorKind, Hlc, NodeId, Result, Version,
    port::{Archive, Clock, Random},
    rt::{self, SystemClock, SystemRandom},
};
use syncline_journal::Journal;
use tokio::sync::{Notify, oneshot};

use crate::{
    EngineConfig, EngineState, TRACING_TARGET,
    abandoned::Abandoned,
    deadline::within,
    health::Health,
    ingest::{Ingest, Lane},
    lifecycle::Starting,
    owner::{self, EngineOwner},
    quarantine::{self, Quarantine},
    spine::{HLC_MARK, Journaled, Spine},
    store::{Store, Tiers},
};

/// What an engine stands on.
///
/// | journal | archive | what a submit promises |
/// |---|---|---|
/// | yes | yes | it survives loss of power at once, and reaches the archive in time |
/// | yes | no | it survives loss of power; all items stay in memory, whose bound is then a bound on the data |
/// | no | yes | it is in the archive; while the archive is down submits are `Unavailable` |
/// | no | no | it is in memory as long as the process lives |
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where writes survive until they are archived. It is not closed with the engine: its owner does that.
    pub journal: Option<Journal>,
    /// The ground truth.
    pub archive: Option<Arc<dyn Archive>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from: the jitter of retries, and the node's number where there is no journal to keep one.
    pub random: Arc<dyn Random>,
}

impl Default for Parts {
    /// Neither journal nor archive, and the machine's clock and randomness.
    fn default() -> Self {
        Self {
            journal: None,
            archive: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// Builds the spine of an engine: opens its streams, reads back what they hold, asks the archive for its high-water mark.
pub(crate) async fn build(config: EngineConfig, parts: Parts, starting: &Starting<'_>) -> Result<Arc<Spine>> {
    let Parts { journal, archive, clock, random } = parts;
    let tiers = Tiers { has_journal: journal.is_some(), has_archive: archive.is_some() };
    warn_of_missing(tiers);
    let store = Arc::new(Store::new(&config, tiers));
    let quarantine = Arc::new(Quarantine::new(config.listed_max));
    let (journaled, hlc) = match journal {
        Some(journal) => {
            starting.reach(EngineState::DrainingWal)?;
            let node = node_of(&journal);
            let (journaled, high_water) = read_back(journal, Arc::clone(&store), Arc::clone(&quarantine)).await?;
            (Some(journaled), Hlc::new(node, high_water))
        }
        None => (None, Hlc::new(NodeId::new(random.next_u64()), Version::ZERO)),
    };
    store.frontier.advance(store.pending().frontier());
    let lane = match &journaled {
        Some(Journaled { journal, engine, .. }) => Lane::Journal { journal: journal.clone(), stream: engine.clone() },
        None => Lane::Direct { next_seq: 1 },
    };
    let spine = Arc::new(Spine {
        config,
        store,
        ingest: Ingest::new(lane),
        abandoned: Abandoned::default(),
        quarantine,
        health: Health::default(),
        hlc,
        journal: journaled,
        archive,
        clock,
        random,
        knows_high_water: AtomicBool::new(false),
        is_closed: AtomicBool::new(false),
        stop: Notify::new(),
    });
    greet_archive(&spine).await;
    Ok(spine)
}

fn warn_of_missing(tiers: Tiers) {
    match (tiers.has_journal, tiers.has_archive) {
        (false, false) => {
            tracing::warn!(target: TRACING_TARGET, "neither journal nor archive: items live in memory only and end with it");
        }
        (true, false) => {
            tracing::warn!(target: TRACING_TARGET, "no archive: all items stay in memory, and the journal grows for ever");
        }
        (_, true) => {}
    }
}

/// The node is the directory: its number is the beginning of the journal's.
fn node_of(journal: &Journal) -> NodeId {
    let id = u128::from_be_bytes(journal.id());
    NodeId::new((id >> 64) as u64)
}

/// Opens both streams and reads them back, on a thread of its own: the journal's calls block. Returns the greatest version
/// that the journal knows, from its mark or from a record.
async fn read_back(journal: Journal, store: Arc<Store>, quarantine: Arc<Quarantine>) -> Result<(Journaled, Version)> {
    let (answer, opened) = oneshot::channel();
    // Where nobody listens any more, the streams are let go of with the answer.
    let body = move || drop(answer.send(open_streams(journal, &store, &quarantine)));
    let thread = rt::thread("syncline-engine-start", body);
    let thread = thread.map_err(|source| {
        Error::new(ErrorKind::Unavailable, "no thread to read the journal back on").with_source(source)
    })?;
    match opened.await {
        Ok(outcome) => outcome,
        Err(_) => Err(thread
            .join()
            .err()
            .unwrap_or_else(|| Error::new(ErrorKind::Unknown, "reading back ended early"))),
    }
}

fn open_streams(journal: Journal, store: &Arc<Store>, quarantine: &Arc<Quarantine>) -> Result<(Journaled, Version)> {
    let owner = Arc::new(EngineOwner::new(Arc::clone(store)));
    let engine = journal.stream(owner::STREAM, Arc::clone(&owner) as _)?;
    let parked = journal.stream(quarantine::STREAM, Arc::clone(quarantine) as _);
    let parked = parked.inspect_err(|_| engine.release())?;
    // From here on both are let go of with this, whatever fails.
    let journaled = Journaled::new(journal, engine, parked);
    owner.go_live()?;
    quarantine.take_fault().map_or(Ok(()), Err)?;
    let mark = journaled.journal.mark(HLC_MARK).map(|bytes| Version::from_slice(&bytes)).transpose();
    let mark = mark.map_err(|error| error.context("the journal's mark of the greatest version"))?;
    let high_water = store.pending().greatest().max(mark.unwrap_or_default());
    Ok((journaled, high_water))
}

/// Asks the archive once, and not for long: an engine starts while its archive is down.
async fn greet_archive(spine: &Spine) {
    let Some(archive) = &spine.archive else { return };
    let timeout = spine.config.connect_timeout;
    match within(&*spine.clock, spine.clock.now() + timeout, spine.learn_high_water(&**archive)).await {
        Some(Ok(())) => spine.health.up(),
        Some(Err(error)) => spine.health.down(&error),
        None => {
            let message = format!("the archive did not answer within {timeout:?}");
            spine.health.down(&Error::new(ErrorKind::Unavailable, message));
        }
    }
}
