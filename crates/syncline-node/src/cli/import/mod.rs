//! `import`: every record of a file, durably, and proven to be archived.

mod driver;
mod interrupt;
mod queue;
mod summary;

use std::path::PathBuf;

use clap::Args;
use driver::{Driver, End};
pub(super) use interrupt::Interrupt;
use summary::Summary;
use syncline::{port::Clock as _, rt::SystemClock};

use super::context::Context;
use crate::{
    exit::{Exit, Failure, Result},
    input::{self, Plan, Rejects, Shape, Source},
    output,
    progress::Progress,
    store::{Access, Session},
};

/// Store every record of a file of JSON lines, or of standard input
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline import packages.ndjson
  zcat packages.ndjson.gz | syncline import -
  syncline import users.ndjson --id-field email --content-field profile
  syncline import messy.ndjson --rejects bad.ndjson       mend bad.ndjson and import it

Each line is one JSON object with an id and a content; the content is stored as the exact bytes of its JSON value. What
is stored already with equal bytes is left as it is, so the same file can be imported again after any interruption.
Bad lines are reported and skipped; then the exit status is 1, unless --rejects keeps them. Instead of the content a line may hold \"content_base64\", with \"content_type\"
\"json\" or \"binary\"; \"expires_at_ms\" is the moment at which the record ceases to exist.

Ctrl-C stops after what is under way; what the summary calls accepted survives loss of power.")]
pub(super) struct Import {
    /// File of JSON lines; - is standard input
    file: PathBuf,
    /// Field that holds the id
    #[arg(long, value_name = "NAME", default_value = "id")]
    id_field: String,
    /// Field that holds the content
    #[arg(long, value_name = "NAME", default_value = "content")]
    content_field: String,
    /// New file for bad lines, exactly as they came
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Stop at the first bad line
    #[arg(long)]
    strict: bool,
}

impl Import {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        if self.id_field == self.content_field {
            return Err(Failure::usage("id and content cannot be the same field"));
        }
        let source = Source::open(&self.file)?;
        let rejects = Rejects::create(self.rejects.as_deref())?;
        let mut interrupt = Interrupt::listen()?;
        let session = context.open(Access::Create).await?;
        let progress = Progress::start(source.bytes, context.output.is_json());
        let mut driver = Driver::new(&context, session, progress, source.name.clone(), rejects.clone(), self.strict);
        let plan = Plan { shape: self.shape(&context), strict: self.strict, rejects: rejects.clone() };
        let events = input::start(source, plan)
            .map_err(|error| Failure::failed("unavailable", format!("the system gives no thread: {error}")))?;

        let end = driver.drive(events, &mut interrupt).await;
        let kept = rejects.finish();
        let (session, progress, mut summary) = driver.into_parts();
        let end = conclude(&context, session, progress, &mut summary, end, &mut interrupt).await;
        context.output.either(&summary, || summary.page())?;
        kept?;
        status(end, summary.rejected > 0 && !rejects.are_kept())
    }

    fn shape(&self, context: &Context) -> Shape {
        Shape {
            id_field: self.id_field.clone(),
            content_field: self.content_field.clone(),
            content_bytes_max: context.config.engine.content_bytes_max,
        }
    }
}

/// Waits until all that was accepted is archived, and lets go of the directory.
async fn conclude(
    context: &Context,
    mut session: Session,
    progress: Progress,
    summary: &mut Summary,
    end: End,
    interrupt: &mut Interrupt,
) -> End {
    progress.wait_for("archiving");
    let settle = async {
        let flushed = match end {
            End::Failed(_) => Ok(()),
            _ => session.ask(async |store| store.flush().await).await,
        };
        let flushed_at = SystemClock.now();
        // Also after a failed flush: what can be archived is, and the rest stays in the journal.
        let closed = session.close().await;
        (flushed.and(closed), flushed_at)
    };
    let settled = tokio::select! {
        settled = settle => Some(settled),
        () = interrupt.next() => None,
    };
    progress.finish();
    match settled {
        None => {
            output::note(
                "syncline: stopped; what is not archived yet is in the journal, and the next command archives it",
            );
            summary.stop(&End::Interrupted);
            End::Interrupted
        }
        Some((result, flushed_at)) => {
            let end = match (end, result) {
                (end @ End::Failed(_), _) => end,
                (_, Err(error)) => End::Failed(context.failure(&error)),
                (end, Ok(())) => {
                    summary.archived_at(flushed_at);
                    end
                }
            };
            summary.stop(&end);
            end
        }
    }
}

/// What is neither stored nor kept must not look done: whoever removes the file afterwards would lose it.
fn status(end: End, has_lost_lines: bool) -> Result<Exit> {
    match end {
        End::Whole if has_lost_lines => Ok(Exit::Failed),
        End::Whole => Ok(Exit::Done),
        End::Interrupted => Ok(Exit::Interrupted),
        End::Strict => Ok(Exit::Failed),
        End::Failed(failure) => Err(failure),
    }
}
