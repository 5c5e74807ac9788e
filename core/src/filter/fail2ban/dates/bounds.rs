//! Where a date may begin and end: at a word's bounds, unless the form says otherwise.

/// What a form says of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Wherever it matches.
    Anywhere,
    /// Where a word begins, or no word is.
    Word,
    /// At the line's beginning, at most two signs before it.
    Line,
}

impl Begin {
    /// As a regex.
    pub(super) fn regex(self) -> &'static str {
        match self {
            Self::Anywhere => "",
            Self::Word => r"(?:\A|\b|\b{end-half})",
            Self::Line => r"\A\W{0,2}",
        }
    }
}

/// Where a date ends.
pub(super) const END: &str = r"(?:\b|\b{end-half})";

/// Whether a regex says itself where it begins: `^`, or `**`.
pub(super) fn says_begin(regex: &str) -> bool {
    let inner = regex.trim_start_matches('(');
    let inner = inner.strip_prefix("?:").filter(|inner| inner.starts_with('^')).unwrap_or(inner);
    inner.starts_with('^') || inner.starts_with("**")
}

/// Whether a regex says itself where it ends: `$`, `\b`, `\s`, or `**`.
pub(super) fn says_end(regex: &str) -> bool {
    let ends = |end: &str| regex.strip_suffix(end).is_some_and(|before| !before.ends_with('\\'));
    let stars = regex.trim_end_matches(')').strip_suffix("**");
    ends("$")
        || ends("$)")
        || ends(r"\b")
        || ends(r"\s")
        || stars.is_some_and(|before| !before.ends_with('\\'))
}

/// Whether it can match only where the line begins.
pub(super) fn at_line_begin(regex: &str) -> bool {
    let group = regex.strip_prefix('(').map(|inner| inner.strip_prefix("?:").unwrap_or(inner));
    let grouped = group.is_some_and(|inner| inner.starts_with('^') && !inner.starts_with("^|"));
    regex.starts_with('^') || grouped
}

/// Whether it can match only where the line ends.
pub(super) fn at_line_end(regex: &str) -> bool {
    let before = regex.strip_suffix("$)").or_else(|| regex.strip_suffix('$'));
    before.is_some_and(|before| !before.ends_with(['\\', '|']))
}

/// The regex without its `**`.
pub(super) fn without_stars(regex: &str) -> String {
    let mut regex = regex.to_owned();
    let open = regex.len() - regex.trim_start_matches('(').len();
    if regex[open..].starts_with("**") {
        regex.replace_range(open..open + 2, "");
    }
    let closed = regex.trim_end_matches(')').len();
    if regex[..closed].ends_with("**") && !regex[..closed - 2].ends_with('\\') {
        regex.replace_range(closed - 2..closed, "");
    }
    regex
}
