//! When to stop asking: a breaker between a caller and somebody who may be down.
//!
//! ```text
//!                failures in a row, or a window over its rate
//!      Closed ───────────────────────────────────────────────▶ Open ◀──────────┐
//!         ▲                                                      │             │
//!         │                                 time over: who asks  │             │ a probe fails,
//!         │                                 is the first probe   ▼             │ or is slow
//!         └──────────────────────────────────────────────── HalfOpen ──────────┘
//!               as many probes succeed as the threshold      │    ▲
//!                                                            └────┘ a probe is lost
//! ```
//!
//! - **A permit for each request.** It is told the result, and dropping it, by cancellation or by a panic, gives its place
//!   back: nothing is leaked by leaving early.
//! - **Time changes nothing by itself.** Who finds the open time over makes the change, in the same exchange that takes the
//!   first place, so that no two can be that one, and nothing fires later in a state that was forced.
//! - **Probes are limited at once, not in all**, so that a limit of one and a threshold of two come to an end. Half-open, no
//!   window counts: probes that are far apart close it as well.
//! - **A probe has a lease.** If its result is never told, the place is free again when the lease is over: half-open is never
//!   for ever.
//! - **Each result belongs to a generation.** One that comes after a transition is stale: a request that began before the
//!   outage neither closes the breaker nor keeps it open.
//! - **The third outcome.** What says nothing about the other side, such as a request that was wrong, is neither success nor
//!   failure.
//! - **Closed and well costs one load** to ask and one to answer, with no write and no look at the clock. To refuse writes only
//!   a counter that threads do not share.
//!
//! A breaker is one word (`word`) that a pure machine (`core`) moves; [`CircuitBreaker`] adds clock, windows, name and
//! listeners. Do not ask a breaker inside a call that it admitted: half-open, the inner call is refused for want of a place,
//! and the outer one then fails by its own breaker.

mod call;
mod circuit;
mod configure;
mod control;
mod core;
mod count;
#[cfg(all(test, syncline_loom))]
mod loom_models;
mod permit;
mod registry;
mod rejected;
mod results;
mod settings;
mod stats;
#[cfg(all(test, not(syncline_loom)))]
mod tests;
mod transition;
mod window;
mod word;

pub use self::{
    circuit::CircuitBreaker,
    permit::{OwnedPermit, Permit},
    registry::BreakerRegistry,
    rejected::{CallError, Rejected},
    stats::{BreakerStats, Timestamp},
    transition::{CircuitState, Name, Transition, TransitionReason},
};
