//! The journal without threads, for simulators: one seed, one history.
#![doc(hidden)]

pub use crate::{
    log::{Log, Submission, SyncJob},
    replay::replay,
};
