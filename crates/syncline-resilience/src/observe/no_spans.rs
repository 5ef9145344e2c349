//! No spans are made.

use std::{fmt::Display, marker::PhantomData, time::Duration};

use super::Outcome;
use crate::{Class, time::Clock};

/// No span.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    lifetime: PhantomData<&'a ()>,
}

/// No span.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    lifetime: PhantomData<&'a ()>,
}

/// Nothing is entered.
#[derive(Debug)]
pub(crate) struct Entered<'a> {
    lifetime: PhantomData<&'a ()>,
}

impl<'a> Operation<'a> {
    #[inline]
    pub(super) fn begin(_name: Option<&'a str>, _clock: &'a dyn Clock) -> Self {
        Self { lifetime: PhantomData }
    }

    #[inline]
    pub(super) fn attempt(&mut self, _number: u32) -> Attempt<'a> {
        Attempt { lifetime: PhantomData }
    }

    #[inline]
    pub(super) fn waits(&mut self, _delay: Duration) {}

    #[inline]
    pub(super) fn ended(&mut self, _outcome: Outcome) {}
}

impl Attempt<'_> {
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered { lifetime: PhantomData }
    }

    #[inline]
    pub(crate) fn succeeded(self) {}

    #[inline]
    pub(crate) fn failed<E>(self, _class: Class, _text: Option<&dyn Display>) {}

    #[inline]
    pub(crate) fn timed_out(self) {}
}
