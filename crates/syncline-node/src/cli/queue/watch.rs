//! `queue watch`: what happens, as it happens.

use clap::Args;

use super::super::{context::Context, import::Interrupt};
use crate::{
    exit::{Exit, Result},
    output::Output,
    store::{Access, Happened, Session},
};

/// Print what happens on the queue, a line an event
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline queue watch
  syncline --json queue watch | jq 'select(.event == \"dead\")'

The first line is 'watching': from then on nothing is missed. The first word of a line says what happened: pushed, claimed,
completed, retried, dead, released, cancelled, redriven, purged, dead_expired; then comes the item. 'expired' counts leases
that ended without an outcome and items that died of it or of their age. Nobody waits for a watcher: one that is too slow is
told how many events it has missed.

Where another process holds the directory this one ends when that one does. Where none does this one holds it until it is
told to end, and the leases of queue pop with it.")]
pub(super) struct Watch {}

impl Watch {
    pub(super) async fn run(self, context: &Context, queue: &str) -> Result<Exit> {
        let mut interrupt = Interrupt::listen()?;
        let mut session = context.keep(Access::Create).await?;
        let ended = each(context, &mut session, queue, &mut interrupt).await;
        context.close(session).await;
        ended
    }
}

async fn each(context: &Context, session: &mut Session, queue: &str, stop: &mut Interrupt) -> Result<Exit> {
    let watching = session.ask(async |store| store.events(queue).await).await;
    let mut watching = watching.map_err(|error| context.failure(&error))?;
    let begun = Happened { event: "watching".to_owned(), ..Happened::default() };
    show(context.output, &begun)?;
    loop {
        let some = tokio::select! {
            some = watching.next() => some.map_err(|error| context.failure(&error))?,
            () = stop.next() => return Ok(Exit::Interrupted),
        };
        let Some(some) = some else { return Ok(Exit::Done) };
        some.iter().try_for_each(|one| show(context.output, one))?;
    }
}

fn show(output: Output, one: &Happened) -> Result<()> {
    output.either(one, || {
        let mut words = vec![one.event.clone()];
        words.extend(one.id.clone());
        words.extend(one.attempt.map(|attempt| format!("attempt {attempt}")));
        words.extend(one.leases.map(|leases| format!("{leases} leases")));
        words.extend(one.dead.map(|dead| format!("{dead} dead")));
        words.extend(one.events.map(|events| format!("{events} events")));
        words.join("\t")
    })
}
