//! Where the programs of PostgreSQL are.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Where Debian keeps them: a directory a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory of `postgres` and its companions: the newest of Debian's, else that on the path.
pub(super) fn directory() -> io::Result<PathBuf> {
    let on_path = env::var_os("PATH")
        .into_iter()
        .flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    newest(Path::new(DEBIAN))
        .into_iter()
        .chain(on_path)
        .find(|dir| dir.join("postgres").is_file() && dir.join("initdb").is_file())
        .ok_or_else(|| {
            let message = "no postgres is installed: 'cargo xtask setup' installs it";
            io::Error::new(io::ErrorKind::NotFound, message)
        })
}

fn newest(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root).ok()?.flatten();
    let number = |name: &std::ffi::OsStr| name.to_str()?.parse::<u32>().ok();
    let newest = versions.filter_map(|entry| Some((number(&entry.file_name())?, entry.path()))).max()?;
    Some(newest.1.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_taken_and_by_number() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "15", "common"] {
            fs::create_dir_all(root.path().join(version).join("bin")).unwrap();
        }
        assert_eq!(newest(root.path()), Some(root.path().join("15/bin")));
        assert_eq!(newest(&root.path().join("none")), None);
    }
}
