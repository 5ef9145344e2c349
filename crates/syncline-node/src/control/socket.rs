//! The socket file in a directory, however long the directory's path is.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

/// Name of the socket.
const NAME: &str = "control.sock";
/// Name under which a new socket is made, before its mode is right.
const NEW_NAME: &str = "control.sock.new";
/// The longest path that the system takes for a socket, its closing zero left out.
const PATH_BYTES_MAX: usize = 107;
/// Only the owner may connect.
const MODE: u32 = 0o600;

/// The socket's path, for messages.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Listens in `dir`, replacing a socket that an earlier owner left. Only whoever holds the directory's lock may call it.
pub(crate) fn bind(dir: &Path) -> io::Result<UnixListener> {
    let new = dir.join(NEW_NAME);
    remove_if_there(&new)?;
    let short = Short::of(dir, NEW_NAME)?;
    let listener = UnixListener::bind(&short.path)?;
    fs::set_permissions(&new, Permissions::from_mode(MODE))?;
    // Renamed when its mode is right: at no moment may anybody else connect.
    fs::rename(&new, path(dir))?;
    Ok(listener)
}

/// Connects to the owner of `dir`.
pub(crate) async fn connect(dir: &Path) -> io::Result<UnixStream> {
    let short = Short::of(dir, NAME)?;
    UnixStream::connect(&short.path).await
}

/// Removes the socket; done while the lock is still held, so that no later owner's socket is removed.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    remove_if_there(&path(dir))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A path of the socket that the system takes.
struct Short {
    path: PathBuf,
    /// Keeps the number in the path valid.
    _dir: Option<File>,
}

impl Short {
    fn of(dir: &Path, name: &str) -> io::Result<Self> {
        let path = dir.join(name);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _dir: None });
        }
        // The same directory by the number of an open file: short whatever its name is.
        let open = File::open(dir)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(name);
        Ok(Self { path, _dir: Some(open) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[track_caller]
    fn check_listens(dir: &Path) {
        block_on(async {
            let listener = bind(dir).unwrap();
            assert_eq!(fs::metadata(path(dir)).unwrap().permissions().mode() & 0o777, 0o600);
            let (client, server) = tokio::join!(connect(dir), listener.accept());
            assert!(client.is_ok() && server.is_ok(), "{client:?} {server:?}");
        });
    }

    #[test]
    fn a_socket_that_was_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        check_listens(dir.path());
        assert!(block_on(connect(dir.path())).is_err());
        check_listens(dir.path());
        remove(dir.path()).unwrap();
        assert!(!path(dir.path()).exists());
        remove(dir.path()).unwrap();
    }

    #[test]
    fn a_long_path_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("d".repeat(100)).join("e".repeat(100));
        fs::create_dir_all(&long).unwrap();
        check_listens(&long);
    }
}
