//! `tidy`: the house rules, as tables and small pure functions over what is in the repository.
//!
//! One file per subject: [`arrows`] who depends on whom, [`crates`] what every crate carries, [`sources`] what code must
//! not say, [`words`] what no text says, [`documents`] what must be there to read, [`mod@reference`] that its tests exist.

mod arrows;
mod code;
mod crates;
mod documents;
mod reference;
mod repo;
mod sources;
mod words;

use repo::Repo;

use crate::error::Result;

/// One broken rule: where, and what to do.
pub type Finding = String;

/// Checks every rule, prints what is worth seeing, then what is broken.
///
/// # Errors
///
/// When a rule is broken, or the repository cannot be read.
pub fn run() -> Result {
    let repo = Repo::read()?;
    notes(&repo);
    let findings = findings(&repo)?;
    findings.iter().for_each(|finding| println!("tidy: {finding}"));
    if findings.is_empty() {
        println!("tidy: every rule holds in {} files", repo.files.len());
        return Ok(());
    }
    Err(format!("{} house rules are broken", findings.len()).into())
}

fn findings(repo: &Repo) -> Result<Vec<Finding>> {
    let edges = arrows::edges(&repo.members);
    let mut findings = arrows::forbidden(&edges);
    findings.extend(arrows::unknown(repo.members.iter().map(|package| package.name.as_str())));
    findings.extend(arrows::peers(&repo.locked));
    for package in &repo.members {
        findings.extend(crates::check(package)?);
    }
    for file in &repo.files {
        findings.extend(words::check(&file.path, &file.text));
        if file.is_rust() {
            findings.extend(sources::check(&file.path, &file.text));
        }
    }
    findings.extend(documents::check(|path| repo.text(path)));
    findings.extend(reference::check(repo));
    Ok(findings)
}

/// What breaks no rule and should still be seen: exceptions from lints, and files that grew long.
fn notes(repo: &Repo) {
    let rust = || repo.files.iter().filter(|file| file.is_rust());
    for (package, lints) in sources::exceptions(rust().map(|file| (file.path.as_str(), file.text.as_str()))) {
        let total: usize = lints.values().sum();
        let detail: Vec<_> = lints.iter().map(|(lint, count)| format!("{lint} {count}")).collect();
        println!("exceptions {package:<24} {total:>3}  {}", detail.join(", "));
    }
    for file in rust().filter(|file| sources::is_long(&file.text)) {
        println!("long file  {} has {} lines: which second idea moved in?", file.path, file.text.lines().count());
    }
}
