//! Looking at a queue without taking anything.

use clap::Args;

use super::{super::context::Context, no_item, once, unexpected};
use crate::{
    exit::{Exit, Result},
    store::{Access, Ask, Told},
};

/// Print one item
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Its id
    id: String,
}

impl Inspect {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        match once(context, Access::Existing, queue, Ask::Inspect { id: self.id.clone() }).await? {
            Told::Job(Some(job)) => {
                context.output.object(&job)?;
                Ok(Exit::Done)
            }
            Told::Job(None) => Err(no_item(queue, &self.id)),
            _ => Err(unexpected()),
        }
    }
}

pub(super) async fn stats(context: &Context, queue: &str) -> Result<Exit> {
    let Told::Numbers(numbers) = once(context, Access::Existing, queue, Ask::Stats).await? else {
        return Err(unexpected());
    };
    context.output.either(&numbers, || {
        format!(
            "waiting or in hand  {}\nin hand             {}\ndead                {}",
            numbers.current_size, numbers.in_flight, numbers.dead
        )
    })?;
    Ok(Exit::Done)
}
