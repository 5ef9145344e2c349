//! The engine that finds its tiers by URL.

mod config;
mod connect;

use std::{fmt, ops::Deref, sync::Arc};

pub use config::SyncEngineConfig;
use connect::Tiers;
use syncline_core::{
    Error, ErrorKind, Result,
    rt::{SystemClock, SystemRandom},
};
use syncline_engine::{Engine, Parts, Report};
use tokio::sync::watch;

use crate::blocking;

/// An engine that connects to its tiers by URL, and has a journal of its own.
///
/// It owns an [`Engine`] and dereferences to it: every operation is the engine's.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use syncline::engine::{SyncEngine, SyncEngineConfig, SyncItem};
/// use tokio::sync::watch;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> syncline::Result<()> {
/// let config = SyncEngineConfig { sql_url: Some("sqlite::memory:".into()), ..Default::default() };
/// let (_tx, rx) = watch::channel(config.clone());
/// let mut engine = SyncEngine::new(config, rx);
/// engine.start().await?;
/// engine.submit(SyncItem::new("users.1".into(), json!({"name": "Ada"}))).await?;
/// assert_eq!(engine.get("users.1").await?.unwrap().content["name"], "Ada");
/// engine.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct SyncEngine {
    engine: Engine,
    config: SyncEngineConfig,
    updates: watch::Receiver<SyncEngineConfig>,
    /// What `start` connected to, until it is closed.
    tiers: Option<Tiers>,
}

impl SyncEngine {
    /// An engine that is not started: touches nothing, and works outside a runtime.
    ///
    /// `start` takes the newest configuration that `updates` holds by then; what comes later counts at the next start.
    pub fn new(config: SyncEngineConfig, updates: watch::Receiver<SyncEngineConfig>) -> Self {
        let engine = Engine::new(config.engine());
        Self { engine, config, updates, tiers: None }
    }

    /// Connects to the tiers, opens the journal at `wal_path`, replays what it holds, and begins to work.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] for a URL that cannot be used, naming the feature where one is missing, and for a `wal_path`
    /// that is a file; otherwise as [`Builder::open`](crate::Builder::open). Nothing is left open then, and it can be
    /// started again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets go of what was opened once the step under way has ended.
    pub async fn start(&mut self) -> Result<()> {
        if self.tiers.is_some() {
            return Err(Error::new(ErrorKind::Invalid, "the engine was started before"));
        }
        self.take_update();
        let config = self.config.clone();
        let tiers = blocking::run("connect tiers", move || Tiers::connect(&config)).await?;
        let parts = Parts {
            journal: tiers.journal.clone(),
            archive: tiers.archive.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        match self.engine.start(parts).await {
            Ok(()) => {
                self.tiers = Some(tiers);
                Ok(())
            }
            Err(error) => {
                close(tiers).await;
                Err(error)
            }
        }
    }

    /// The configuration that it was started with, or will be.
    pub fn config(&self) -> &SyncEngineConfig {
        &self.config
    }

    /// Archives what is pending within `shutdown_deadline`, and lets go of every tier. A second call does nothing.
    pub async fn shutdown(&self) -> Report {
        let report = self.engine.shutdown().await;
        if let Some(tiers) = &self.tiers {
            close(tiers.clone()).await;
        }
        report
    }

    /// Takes over a configuration that was sent after `new`. The engine has not begun to use the old one.
    fn take_update(&mut self) {
        if self.updates.has_changed().is_ok_and(|changed| changed) {
            self.config = self.updates.borrow_and_update().clone();
            self.engine = Engine::new(self.config.engine());
        }
    }
}

/// Closes what an engine connected to. Who waited for a write was told of its failure; the operator hears of it too.
async fn close(tiers: Tiers) {
    if let Err(error) = blocking::run("close tiers", move || tiers.close()).await {
        tracing::warn!(target: crate::TRACING_TARGET, %error, "the tiers of an engine did not close in order");
    }
}

impl Deref for SyncEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for SyncEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncEngine")
            .field("config", &self.config)
            .field("state", &self.engine.state())
            .finish()
    }
}
