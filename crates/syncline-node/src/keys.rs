//! Where the directory's key comes from: a file, or the environment. Never an argument, which every user may read.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

use syncline::{KeyRing, SecretKey, rt::os};

use crate::exit::{Failure, Result};

/// Environment variable that holds the key as 64 hexadecimal digits.
pub(crate) const VARIABLE: &str = "SYNCLINE_KEY";
/// A key file holds 64 digits and a newline; anything much longer is another file.
const FILE_BYTES_MAX: u64 = 1_024;

/// The ring of `key_file`, else of the environment, and of the files with keys of before.
pub(crate) fn ring(key_file: Option<&Path>, older: &[impl AsRef<Path>]) -> Result<KeyRing> {
    let current = match key_file {
        Some(path) => Some(read(path)?),
        None => from_environment()?,
    };
    let older = older.iter().map(|path| read(path.as_ref())).collect::<Result<_>>()?;
    Ok(KeyRing { current, older })
}

fn read(path: &Path) -> Result<SecretKey> {
    let bytes =
        os::read_file(path, FILE_BYTES_MAX).map_err(|error| Failure::file("cannot read the key", path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    SecretKey::from_hex(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn from_environment() -> Result<Option<SecretKey>> {
    match env::var(VARIABLE) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => match SecretKey::from_hex(&text) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(Failure::usage(format!("{VARIABLE}: {error}"))),
        },
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{VARIABLE} is not text"))),
    }
}

/// Whether others than its owner may read the file at `path`; `false` when that cannot be told.
pub(crate) fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_key_file_is_read_and_its_text_never_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let digits = "ab".repeat(32);
        fs::write(&path, format!("{digits}\n")).unwrap();
        let none: [PathBuf; 0] = [];
        assert_eq!(ring(Some(&path), &none).unwrap().current, Some(SecretKey::from_hex(&digits).unwrap()));
        assert_eq!(ring(Some(&path), &[&path]).unwrap().older.len(), 1);
        fs::write(&path, "hunter2").unwrap();
        let failure = ring(Some(&path), &none).unwrap_err();
        assert!(!failure.message().contains("hunter2"), "{}", failure.message());
        fs::write(&path, "a".repeat(2_000)).unwrap();
        assert!(ring(Some(&path), &none).unwrap_err().message().contains("2000 bytes"));
    }

    #[test]
    fn a_key_file_for_all_to_read_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(is_readable_by_others(&path));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!is_readable_by_others(&path));
    }
}
