//! The queue put through the mill: `sim` crashes it on the simulated disk.

pub(crate) mod sim;
