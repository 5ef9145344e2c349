//! What the fuzz targets share: a directory in memory that can be spoilt, opened and read.

mod directory;
mod frames;
mod opened;

pub use directory::{Directory, Layout, STREAM};
pub use frames::{Body, Frame};
pub use opened::{Opened, open};
