//! A way to the directory that survives its owner.

use syncline::{Error, ErrorKind, Result};

use super::{Settings, Store, open::open};

/// How often one request may look for a new owner: owners that last shorter than a request are no owners.
const RETAKES_MAX: usize = 8;

/// A command's way to the directory: when the process that it goes through ends, it goes on through the next one, or holds
/// the directory itself.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    store: Store,
}

impl Session {
    /// Finds the way.
    pub(crate) async fn open(settings: Settings) -> Result<Self> {
        let store = open(&settings).await?;
        Ok(Self { settings, store })
    }

    /// The way as it is now.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Asks; asks again elsewhere when the owner ended without having done it.
    pub(crate) async fn ask<T>(&mut self, request: impl AsyncFn(&Store) -> Result<T>) -> Result<T> {
        let mut retakes = 0;
        loop {
            match request(&self.store).await {
                Err(error) if self.is_gone(&error) && retakes < RETAKES_MAX => {
                    retakes += 1;
                    self.retake().await?;
                }
                Err(error) => return Err(self.explain(error).await),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    /// Whether `error` means that the owner ended, and what was asked may be asked again.
    pub(crate) fn is_gone(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Closed && self.store.other_owner().is_some()
    }

    /// Finds the way anew.
    pub(crate) async fn retake(&mut self) -> Result<()> {
        self.store = open(&self.settings).await?;
        Ok(())
    }

    /// `error` with what the archive said, when it is the archive that stands in the way: "no room" alone helps nobody.
    pub(crate) async fn explain(&self, error: Error) -> Error {
        if !matches!(error.kind(), ErrorKind::Full | ErrorKind::Unavailable) {
            return error;
        }
        match self.store.archive_error().await {
            Some(said) if !error.message().contains(&said) => {
                Error::new(error.kind(), format!("{}; the archive said: {said}", error.share()))
            }
            _ => error,
        }
    }

    /// Lets go of the directory.
    pub(crate) async fn close(self) -> Result<()> {
        self.store.close().await
    }
}
