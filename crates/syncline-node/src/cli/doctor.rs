//! `doctor`: what an operator should know about the directory.

use clap::Args;
use serde_json::json;
use syncline::Inspection;

use super::context::Context;
use crate::{
    exit::{Exit, Result},
    keys,
    store::{Access, Store},
    text,
};

/// Say what an operator should know: damage, what is not encrypted, who holds the directory, versions
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  syncline doctor                  exit status 1 when something needs a person
  syncline --json doctor

Opening a directory already recovers it from a crash; doctor says what that found.")]
pub(super) struct Doctor {}

/// One thing that was looked at.
struct Finding {
    /// Whether a person must act.
    needs_action: bool,
    text: String,
}

impl Doctor {
    pub(super) async fn run(self, context: Context) -> Result<Exit> {
        let ask = async |store: &Store| Ok((store.inspect().await?, store.other_owner()));
        let (inspection, owner) = context.ask(Access::Existing, ask).await?;
        let mut findings = findings(&inspection);
        findings.extend(key_files(&context));
        let needs_action = findings.iter().any(|finding| finding.needs_action);
        let object = json!({
            "inspection": inspection,
            "held_by_process": owner,
            "findings": findings.iter().map(|finding| json!({
                "needs_action": finding.needs_action,
                "text": finding.text,
            })).collect::<Vec<_>>(),
            "healthy": !needs_action,
        });
        context.output.either(&object, || page(&inspection, owner, &findings))?;
        Ok(if needs_action { Exit::Failed } else { Exit::Done })
    }
}

fn page(inspection: &Inspection, owner: Option<u32>, findings: &[Finding]) -> String {
    let holder = match owner {
        Some(pid) => format!("process {pid}, which answers"),
        None => "nobody but this command".to_owned(),
    };
    let mut lines = vec![
        format!("program     syncline {}", inspection.program_version),
        format!("node        {}", inspection.node),
        format!("held by     {holder}"),
    ];
    lines.extend(findings.iter().map(|finding| {
        let mark = if finding.needs_action { "act        " } else { "note       " };
        format!("{mark} {}", finding.text)
    }));
    if !findings.iter().any(|finding| finding.needs_action) {
        lines.push("healthy     nothing needs a person".to_owned());
    }
    lines.join("\n")
}

fn findings(inspection: &Inspection) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut act = |text: String| findings.push(Finding { needs_action: true, text });
    for lost in &inspection.lost {
        act(format!(
            "acknowledged records {} to {} of the journal were damaged and are lost; the segment is kept as {}",
            lost.first_seq, lost.last_seq, lost.kept_as
        ));
    }
    if inspection.quarantined_items > 0 {
        act(format!(
            "{} cannot be archived and wait in quarantine",
            text::plural(inspection.quarantined_items, "record")
        ));
    }
    if inspection.is_poisoned {
        act("a write or sync failed; end the process that holds the directory and check the disk".to_owned());
    }
    let mut note = |text: String| findings.push(Finding { needs_action: false, text });
    if let Some(torn) = &inspection.torn {
        note(match torn.possibly_acknowledged {
            true => format!("the last opening cut {} that may have been acknowledged", text::bytes(torn.bytes)),
            false => format!("the last opening cut {} of a write that was never acknowledged", text::bytes(torn.bytes)),
        });
    }
    if inspection.manifest_fell_back {
        note("the journal's newest manifest was damaged and the one before it served".to_owned());
    }
    for name in &inspection.unowned_streams {
        note(format!("the stream {name:?} has no open owner; its records are kept and take space"));
    }
    for file in &inspection.quarantine_files {
        note(format!("{file} holds a damaged segment; remove it when nobody needs it any more"));
    }
    for what in &inspection.not_encrypted {
        note(format!("not encrypted: {what}"));
    }
    findings
}

fn key_files(context: &Context) -> Vec<Finding> {
    let named = context.config.key_file.iter().chain(&context.config.older_key_files);
    named
        .filter(|path| keys::is_readable_by_others(path))
        .map(|path| Finding {
            needs_action: true,
            text: format!("others may read the key file {}: chmod 600 it", path.display()),
        })
        .collect()
}
