//! Random histories, played on a part and on a plain model of it.

pub mod queue;
