//! `name[option=value, other="a,b"][third='c']`: how a jail names a filter or an action.
//!
//! Source: jail.conf(5), "FILTERS" and "ACTIONS".

use crate::printable::excerpt;

/// A name, and the options it is given, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Of the filter or action.
    pub name: String,
    /// As written, without quotes.
    pub options: Vec<(String, String)>,
}

/// Why a text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// There is no name.
    #[error("`{0}` names nothing; write `NAME` or `NAME[option=value]`")]
    NoName(String),
    /// A bracket is open at the end, or something follows the last.
    #[error("`{0}` has no `]` at its end; write `NAME[option=value, other=\"a,b\"]`")]
    Unclosed(String),
    /// Something that is no `option=value`.
    #[error("expected `option=value` at `{0}`; write `NAME[option=value, other=\"a,b\"]`")]
    NoOption(String),
    /// Something between a value and the next option.
    #[error("`{1}` follows the value of `{0}`; put the value in quotes, and a `,` behind it")]
    AfterValue(String, String),
}

impl Spec {
    /// The value of an option; the last, if it is given twice.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one.
///
/// # Errors
///
/// Says what is no option, and how to write one.
pub fn parse(text: &str) -> Result<Spec, SpecError> {
    let (name, rest) = match text.find('[') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if name.trim().is_empty() {
        return Err(SpecError::NoName(shown(text)));
    }
    let mut spec = Spec { name: name.trim().to_owned(), options: Vec::new() };
    if let Some(rest) = rest {
        let inner = rest.trim_end().strip_suffix(']');
        let inner = inner.ok_or_else(|| SpecError::Unclosed(shown(text)))?;
        spec.options = options(inner)?;
    }
    Ok(spec)
}

/// Several, apart by blanks that are in no brackets, as `action` has them.
#[must_use]
pub fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start) = (0_usize, None, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) if depth > 0 => quote = Some(c),
            ('[', None) => depth += 1,
            (']', None) => depth = depth.saturating_sub(1),
            (c, None) if c.is_whitespace() && depth == 0 => {
                // `name [option=…]` is one.
                let goes_on = text[at..].trim_start().starts_with('[');
                if let Some(begun) = start.filter(|_| !goes_on) {
                    parts.push(&text[begun..at]);
                    start = None;
                }
                continue;
            }
            _ => {}
        }
        start.get_or_insert(at);
    }
    parts.extend(start.map(|begun| text[begun..].trim_end()));
    parts
}

fn options(inner: &str) -> Result<Vec<(String, String)>, SpecError> {
    let mut options = Vec::new();
    let mut rest = inner;
    loop {
        let trimmed = rest.trim_start();
        // A comma too many, at the end.
        if trimmed.is_empty() || trimmed.strip_prefix(',').is_some_and(|r| r.trim().is_empty()) {
            return Ok(options);
        }
        let (name, after) = name(trimmed).ok_or_else(|| SpecError::NoOption(shown(trimmed)))?;
        let (value, after) = value(after);
        options.push((name.to_owned(), value.trim().to_owned()));
        rest =
            separated(after).ok_or_else(|| SpecError::AfterValue(name.to_owned(), shown(after)))?;
    }
}

/// `name=`, where the name may bear a condition (`name?family=inet6`).
fn name(text: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let end = text.find(|c| !is_name(c))?;
    if end == 0 {
        return None;
    }
    let (name, rest) = text.split_at(end);
    if let Some(after) = rest.strip_prefix('=') {
        return Some((name, after));
    }
    let (_, word) = rest.strip_prefix('?')?.split_once('=')?;
    let length = word.find(|c| !is_name(c))?;
    let after = word[length..].strip_prefix('=')?;
    Some((&text[..text.len() - after.len() - 1], after))
}

/// A value in quotes, or up to the next `,` or `]`.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some((value, after)) = text.strip_prefix(quote).and_then(|t| t.split_once(quote)) {
            return (value, after);
        }
    }
    text.split_at(text.find([',', ']']).unwrap_or(text.len()))
}

/// What follows the `,` or `][` behind a value; `None` if something else does.
fn separated(text: &str) -> Option<&str> {
    if text.is_empty() {
        return Some(text);
    }
    let bracket = || text.strip_prefix(']')?.trim_start().strip_prefix('[');
    text.strip_prefix(',').or_else(bracket)
}

/// So much of a text as a message needs.
fn shown(text: &str) -> String {
    excerpt(text, 40)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A name and its options.
    type Named<'a> = (&'a str, &'a [(&'a str, &'a str)]);

    #[track_caller]
    fn check(text: &str, expected: Result<Named, &str>) {
        let parsed = parse(text).map_err(|error| error.to_string());
        let expected = expected
            .map(|(name, options)| Spec {
                name: name.to_owned(),
                options: options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            })
            .map_err(str::to_owned);
        assert_eq!(parsed, expected);
    }

    #[test]
    fn names_come_with_options() {
        check("sshd", Ok(("sshd", &[])));
        check("sshd[]", Ok(("sshd", &[])));
        check("sshd[mode=aggressive]", Ok(("sshd", &[("mode", "aggressive")])));
        check(
            "a[x=1, y=\"a,b]\", z='c \"d\"',]",
            Ok(("a", &[("x", "1"), ("y", "a,b]"), ("z", "c \"d\"")])),
        );
        check("a[x=1][y=2] [z=3]", Ok(("a", &[("x", "1"), ("y", "2"), ("z", "3")])));
        check("a[x=a=b, y=]", Ok(("a", &[("x", "a=b"), ("y", "")])));
        check("a[x=\"1\n 2\",\n  y=3]", Ok(("a", &[("x", "1\n 2"), ("y", "3")])));
        check("a[t?family=inet6=x]", Ok(("a", &[("t?family=inet6", "x")])));
    }

    #[test]
    fn other_forms_are_refused() {
        check("[x=1]", Err("`[x=1]` names nothing; write `NAME` or `NAME[option=value]`"));
        check(
            "a[x=1",
            Err("`a[x=1` has no `]` at its end; write `NAME[option=value, other=\"a,b\"]`"),
        );
        check(
            "a[x]",
            Err("expected `option=value` at `x`; write `NAME[option=value, other=\"a,b\"]`"),
        );
        check(
            "a[x=\"1\"2]",
            Err("`2` follows the value of `x`; put the value in quotes, and a `,` behind it"),
        );
    }

    #[test]
    fn actions_are_taken_apart() {
        let check = |text, expected: &[&str]| assert_eq!(split(text), expected);
        check("", &[]);
        check("a\n b[x=\"1 2\", y='] ']\n\n c [z=1]\n", &["a", "b[x=\"1 2\", y='] ']", "c [z=1]"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ab=,\\[\\]\"' ?\n]{0,40}") {
            let _ = (parse(&text), split(&text));
        }

        #[test]
        fn what_is_written_is_read(options in prop::collection::vec(("[a-z_.-]{1,8}", "[^\"\\p{C}]{0,12}"), 0..5)) {
            let written: Vec<_> = options.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
            let parsed = parse(&format!("name[{}]", written.join(", "))).unwrap();
            let expected: Vec<_> = options.iter().map(|(n, v)| (n.clone(), v.trim().to_owned())).collect();
            prop_assert_eq!(parsed.options, expected);
        }
    }
}
