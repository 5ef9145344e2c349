//! Pages whose rows promise something: what they say stands is shown by a test that exists.

use super::{Finding, repo::Repo};

/// Where the pages are.
const PATHS: [&str; 2] = ["docs/reference.md", "docs/queue-traps.md"];

/// The state that promises a test.
const STANDS: &str = "stands";

/// The columns of a table that names tests. Without a state every row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    test: usize,
    state: Option<usize>,
}

/// What a row names as its proof.
#[derive(Debug, PartialEq, Eq)]
enum Proof<'a> {
    /// A file, and perhaps one test in it.
    File { path: &'a str, test: Option<&'a str> },
    /// `cargo xtask NAME`.
    Xtask(&'a str),
    /// `cargo test -p NAME`.
    Package(&'a str),
}

/// Rows of all pages that stand on nothing.
pub fn check(repo: &Repo) -> Vec<Finding> {
    PATHS
        .iter()
        .filter_map(|path| repo.text(path).map(|page| (path, page)))
        .flat_map(|(path, page)| check_page(path, page, repo))
        .collect()
}

fn check_page(path: &str, page: &str, repo: &Repo) -> Vec<Finding> {
    standing(page)
        .into_iter()
        .filter_map(|(line, cell)| why_not(cell, repo).map(|why| format!("{path}:{line}: {why}")))
        .collect()
}

fn why_not(cell: &str, repo: &Repo) -> Option<String> {
    let mut proofs = quoted(cell).peekable();
    if proofs.peek().is_none() {
        return Some("stands, but names no test".to_owned());
    }
    proofs.find_map(|text| {
        let exists = proof(text).is_some_and(|proof| exists(&proof, repo));
        (!exists).then(|| format!("stands, but there is no {text}"))
    })
}

fn exists(proof: &Proof<'_>, repo: &Repo) -> bool {
    match proof {
        Proof::File { path, test } => {
            repo.text(path).is_some_and(|text| test.is_none_or(|test| holds_test(text, test)))
        }
        Proof::Xtask(name) => crate::has_command(name),
        Proof::Package(name) => repo.members.iter().any(|package| package.name.as_str() == *name),
    }
}

fn holds_test(text: &str, test: &str) -> bool {
    let name = test.rsplit("::").next().unwrap_or(test);
    text.contains(&format!("fn {name}("))
}

/// The test cells of the rows that stand, each with its line.
fn standing(page: &str) -> Vec<(usize, &str)> {
    let mut columns = None;
    let mut found = Vec::new();
    for (number, line) in page.lines().enumerate() {
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        let Some(Columns { test, state }) = columns else {
            columns = header(&cells);
            continue;
        };
        let is_rule = cells.iter().all(|cell| cell.chars().all(|c| c == '-'));
        if !is_rule && state.is_none_or(|state| cells.get(state).is_some_and(|state| *state == STANDS)) {
            found.push((number + 1, cells.get(test).copied().unwrap_or_default()));
        }
    }
    found
}

fn header(cells: &[&str]) -> Option<Columns> {
    let at = |name: &str| cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    Some(Columns { test: at("test")?, state: at("state") })
}

/// The cells of a table's row. A bar inside code, or behind a backslash, parts nothing.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (mut cells, mut start, mut in_code, mut before) = (Vec::new(), 0, false, ' ');
    for (at, c) in inside.char_indices() {
        match c {
            '`' => in_code = !in_code,
            '|' if !in_code && before != '\\' => {
                cells.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        before = c;
    }
    cells.push(inside[start..].trim());
    Some(cells)
}

/// The texts between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn proof(text: &str) -> Option<Proof<'_>> {
    if let Some(rest) = text.strip_prefix("cargo xtask ") {
        return rest.split_whitespace().next().map(Proof::Xtask);
    }
    if let Some(rest) = text.strip_prefix("cargo test -p ") {
        return rest.split_whitespace().next().map(Proof::Package);
    }
    let (path, test) = text.split_once("::").map_or((text, None), |(path, test)| (path, Some(test)));
    (path.contains(['/', '.']) && !path.contains(' ')).then_some(Proof::File { path, test })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::repo::File;

    const PAGE: &str = "\
| In the document | Ours | Test | State |
|---|---|---|---|
| a | b | `crates/x/tests/a.rs::holds` | stands |
| `a | b` | c | `crates/x/tests/gone.rs` | stands |
| c \\| d | e | – | open (core) |
| d | e | – | stands |
| e | f | `cargo xtask tidy` | stands |
| f | g | `cargo xtask dance` | stands |
| g | h | `crates/x/tests/a.rs::absent` | stands |

| word | meaning |
|---|---|
| a | stands |
";

    fn repo() -> Repo {
        let file = File {
            path: "crates/x/tests/a.rs".to_owned(),
            text: "#[test]\nfn holds() {}\n".to_owned(),
        };
        Repo { files: vec![file], members: Vec::new(), locked: Vec::new() }
    }

    #[test]
    fn each_row_that_stands_on_nothing_is_named() {
        assert_eq!(
            check_page("docs/reference.md", PAGE, &repo()),
            [
                "docs/reference.md:4: stands, but there is no crates/x/tests/gone.rs",
                "docs/reference.md:6: stands, but names no test",
                "docs/reference.md:8: stands, but there is no cargo xtask dance",
                "docs/reference.md:9: stands, but there is no crates/x/tests/a.rs::absent",
            ]
        );
    }

    #[test]
    fn without_a_state_every_row_stands() {
        let page = "| Trap | Test |\n|---|---|\n| 1 | `crates/x/tests/a.rs::holds` |\n| 2 | – |\n";
        assert_eq!(check_page("docs/a.md", page, &repo()), ["docs/a.md:4: stands, but names no test"]);
    }

    #[test]
    fn a_bar_in_code_parts_no_cells() {
        assert_eq!(cells("| `a|b` | c \\| d |").unwrap(), ["`a|b`", "c \\| d"]);
        assert_eq!(cells("no table"), None);
    }

    #[test]
    fn a_package_must_be_there() {
        assert_eq!(proof("cargo test -p syncline-engine"), Some(Proof::Package("syncline-engine")));
        assert!(!exists(&Proof::Package("syncline-engine"), &repo()));
    }

    #[test]
    fn prose_is_no_proof() {
        assert_eq!(proof("see above"), None);
    }
}
