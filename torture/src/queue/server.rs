//! `torture queue-server`: a PostgreSQL server for a crash run, told by lines on its input what is to become of it.
//!
//! ```text
//! database     makes an empty database, and says its URL
//! kill <n>     in n microseconds ends the server and all its processes at once, starts it again, and says "up" when it
//!              answers
//! disconnect   ends what clients that are gone had begun, and says "quiet"
//! ```
//!
//! At the end of its input the server is gone.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
    time::Duration,
};

use syncline_core::{Error, ErrorKind, Result};
use syncline_testkit::PostgresServer;

/// Serves until its input ends.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {}

/// Runs until the input ends.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let failed = |error| Error::new(ErrorKind::Unavailable, "the server").with_source(error);
    serve().map_err(failed)
}

fn serve() -> io::Result<ExitCode> {
    let server = PostgresServer::start()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (command, number) = line.split_once(' ').unwrap_or((&line, "0"));
        let answer = match command {
            "database" => server.database()?,
            "kill" => {
                server.kill_after(Duration::from_micros(number.parse().map_err(io::Error::other)?));
                server.restart()?;
                "up".to_owned()
            }
            "disconnect" => {
                server.disconnect()?;
                "quiet".to_owned()
            }
            other => return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no command: {other:?}"))),
        };
        let mut output = io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
