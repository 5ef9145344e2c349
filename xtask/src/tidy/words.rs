//! What no text of ours says: it speaks of Syncline alone, to readers anywhere.

use super::Finding;

/// A word, in lower case and in two halves so that this table does not break its own rule, and why it must not stand.
const WORDS: &[(&str, &str, &str)] = &[
    ("/wo", "rk/", "a path of one machine"),
    ("crates", ".io", "the host of a package registry"),
    ("registry", ".npmjs", "the host of a package registry"),
    ("pypi", ".org", "the host of a package registry"),
    ("proxy", ".golang", "the host of a package registry"),
    ("co-authored", "-by", "a trailer that we do not use"),
    ("chat", "gpt", "not about Syncline"),
    ("clau", "de", "not about Syncline"),
    ("desi", "gn.md", "a document that readers do not have"),
    ("sty", "le.md", "a document that readers do not have"),
    ("rese", "arch/", "a document that readers do not have"),
    ("part ", "2", "a plan, where readers look for what stands"),
    ("part ", "3", "a plan, where readers look for what stands"),
    ("part ", "4", "a plan, where readers look for what stands"),
    ("part ", "5", "a plan, where readers look for what stands"),
];

/// Files whose words are not ours: cargo writes the first, the rest is data.
const NOT_OURS: &[&str] = &["Cargo.lock", ".ndjson"];

/// Broken rules of one file.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    if NOT_OURS.iter().any(|end| path.ends_with(end)) {
        return Vec::new();
    }
    let on_line = |(number, line): (usize, &str)| {
        let line = line.to_lowercase();
        let bad = WORDS.iter().filter(move |(one, two, _)| holds(&line, &format!("{one}{two}")));
        bad.map(move |(one, two, why)| format!("{path}:{}: '{one}{two}': {why}", number + 1))
            .collect::<Vec<_>>()
    };
    text.lines().enumerate().flat_map(on_line).collect()
}

/// Whether `word` is in `line`, not as the middle or the start of a longer word.
fn holds(line: &str, word: &str) -> bool {
    let mut places = line.match_indices(word);
    places.any(|(at, _)| {
        let joined = |c: char| c.is_alphanumeric();
        let starts_word = word.starts_with(char::is_alphanumeric) && line[..at].chars().next_back().is_some_and(joined);
        let ends_word =
            word.ends_with(char::is_alphanumeric) && line[at + word.len()..].chars().next().is_some_and(joined);
        !starts_word && !ends_word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_with_its_line() {
        for (one, two, why) in WORDS {
            let findings = check("README.md", &format!("fine\nsee {one}{two} for more\n"));
            assert!(
                matches!(findings.as_slice(), [finding] if finding.starts_with("README.md:2:") && finding.ends_with(why))
            );
        }
    }

    #[test]
    fn longer_words_and_other_numbers_are_fine() {
        assert_eq!(check("a.md", "framework/x, counterpart 21, in three parts"), [""; 0]);
    }

    #[test]
    fn capitals_do_not_hide_a_word() {
        let text = format!("Co-Authored{}: nobody", "-By");
        assert_eq!(check("a.md", &text).len(), 1);
    }

    #[test]
    fn data_is_not_ours_to_word() {
        let host = format!("{}{}", "crates", ".io");
        assert_eq!(check("Cargo.lock", &host), [""; 0]);
        assert_eq!(check("examples/data/packages.ndjson", &host), [""; 0]);
    }
}
