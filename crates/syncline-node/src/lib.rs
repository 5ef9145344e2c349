//! The `syncline` command: stores records from files in a directory, reads them back, and proves that they are there.
//!
//! | part | what it does |
//! |---|---|
//! | `cli` | the commands, one file each |
//! | `input` | newline-delimited JSON, line by line, with exact bytes |
//! | `store` | the directory, held by this process or by another |
//! | `control` | the socket between the two |
//! | `output`, `progress`, `text` | all that is printed |
//! | `config`, `keys`, `exit`, `advice` | settings in, status and sentence out |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::indexing_slicing
    )
)]

mod advice;
mod cli;
mod config;
mod control;
mod exit;
mod input;
mod keys;
mod output;
mod progress;
mod store;
mod text;

use std::process::ExitCode;

/// Runs the command that the process was started with; its status tells how it ended.
pub fn main() -> ExitCode {
    cli::main().into()
}
