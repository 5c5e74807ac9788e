//! One form of a date, compiled.

use super::bounds::{self, Begin, END};
use super::stamp::Field;
use super::words;
use crate::filter::date::datepattern::DatePatternError;
use crate::filter::engine::{Engine, Exceeded, Locations, Over};
use crate::filter::error::Problem;
use crate::filter::fail2ban::python::{self, Anchors};

/// A form.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// As written.
    pub(super) name: String,
    pub(super) regex: Engine,
    /// What its first group means.
    pub(super) kind: Kind,
    /// Where it stands tells that it is the line's own date, and nobody's text.
    pub(super) anchored: bool,
    /// Likewise, at the line's beginning.
    pub(super) at_line_begin: bool,
    /// Which field each group is.
    pub(super) fields: Vec<(Field, usize)>,
    /// Groups that must have captured the same: back-references, made linear.
    same: Vec<(usize, usize)>,
}

/// What tells the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The fields.
    Civil,
    /// Seconds since 1970, in this group; `long`: or finer.
    Epoch { group: usize, long: bool },
    /// TAI64N, cr.yp.to/libtai/tai64.html.
    Tai64n,
}

const SECONDS: &str = r"[0-9]{10,11}\b(?:\.[0-9]{3,6})?";
const LONG: &str = r"[0-9]{10,11}(?:[0-9]{3}(?:\.[0-9]{1,6}|[0-9]{3})?)?";
const LINE: &str = "{^LN-BEG}";

impl Template {
    /// Compiles a form.
    pub(super) fn compile(form: &str) -> Result<Self, Problem> {
        let upper = form.to_uppercase();
        let alone = upper.strip_prefix(LINE).or_else(|| upper.strip_prefix('^')).unwrap_or(&upper);
        let at_line = alone.len() < upper.len();
        match alone {
            "EPOCH" | "LEPOCH" => Self::epoch(form, at_line, alone == "LEPOCH"),
            "TAI64N" => Self::tai64n(form, at_line),
            _ => match epoch_tag(&upper) {
                Some((at, length)) => Self::epoch_within(form, at, length),
                None => Self::civil(form),
            },
        }
    }

    fn epoch(form: &str, at_line: bool, long: bool) -> Result<Self, Problem> {
        let digits = if long { LONG } else { SECONDS };
        let head = if at_line { r"\A\W{0,2}" } else { r"(?:\A\[?|\baudit\()" };
        let regex = format!("{head}({digits}){END}");
        Self::new(form, &regex, Kind::Epoch { group: 1, long }, at_line)
    }

    /// `audit\({EPOCH}`: what the whole form matches is cut out.
    fn epoch_within(form: &str, at: usize, length: usize) -> Result<Self, Problem> {
        let long = length > "{EPOCH}".len();
        let digits = if long { LONG } else { SECONDS };
        let inner = form.strip_prefix(LINE).map_or(at, |_| at - LINE.len());
        let plain = form.strip_prefix(LINE).unwrap_or(form);
        let regex = format!("({}({digits}){})", &plain[..inner], &plain[inner + length..]);
        let begin = if plain.len() < form.len() { Begin::Line } else { Begin::Word };
        // The groups before the digits' own count, too.
        let group = 2 + plain[..inner].matches('(').count() - plain[..inner].matches("\\(").count();
        let mut template = Self::bounded(form, &regex, begin, false)?;
        template.kind = Kind::Epoch { group, long };
        Ok(template)
    }

    fn tai64n(form: &str, at_line: bool) -> Result<Self, Problem> {
        let head = if at_line { r"\A\W{0,2}" } else { "" };
        Self::new(form, &format!("{head}(@[0-9a-f]{{24}}){END}"), Kind::Tai64n, at_line)
    }

    fn civil(form: &str) -> Result<Self, Problem> {
        let (plain, begin) = match (form.strip_prefix("{UNB}"), form.strip_prefix(LINE)) {
            (Some(plain), _) => (plain, Begin::Anywhere),
            (None, Some(plain)) => (plain, Begin::Line),
            (None, None) => (form, Begin::Word),
        };
        Self::bounded(form, &words::expand(plain)?, begin, words::has_names(plain))
    }

    /// Puts a regex of Python's between its bounds. One without a group of its own is cut out whole.
    fn bounded(form: &str, regex: &str, begin: Begin, names: bool) -> Result<Self, Problem> {
        let (flags, regex) = flags(regex.trim());
        let regex = regex.as_str();
        let begins = begin != Begin::Anywhere && !bounds::says_begin(regex);
        let ends = begin != Begin::Anywhere && !bounds::says_end(regex);
        let line = begins && begin == Begin::Line;
        let at_line_begin = line || bounds::at_line_begin(regex);
        let anchored = at_line_begin || (!ends && bounds::at_line_end(regex));
        let grouped = if has_group(regex) { regex.to_owned() } else { group(regex) };
        let (body, pairs) = without_references(&bounds::without_stars(&grouped));
        let body = python::translate(&body, Anchors::Line)
            .map_err(|error| DatePatternError::Syntax(error.to_string()))?;
        let fold = if names || flags.contains('i') { "(?i)" } else { "" };
        let head = if begins { begin.regex() } else { "" };
        let tail = if ends { END } else { "" };
        let mut template =
            Self::new(form, &format!("{fold}{head}{body}{tail}"), Kind::Civil, anchored)?;
        template.at_line_begin = at_line_begin;
        template.same = template.pairs(&pairs);
        Ok(template)
    }

    fn new(form: &str, regex: &str, kind: Kind, anchored: bool) -> Result<Self, Problem> {
        let regex = Engine::compile_over(regex, Over::Text)?;
        let names = regex.capture_names().enumerate();
        let fields = names.filter_map(|(group, name)| Some((Field::named(name?)?, group)));
        let fields = fields.collect();
        let (name, at_line_begin) = (form.to_owned(), anchored);
        Ok(Self { name, regex, kind, anchored, at_line_begin, fields, same: Vec::new() })
    }

    /// Looks for a date; where it is found, from the form's own beginning to its end.
    pub(super) fn read(
        &self,
        locations: &mut Locations,
        line: &[u8],
    ) -> Result<Option<(usize, usize)>, Exceeded> {
        if self.regex.read(locations, line)?.is_none() {
            return Ok(None);
        }
        let text = |group| locations.get(group).map(|(start, end)| &line[start..end]);
        let same = self.same.iter().all(|(one, other)| text(*one) == text(*other));
        Ok(locations.get(0).filter(|_| same))
    }

    fn pairs(&self, names: &[(String, String)]) -> Vec<(usize, usize)> {
        let number = |name: &str| self.regex.capture_names().position(|other| other == Some(name));
        names.iter().filter_map(|(one, other)| Some((number(one)?, number(other)?))).collect()
    }
}

/// `{EPOCH}` or `{LEPOCH}`: where, and how long.
fn epoch_tag(upper: &str) -> Option<(usize, usize)> {
    let found = |tag: &str| Some((upper.find(tag)?, tag.len()));
    let (at, length) = found("{EPOCH}").or_else(|| found("{LEPOCH}"))?;
    (!upper[..at].ends_with('\\')).then_some((at, length))
}

/// Takes `(?i)` and its like off a regex.
fn flags(regex: &str) -> (&str, String) {
    for (at, _) in regex.match_indices("(?") {
        let rest = &regex[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with(')') {
            let without = format!("{}{}", &regex[..at], &rest[end + 1..]);
            return (&rest[..end], without);
        }
    }
    ("", regex.to_owned())
}

/// Whether it has a group without a name, and so says itself what is cut out.
fn has_group(regex: &str) -> bool {
    regex.match_indices('(').any(|(at, _)| {
        !regex[at + 1..].starts_with('?')
            && !regex[..at].ends_with(['\\'])
            && !regex[..at].ends_with("(?")
    })
}

/// Makes all of it a group, but for what anchors it.
fn group(regex: &str) -> String {
    let head = if regex.starts_with('^') { "^" } else { "" };
    let rest = &regex[head.len()..];
    let (body, tail) = rest.strip_suffix('$').map_or((rest, ""), |body| (body, "$"));
    format!("{head}({body}){tail}")
}

/// Replaces references to a class's group by the class once more; what both capture must be the same.
/// So forms like `%Y(?P<_sep>[-/])%m(?P=_sep)%d` are linear.
fn without_references(regex: &str) -> (String, Vec<(String, String)>) {
    let mut pairs = Vec::new();
    let mut out = regex.to_owned();
    while let Some(at) = out.find("(?P=") {
        let Some(end) = out[at..].find(')') else { break };
        let name = out[at + 4..at + end].to_owned();
        let Some(class) = class_of(&out[..at], &name) else { break };
        let again = format!("{name}_{}", pairs.len());
        let range = at..=at + end;
        out.replace_range(range, &format!("(?P<{again}>{class})"));
        pairs.push((name, again));
    }
    (out, pairs)
}

/// The class that is all there is in a group.
fn class_of(regex: &str, name: &str) -> Option<String> {
    let head = format!("(?P<{name}>[");
    let start = regex.find(&head)? + head.len() - 1;
    let end = start + regex[start..].find(']')? + 1;
    regex[end..].starts_with(')').then(|| regex[start..end].to_owned())
}
