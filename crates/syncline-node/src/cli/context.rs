//! What every command that works on a directory starts with.

use std::path::PathBuf;

use syncline::{Error, Syncline};

use super::Globals;
use crate::{
    advice,
    config::Config,
    exit::{Failure, Result},
    keys,
    output::{self, Output},
    store::{Access, Session, Settings, Store},
};

/// The options of every command, checked and loaded.
pub(crate) struct Context {
    /// Where results go.
    pub(crate) output: Output,
    /// The directory.
    pub(crate) dir: PathBuf,
    /// Settings.
    pub(crate) config: Config,
    settings: Settings,
}

impl Context {
    /// Reads settings and keys.
    pub(super) fn new(globals: &Globals, output: Output) -> Result<Self> {
        let mut config = Config::load(globals.config.as_deref(), &globals.dir)?;
        if !globals.older_key_file.is_empty() {
            config.older_key_files.clone_from(&globals.older_key_file);
        }
        if let Some(key_file) = &globals.key_file {
            config.key_file = Some(key_file.clone());
        }
        let keys = keys::ring(config.key_file.as_deref(), &config.older_key_files)?;
        let builder = Syncline::builder(&globals.dir)
            .keys(keys)
            .engine(config.engine())
            .journal(config.journal())
            .queues(config.queue());
        let settings = Settings {
            dir: globals.dir.clone(),
            builder,
            exclusive: globals.exclusive,
            patience: globals.timeout.unwrap_or_else(|| config.timeout()),
            access: Access::Existing,
            is_keeper: false,
        };
        Ok(Self { output, dir: globals.dir.clone(), config, settings })
    }

    /// A way to the directory.
    pub(crate) async fn open(&self, access: Access) -> Result<Session> {
        self.open_as(access, false).await
    }

    /// A way to the directory for a command that lasts until its user wants it to end: leases that it gives to others last.
    pub(crate) async fn keep(&self, access: Access) -> Result<Session> {
        self.open_as(access, true).await
    }

    async fn open_as(&self, access: Access, is_keeper: bool) -> Result<Session> {
        let settings = Settings { access, is_keeper, ..self.settings.clone() };
        if access == Access::Existing && !self.dir.is_dir() {
            return Err(self.no_directory());
        }
        Session::open(settings).await.map_err(|error| self.failure(&error))
    }

    /// Asks once: opens the directory, asks, lets go of it.
    pub(crate) async fn ask<T>(
        &self,
        access: Access,
        request: impl AsyncFn(&Store) -> syncline::Result<T>,
    ) -> Result<T> {
        let mut session = self.open(access).await?;
        let answer = session.ask(request).await;
        self.close(session).await;
        answer.map_err(|error| self.failure(&error))
    }

    /// Lets go of the directory. What was asked was answered by then: what goes wrong here is a note beside it.
    pub(crate) async fn close(&self, session: Session) {
        if let Err(error) = session.close().await {
            output::note(&format!("syncline: {}", self.failure(&error).message()));
        }
    }

    /// What `error` means to the user.
    pub(crate) fn failure(&self, error: &Error) -> Failure {
        advice::failure(error, &self.dir)
    }

    fn no_directory(&self) -> Failure {
        let dir = self.dir.display();
        Failure::not_found(format!(
            "there is no directory {dir}: name yours with --dir, or make one with 'syncline import'"
        ))
    }
}
