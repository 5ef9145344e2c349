//! The command line.

use std::path::PathBuf;

/// Measures one room of Syncline against its peers, interleaved, and prints ratios with their goals.
#[derive(Debug, clap::Parser)]
#[command(name = "syncline-benches")]
pub(crate) struct Args {
    /// What to measure
    pub(crate) room: Room,
    /// End inside a minute, with wider spread
    #[arg(long)]
    pub(crate) quick: bool,
    /// One JSON object a figure
    #[arg(long)]
    pub(crate) json: bool,
    /// For resilience: draw the simulated fleet into this directory, and measure nothing
    #[arg(long)]
    pub(crate) figures: Option<PathBuf>,
    /// Directory on the disk to measure [default: the build directory]
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// For queue: open the backlog in this directory, say what is resident, and measure nothing; the benchmark starts itself so
    #[arg(long, hide = true)]
    pub(crate) backlog: Option<PathBuf>,
}

/// A part of Syncline that has peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Room {
    /// Durable records: beside a bare loop, SQLite, redb and fjall
    Journal,
    /// Submits that reach the archive: beside bare SQLite and a bare sync
    Engine,
    /// Durable jobs: beside queues on SQLite, fjall and redb, yaque and Redis
    Queue,
    /// Breaker, budget and first tries: beside bare atomics and awaits, and peers
    Resilience,
    /// Faults of peers, each shown beside Syncline
    Gallery,
}

impl Room {
    /// Its name in figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Engine => "engine",
            Self::Queue => "queue",
            Self::Resilience => "resilience",
            Self::Gallery => "gallery",
        }
    }
}
