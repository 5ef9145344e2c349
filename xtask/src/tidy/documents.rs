//! What must be there to read.

use super::Finding;

/// Files that every checkout has.
const REQUIRED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "deny.toml",
    "docs/GLOSSARY.md",
    "docs/reference.md",
    "docs/formats/journal-v1.md",
    "docs/formats/queue-v1.md",
];

/// A reader decides on one screen and a scroll.
const README_LINES_MAX: usize = 120;

/// Broken rules about documents; `text` gives a file of the repository.
pub fn check<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Vec<Finding> {
    let missing = REQUIRED.iter().filter(|path| text(path).is_none_or(|text| text.trim().is_empty()));
    let mut findings: Vec<_> = missing.map(|path| format!("{path} is missing or empty")).collect();
    let lines = text("README.md").map_or(0, |text| text.lines().count());
    if lines > README_LINES_MAX {
        findings.push(format!("README.md has {lines} lines, at most {README_LINES_MAX}"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_document_is_named() {
        let findings = check(|path| match path {
            "ARCHITECTURE.md" => None,
            "CHANGELOG.md" => Some(" \n"),
            _ => Some("words"),
        });
        assert_eq!(findings, ["ARCHITECTURE.md is missing or empty", "CHANGELOG.md is missing or empty"]);
    }

    #[test]
    fn a_long_readme_is_refused() {
        let long = "line\n".repeat(121);
        let findings = check(|path| Some(if path == "README.md" { long.as_str() } else { "words" }));
        assert_eq!(findings, ["README.md has 121 lines, at most 120"]);
    }
}
