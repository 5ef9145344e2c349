//! `keygen`: a new key.

use std::{io::Write, path::PathBuf};

use clap::Args;
use serde_json::json;
use syncline::{
    SecretKey,
    port::Random as _,
    rt::{SystemRandom, os},
};

use crate::{
    exit::{Exit, Failure, Result},
    output::Output,
};

/// Draw a new key to encrypt a directory with
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline keygen --out key               a new file that only you may read
  syncline --key-file key import packages.ndjson

Without its key a directory cannot be read, by nobody and never again. Keep a copy of the key elsewhere.")]
pub(super) struct Keygen {
    /// New file for the key; without it the key is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Keygen {
    pub(super) fn run(self, output: Output) -> Result<Exit> {
        let mut bytes = [0; 32];
        SystemRandom.fill(&mut bytes);
        let key = SecretKey::new(bytes).map_err(|error| Failure::failed("invalid", error.to_string()))?;
        match &self.out {
            None => output.either(&json!({ "key": key.to_hex(), "id": key.id().to_string() }), || key.to_hex())?,
            Some(path) => {
                let file = os::private_file().write(true).create_new(true).open(path);
                let written = file.and_then(|mut file| {
                    writeln!(file, "{}", key.to_hex())?;
                    file.sync_all()
                });
                written.map_err(|error| Failure::file("cannot write", path, &error))?;
                let object = json!({ "file": path, "id": key.id().to_string() });
                output.either(&object, || format!("key {} is in {}", key.id(), path.display()))?;
            }
        }
        Ok(Exit::Done)
    }
}
