//! What the rules look at, read once.

use std::fs;

use cargo_metadata::Package;

use crate::{
    cmd,
    error::Result,
    lock::{self, Locked},
    metadata,
};

/// One text file of the repository.
#[derive(Debug)]
pub struct File {
    /// From the root, with forward slashes.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl File {
    /// Whether it holds Rust code.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// The repository as it lies there.
#[derive(Debug)]
pub struct Repo {
    /// Every text file that git tracks or would track.
    pub files: Vec<File>,
    /// The workspace's packages.
    pub members: Vec<Package>,
    /// The packages that cargo chose for the product.
    pub locked: Vec<Locked>,
}

impl Repo {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When git or cargo cannot be asked, or a file cannot be read.
    pub fn read() -> Result<Self> {
        let root = cmd::root();
        let listed =
            cmd::capture(cmd::program("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
        let mut files = Vec::new();
        // A listed file may be deleted and not yet committed so; one that is no UTF-8 has no words.
        for path in listed.lines().filter(|path| root.join(path).is_file()) {
            let bytes = fs::read(root.join(path)).map_err(|error| format!("cannot read {path}: {error}"))?;
            let text = String::from_utf8(bytes).ok();
            files.extend(text.map(|text| File { path: path.to_owned(), text }));
        }
        let locked = lock::packages(&fs::read_to_string(root.join("Cargo.lock"))?)?;
        Ok(Self { files, members: metadata::members()?, locked })
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}
