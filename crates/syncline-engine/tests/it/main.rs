//! The engine as its users meet it: real journal on a disk in memory, an archive that fails on demand, a clock that is stepped.

mod api;
mod changed;
mod combinations;
mod lifecycle;
mod order;
mod outage;
mod poison;
mod power;
mod pressure;
mod read;
mod restart;
mod scan;
mod submit;
mod support;
