//! A file that the user named, or standard input as `-`.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// Read at once. Small enough for a pipe, large enough that a file costs few calls.
const BUFFER_BYTES: usize = 256 * 1_024;

/// What is read.
pub(crate) struct Source {
    /// Its name in messages.
    pub(crate) name: String,
    /// How many bytes it has, where that is known.
    pub(crate) bytes: Option<u64>,
    /// The bytes.
    pub(crate) reader: BufReader<Box<dyn Read + Send>>,
}

impl Source {
    /// Opens `path`; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::of("standard input".into(), None, Box::new(io::stdin())));
        }
        let unreadable = |error: io::Error| Failure::file("cannot read", path, &error);
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Failure::file("cannot read", path, &io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // A pipe or a device says 0, which is not its length.
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self::of(path.display().to_string(), bytes, Box::new(file)))
    }

    fn of(name: String, bytes: Option<u64>, reader: Box<dyn Read + Send>) -> Self {
        Self { name, bytes, reader: BufReader::with_capacity(BUFFER_BYTES, reader) }
    }
}

/// All bytes of `path` or standard input, refused above `bytes_max`.
pub(crate) fn read_whole(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let source = Source::open(path)?;
    let mut bytes = Vec::new();
    let read = source.reader.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("cannot read", &PathBuf::from(&source.name), &error))?;
    if bytes.len() > bytes_max {
        return Err(Failure::failed("invalid", format!("{}: content has more than {bytes_max} bytes", source.name)));
    }
    Ok(bytes)
}
