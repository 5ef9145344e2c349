//! A directory on a real disk, removed at the end.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Result;

/// File systems in memory, by the number that `statfs` gives: a sync there costs nothing and proves nothing.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// Where stores are laid, each in a directory of its own.
#[derive(Debug)]
pub(crate) struct Scratch {
    root: PathBuf,
}

impl Scratch {
    /// Makes it under `dir`, or under the build directory.
    pub(crate) fn create(dir: Option<&Path>) -> Result<Self> {
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let parent = dir.unwrap_or(&build);
        fs::create_dir_all(parent)?;
        refuse_memory(parent)?;
        remove_left_behind(parent)?;
        let root = parent.join(format!("bench-{}", std::process::id()));
        fs::create_dir(&root)?;
        Ok(Self { root })
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// An empty directory called `name`, gone when dropped.
    pub(crate) fn room(&self, name: &str) -> Result<Self> {
        let root = self.root.join(name);
        fs::create_dir(&root)?;
        Ok(Self { root })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("warning: {} was not removed: {error}", self.root.display());
        }
    }
}

/// Removes the directories of runs that were killed: each is named after its process.
fn remove_left_behind(parent: &Path) -> Result {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix("bench-"))
            .and_then(|name| name.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn refuse_memory(dir: &Path) -> Result {
    let kind = rustix::fs::statfs(dir)?.f_type;
    if IN_MEMORY.contains(&kind) {
        return Err(format!("{} is in memory, where a sync costs nothing: give --dir on a disk", dir.display()).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let parent = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target")
            .join(format!("left-{}", std::process::id()));
        let [dead, alive, other] = [u32::MAX.to_string(), std::process::id().to_string(), "mark".to_owned()]
            .map(|end| parent.join(format!("bench-{end}")));
        [&dead, &alive, &other].into_iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
        remove_left_behind(&parent).unwrap();
        let left = [&dead, &alive, &other].map(|dir| dir.exists());
        fs::remove_dir_all(parent).unwrap();
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn memory_is_refused() {
        let error = refuse_memory(Path::new("/dev/shm")).unwrap_err().to_string();
        assert!(error.contains("--dir"), "{error}");
    }
}
