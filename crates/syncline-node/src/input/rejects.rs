//! Where bad lines go, exactly as they came, so that they can be mended and imported again.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use syncline::rt::os;

use crate::exit::Failure;

/// The file of rejected lines, or nowhere. Clones write to the same file.
#[derive(Clone)]
pub(crate) struct Rejects {
    file: Option<Arc<Shared>>,
}

struct Shared {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Rejects {
    /// A new file at `path`; `None` keeps nothing.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let file = os::private_file().write(true).create(true).truncate(true).open(path);
        let file = Mutex::new(BufWriter::new(file.map_err(|error| unwritable(path, &error))?));
        Ok(Self { file: Some(Arc::new(Shared { path: path.to_owned(), file })) })
    }

    /// Whether lines are kept at all: if not, nobody needs to hold on to their bytes.
    pub(crate) fn are_kept(&self) -> bool {
        self.file.is_some()
    }

    /// Keeps one line.
    pub(crate) fn line(&self, line: &[u8]) -> Result<(), Failure> {
        let Some(shared) = &self.file else { return Ok(()) };
        let mut file = shared.lock();
        file.write_all(line)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(|error| unwritable(&shared.path, &error))
    }

    /// Takes one long line piece by piece, with nobody else's line between.
    pub(crate) fn spill(&self) -> Spill<'_> {
        Spill { shared: self.file.as_deref(), file: None, failure: None }
    }

    /// Writes what is still buffered.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let Some(shared) = &self.file else { return Ok(()) };
        shared.lock().flush().map_err(|error| unwritable(&shared.path, &error))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        // A buffered writer is whole after each call.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::file("cannot write", path, error)
}

/// Receives one long line; holds the file from its first piece on.
pub(crate) struct Spill<'a> {
    shared: Option<&'a Shared>,
    file: Option<MutexGuard<'a, BufWriter<File>>>,
    failure: Option<Failure>,
}

impl Spill<'_> {
    /// Why a write failed, if one did: so that it is not mistaken for a failure to read.
    pub(crate) fn into_failure(self) -> Option<Failure> {
        self.failure
    }
}

impl Write for Spill<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(shared) = self.shared else { return Ok(bytes.len()) };
        let written = self.file.get_or_insert_with(|| shared.lock()).write(bytes);
        if let Err(error) = &written {
            self.failure = Some(unwritable(&shared.path, error));
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_long_lines_stand_one_after_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rejects");
        let rejects = Rejects::create(Some(&path)).unwrap();
        rejects.line(b"one").unwrap();
        let mut spill = rejects.spill();
        spill.write_all(b"lo").unwrap();
        spill.write_all(b"ng\n").unwrap();
        assert!(spill.into_failure().is_none());
        rejects.line(b"two").unwrap();
        rejects.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\nlong\ntwo\n");
    }

    #[test]
    fn without_a_file_nothing_is_kept() {
        let rejects = Rejects::create(None).unwrap();
        assert!(!rejects.are_kept());
        rejects.line(b"one").unwrap();
        rejects.spill().write_all(b"two").unwrap();
        rejects.finish().unwrap();
    }
}
