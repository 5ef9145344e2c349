//! What no source of ours says: escapes from lints, unfinished code, tests that do not run.

use std::collections::BTreeMap;

use super::{Finding, code};

/// Above this a file is listed, so that somebody asks which second idea moved in.
const LONG_FILE_LINES: usize = 500;

/// A word of code, what must follow it for the rule to bite, and what to do instead.
const WORDS: &[(&str, &str, &str)] = &[
    ("unsafe", "", "no room needs it; what does is asked of std or rustix"),
    ("todo", "!", "finish it, or leave it out"),
    ("unimplemented", "!", "finish it, or leave it out"),
];

/// An attribute that must not stand, and what to do instead.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("allow", "use #[expect(…, reason = …)]: it is counted, and falls when it is needed no more"),
    ("ignore", "a test that needs a program fails and names 'cargo xtask setup'"),
];

/// Sleeps that are awaited where they stand are pauses between attempts; these may make them, and peers are driven as they
/// want to be.
const SLEEPERS: &[&str] =
    &["crates/syncline-core/", "crates/syncline-resilience/", "crates/syncline-testkit/", "benches/"];

/// Broken rules of one file.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let code = code::only(text);
    let mut findings = Vec::new();
    for (word, next, instead) in WORDS {
        let places = words(&code, word).filter(|at| code[at + word.len()..].trim_start().starts_with(next));
        findings.extend(places.map(|at| format!("{path}:{}: {word}{next}: {instead}", code::line_of(&code, at))));
    }
    for (line, attribute) in code::attributes(&code) {
        let bad = ATTRIBUTES.iter().filter(|(name, _)| applies(&attribute, name));
        findings.extend(bad.map(|(name, instead)| format!("{path}:{line}: #[{name}]: {instead}")));
        if applies(&attribute, "expect") && !attribute.contains("reason=") {
            findings.push(format!("{path}:{line}: #[expect] without a reason"));
        }
    }
    if !SLEEPERS.iter().any(|own| path.starts_with(own)) {
        findings.extend(pauses(&code).map(|line| {
            format!("{path}:{line}: a pause between attempts: use RetryStrategy, the one loop that retries")
        }));
    }
    findings
}

/// Lines where a sleep is awaited by itself. A deadline stands in an arm of `select!` and is no pause.
fn pauses(code: &str) -> impl Iterator<Item = usize> + '_ {
    let sleeps = ["sleep_until", "block_until", "sleep"].into_iter().flat_map(|name| words(code, name));
    sleeps.filter(|at| is_awaited(&code[*at..])).map(|at| code::line_of(code, at))
}

/// Whether the call that `code` begins with is followed by `.await`, or blocks.
fn is_awaited(code: &str) -> bool {
    let name = code.split('(').next().unwrap_or(code);
    let mut depth = 0_usize;
    let end = code.find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ')' && depth == 0
    });
    let is_call = code[name.len()..].starts_with('(');
    let after = end.map_or("", |end| &code[end + 1..]);
    is_call && (name == "block_until" || after.trim_start().starts_with(".await"))
}

/// How many exceptions each package has from each lint.
pub fn exceptions<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts = BTreeMap::<String, BTreeMap<String, usize>>::new();
    for (path, text) in files {
        for (_, attribute) in code::attributes(&code::only(text)) {
            for lint in excepted(&attribute) {
                *counts.entry(package_of(path)).or_default().entry(lint).or_default() += 1;
            }
        }
    }
    counts
}

/// Whether `text` is longer than one idea should be.
pub fn is_long(text: &str) -> bool {
    text.lines().count() > LONG_FILE_LINES
}

/// The lints of `expect(clippy::a,clippy::b,reason=…)`.
fn excepted(attribute: &str) -> Vec<String> {
    let Some((_, list)) = attribute.split_once("expect(").filter(|_| applies(attribute, "expect")) else {
        return Vec::new();
    };
    let list = list.split(')').next().unwrap_or(list).split(',');
    list.filter(|lint| !lint.is_empty() && !lint.starts_with("reason="))
        .map(str::to_owned)
        .collect()
}

/// Whether the attribute is `name`, bare, with arguments or a value, or brings it through `cfg_attr`.
fn applies(attribute: &str, name: &str) -> bool {
    let is = |text: &str| {
        text.strip_prefix(name)
            .is_some_and(|after| after.is_empty() || after.starts_with(['(', '=', ')', ',']))
    };
    let brought = attribute
        .strip_prefix("cfg_attr(")
        .is_some_and(|inside| inside.split(',').skip(1).any(is));
    is(attribute) || brought
}

/// Where `word` stands in `code` as a word of its own.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back().is_some_and(part);
        let after = code[at + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

/// `syncline-core` of `crates/syncline-core/src/key.rs`, `xtask` of `xtask/src/main.rs`.
fn package_of(path: &str) -> String {
    let inside = path.strip_prefix("crates/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(text: &str, count: usize) {
        let findings = check("a.rs", text);
        assert_eq!(findings.len(), count, "{text}: {findings:?}");
    }

    #[test]
    fn each_forbidden_word_is_found_in_code_alone() {
        found("unsafe { f() }", 1);
        found("fn f() { todo!() }", 1);
        found("unimplemented !(\"x\")", 1);
        found("#![forbid(unsafe_code)]\n// unsafe\nlet todo = \"todo!\";", 0);
    }

    #[test]
    fn each_forbidden_attribute_is_found() {
        found("#[allow(dead_code)] fn f() {}", 1);
        found("#![allow(\n    dead_code\n)]", 1);
        found("#[cfg_attr(test, allow(dead_code))] mod a;", 1);
        found("#[test]\n#[ignore]\nfn f() {}", 1);
        found("#[ignore = \"slow\"]", 1);
        found("#[cfg_attr(miri, ignore)]", 1);
        found("fn f() { budget.allow(1) }\n#[deny(allow_attributes)] mod b;", 0);
    }

    #[test]
    fn an_exception_needs_its_reason() {
        found("#[expect(clippy::panic)] fn f() {}", 1);
        found("#[expect(clippy::panic, reason = \"our bug\")] fn f() {}", 0);
    }

    #[test]
    fn a_pause_is_found_where_nobody_may_make_one() {
        found("async fn f() { clock.sleep_until(clock.now() + PAUSE).await; }", 1);
        found("async fn f() { sleep(delay(1, (2)))\n    .await }", 1);
        found("fn f() { clock.block_until(at); }", 1);
        found("tokio::select! { () = clock.sleep_until(at) => {} }\nfn sleep_until(at: Instant) -> Sleep {}", 0);
        assert!(check("crates/syncline-core/src/a.rs", "async fn f() { clock.sleep_until(at).await }").is_empty());
    }

    #[test]
    fn a_finding_names_its_line() {
        let findings = check("crates/a/src/lib.rs", "mod a;\n\nfn f() {\n    todo!()\n}\n");
        assert!(findings[0].starts_with("crates/a/src/lib.rs:4: todo!"), "{findings:?}");
    }

    #[test]
    fn exceptions_are_counted_by_package_and_lint() {
        let text = "#[expect(clippy::panic, clippy::todo, reason = \"x, y\")] fn f() {}\n#![expect(clippy::panic, reason = \"z\")]";
        let counts =
            exceptions([("crates/syncline-core/src/a.rs", text), ("xtask/src/b.rs", "fn expect() {}")].into_iter());
        assert_eq!(counts.len(), 1);
        let core = &counts["syncline-core"];
        assert_eq!((core["clippy::panic"], core["clippy::todo"]), (2, 1));
    }

    #[test]
    fn length_is_counted_in_lines() {
        assert!(!is_long(&"x\n".repeat(500)));
        assert!(is_long(&"x\n".repeat(501)));
    }
}
