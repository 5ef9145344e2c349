//! Code without its comments and texts, so that a rule about code does not read prose.

/// Replaces comments and the insides of texts by spaces. Lines stay where they are.
pub fn only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match prose(rest) {
            Some(length) => (length, false),
            None => (word(rest).unwrap_or(first.len_utf8()), true),
        };
        let (piece, after) = rest.split_at(length);
        if keep {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// The attributes of `code`, without white space, each with the line where it begins: `allow(dead_code)`.
pub fn attributes(code: &str) -> Vec<(usize, String)> {
    let starts = code.match_indices('#').filter_map(|(at, _)| {
        let after = code.get(at + 1..)?;
        let inside = after.strip_prefix('!').unwrap_or(after).strip_prefix('[')?;
        Some((line_of(code, at), inside))
    });
    starts.map(|(line, inside)| (line, until_closed(inside))).collect()
}

/// The line, from 1, of the byte at `at`.
pub fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn until_closed(inside: &str) -> String {
    let mut depth = 1_u32;
    let open = |c: &char| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        depth > 0
    };
    inside.chars().take_while(open).filter(|c| !c.is_whitespace()).collect()
}

/// The length of the comment, text or character at the start of `rest`.
fn prose(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    let start = rest.find(|c| !matches!(c, 'b' | 'c' | 'r' | '#'))?;
    if !rest[start..].starts_with(['"', '\'']) || !is_text_prefix(&rest[..start]) {
        return None;
    }
    let (prefix, body) = rest.split_at(start);
    if prefix.contains('r') {
        let hashes = prefix.matches('#').count();
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(body[1..].find(&end).map_or(rest.len(), |at| start + 1 + at + end.len()));
    }
    if body.starts_with('"') {
        Some(start + quoted(body, '"'))
    } else {
        character(body).map(|length| start + length)
    }
}

/// Whether `prefix` may stand before a quote: nothing, or as in `b"…"`, `c"…"`, `r#"…"#`.
fn is_text_prefix(prefix: &str) -> bool {
    let letters = prefix.trim_end_matches('#');
    matches!(letters, "r" | "br" | "cr") || letters.len() == prefix.len() && matches!(letters, "" | "b" | "c")
}

/// The length of a text with escapes, both quotes counted.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    body.len()
}

/// The length of `'a'` or `'\n'`; `None` for a lifetime.
fn character(body: &str) -> Option<usize> {
    let mut chars = body.chars().skip(1);
    let (first, second) = (chars.next()?, chars.next()?);
    (first == '\\' || second == '\'').then(|| quoted(body, '\''))
}

fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if here.starts_with("*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the identifier at the start, so that the `r` of `for"` is never taken for a prefix.
fn word(rest: &str) -> Option<usize> {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank() {
        for (text, code) in [
            ("a // unsafe\nb", "a          \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("unsafe \" x") + 1"#, "f(             ) + 1"),
            (r###"f(r#"a " b"#, br"x") g"###, "f(          ,      ) g"),
            ("let a: &'a str = '\\''; 'b'", "let a: &'a str =     ;    "),
        ] {
            assert_eq!(only(text), code, "{text}");
        }
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "one\n\"two\nthree\"\nfour";
        assert_eq!(only(text).lines().count(), 4);
        assert_eq!(line_of(text, text.find("four").unwrap()), 4);
    }

    #[test]
    fn attributes_are_found_over_several_lines() {
        let code = "#![deny(a)]\n#[expect(\n    clippy::b,\n    reason = \"  \"\n)]\nfn f() { let x = [1]; }";
        let found = attributes(code);
        assert_eq!(found[0], (1, "deny(a)".to_owned()));
        assert_eq!(found[1], (2, "expect(clippy::b,reason=\"\")".to_owned()));
        assert_eq!(found.len(), 2);
    }
}
