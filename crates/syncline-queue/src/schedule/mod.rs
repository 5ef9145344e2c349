//! What happens again and again.
//!
//! [`Schedule`] says when, purely: `civil` is the calendar, `parse` and `cron` the expressions, `missed` what becomes of
//! occurrences that nobody was there for. [`Recurring`] says what is pushed then.
//!
//! # How it is kept
//!
//! A recurring item stands in its queue as one item of its own, the *tick*: scheduled for the next occurrence, and carrying all
//! that it needs. Whoever pops it, in whichever process, does not hand it out: it completes the tick, and in the same step
//! pushes the items of what is due and the tick of the next occurrence.
//!
//! - **Nothing fires twice.** There is one tick of a name, because ids that live are unique. It has one lease. What follows a
//!   completion is pushed with it or not at all, and only under the lease that is live; and the next tick is for a time after
//!   all that was pushed.
//! - **Nothing is lost.** The tick is as durable as every item, and is there before and after each such step. Who dies with it
//!   in hand loses the lease, and it comes back. An item of an occurrence that dies is a dead letter, and stops nothing.
//! - **Nothing runs for it.** No task and no thread: a tick that is due wakes who waits for items, as every item does.
//! - The times of a tick grow with the clock of the queue, which is never set back: a calendar that is set back repeats nothing,
//!   and one that is set forward is a time that nobody was there for.

mod civil;
mod cron;
mod missed;
mod parse;
mod recurring;
#[cfg(test)]
mod tests;
mod when;

pub(crate) use self::recurring::{Fired, Tick};
pub use self::{missed::MissedRuns, recurring::Recurring, when::Schedule};
