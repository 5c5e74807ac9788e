//! Where a pattern may be cut so that what stands before is a pattern, too.

/// The ends of a pattern's parts, outside of all groups, each with how many letters and digits stand for
/// themselves until there. A pattern with an alternative outside of all groups is one part.
pub(super) fn parts(source: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut literals = 0;
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        if rest.starts_with('|') {
            return vec![(source.len(), 0)];
        }
        let plain = rest.chars().next().filter(|c| c.is_alphanumeric());
        let length = atom(rest);
        let quantified = quantifier(&rest[length..]);
        literals += usize::from(plain.is_some() && quantified == 0);
        at += length + quantified;
        // Words are taken whole.
        let within = plain.is_some() && source[at..].starts_with(char::is_alphanumeric);
        if !within {
            parts.push((at, literals));
        }
    }
    parts
}

/// How long the atom is that comes first.
fn atom(text: &str) -> usize {
    let first = text.chars().next().map_or(1, char::len_utf8);
    match text.as_bytes()[0] {
        b'\\' => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
        b'[' => class(text),
        b'(' => group(text),
        b'<' => tag(text).unwrap_or(first),
        _ => first,
    }
}

/// `[…]`, its end included.
fn class(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    let mut first = true;
    while let Some((at, c)) = chars.next() {
        match c {
            '^' if first => continue,
            ']' if !first => return at + 1,
            '\\' => {
                chars.next();
            }
            _ => {}
        }
        first = false;
    }
    text.len()
}

/// `(…)`, its end included.
fn group(text: &str) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text.as_bytes()[at] {
            b')' => return at + 1,
            _ => at += atom(&text[at..]),
        }
    }
    text.len()
}

/// `<TAG>`, or `<F-NAME>…</F-NAME>`; none is a sign like others.
fn tag(text: &str) -> Option<usize> {
    let (name, _) = text[1..].split_once('>')?;
    let known = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_/".contains(c);
    if name.is_empty() || !name.chars().all(known) || name.starts_with('/') {
        return None;
    }
    let length = name.len() + 2;
    if name.starts_with("F-") && !name.ends_with('/') {
        let end = format!("</{name}>");
        return text.find(&end).map(|at| at + end.len());
    }
    Some(length)
}

/// What repeats an atom: `*`, `+?`, `{2,3}`.
fn quantifier(text: &str) -> usize {
    let length = match text.as_bytes().first() {
        Some(b'*' | b'+' | b'?') => 1,
        Some(b'{') => match text.split_once('}') {
            Some((count, _)) if count[1..].bytes().all(|b| b.is_ascii_digit() || b == b',') => {
                count.len() + 1
            }
            _ => return 0,
        },
        _ => return 0,
    };
    length + usize::from(matches!(text.as_bytes().get(length), Some(b'?' | b'+')))
}
