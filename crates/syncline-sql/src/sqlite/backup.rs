//! A copy of the archive while it goes on being written: taken from one snapshot, synced, read back, then named.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use syncline_core::{Error, ErrorKind, Result, rt::os};

use super::{
    SqliteConfig,
    connect::{self, system_failed},
    error::failed,
    state::State,
    verify::{self, Verified},
};

/// Pages copied at a time.
const PAGES_PER_STEP: i32 = 1_024;

/// Copies the archive of `config` to `dest`, which must not exist, and proves the copy.
pub(super) fn backup(config: &SqliteConfig, dest: &Path) -> Result<Verified> {
    let dest = std::path::absolute(dest).map_err(system_failed("the path of the copy is none"))?;
    if dest.try_exists().map_err(system_failed("the place of the copy cannot be read"))? {
        let message = format!("{} exists, choose another name for the copy", dest.display());
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let partial = Partial::create(&dest)?;
    copy(config, &partial.path)?;
    // The copy stands alone: it has its settings from its own path.
    let config = SqliteConfig { path: partial.path.clone(), disk_bytes_max: None, ..config.clone() };
    let verified = verify::verify(&mut connect::open_writer(&config.path, &config)?, &config.keys, drop)
        .map_err(|error| error.context("the copy"))?;
    partial.name(&dest)?;
    Ok(verified)
}

fn copy(config: &SqliteConfig, to: &Path) -> Result<()> {
    let source = connect::open_reader(&config.path, config)?;
    // A snapshot held open: what is written meanwhile neither enters the copy nor makes it begin anew.
    let snapshot = source.unchecked_transaction().map_err(failed("no snapshot can be taken"))?;
    State::load(&snapshot)?;
    let mut copy = Connection::open(to).map_err(failed("the copy cannot be opened"))?;
    step_through(&snapshot, &mut copy)?;
    copy.close().map_err(|(_, source)| failed("the copy cannot be closed")(source))?;
    let file = File::open(to).and_then(|file| file.sync_all());
    file.map_err(system_failed("the copy cannot be synced"))
}

fn step_through(source: &Connection, copy: &mut Connection) -> Result<()> {
    let failed_to_copy = failed("the copy cannot be written");
    let backup = Backup::new(source, copy).map_err(&failed_to_copy)?;
    loop {
        match backup.step(PAGES_PER_STEP).map_err(&failed_to_copy)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            other => {
                let message = format!("the copy is held by another process ({other:?}), try again");
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        }
    }
}

/// The copy before it is proven, under a name of its own; removed unless it was given its final one.
struct Partial {
    path: PathBuf,
    is_named: bool,
}

impl Partial {
    fn create(dest: &Path) -> Result<Self> {
        let mut path = dest.to_path_buf().into_os_string();
        path.push(".partial");
        let partial = Self { path: path.into(), is_named: false };
        // One left by a process that was killed is of no use to anybody.
        partial
            .remove()
            .map_err(system_failed("the remains of an earlier copy cannot be removed"))?;
        connect::create_file(&partial.path)?;
        Ok(partial)
    }

    fn name(mut self, dest: &Path) -> Result<()> {
        let rename = || {
            fs::rename(&self.path, dest)?;
            dest.parent().map_or(Ok(()), os::sync_dir)
        };
        rename().map_err(system_failed("the copy cannot be given its name"))?;
        self.is_named = true;
        Ok(())
    }

    fn remove(&self) -> io::Result<()> {
        for end in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(end);
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.is_named {
            return;
        }
        if let Err(error) = self.remove() {
            tracing::warn!(target: "syncline::sql", path = %self.path.display(), %error, "an unfinished copy remains");
        }
    }
}
