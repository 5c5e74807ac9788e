//! Filters in fail2ban's language, read as fail2ban reads them, and judged as gaoler judges.
//!
//! A definition's patterns are Python's ([`python`]) with tags ([`tags`]). A line's date is cut out
//! ([`dates`]); the rest, or that and the lines before it ([`lines`]), must match `prefregex`, which
//! says what the patterns see; the first pattern that matches wins. What lines of one connection tell
//! is put together ([`sessions`]). Source: jail.conf(5), "FILTER FILES", and what fail2ban does.
//!
//! It differs where hostile text could else choose an address: what is a part of a longer word is no
//! address, names are looked up nowhere, and a regex that backtracks has a budget.

mod dates;
mod dispute;
mod lines;
mod pattern;
mod python;
mod reader;
mod sessions;
mod tags;
mod values;

pub use self::python::PythonError;
pub(super) use self::reader::{Reader, Verdict, Whose};
pub(super) use self::sessions::Attempt;
pub(super) use self::values::Names;

use regex::bytes::RegexSet;

use self::dates::Dates;
use self::pattern::Pattern;
use self::python::Anchors;
use super::any;
use super::definition::{Definition, UseDns};
use super::engine::{Choice, Over};
use super::error::{FilterError, Place, Problem};
use super::refused;

/// A filter in fail2ban's language, compiled.
#[derive(Clone, Debug)]
pub(super) struct Fail2ban {
    names: Names,
    dates: Dates,
    prefregex: Option<Pattern>,
    failregex: Vec<Pattern>,
    ignoreregex: Vec<Pattern>,
    /// Which of failregex can match at all. `None`: of one that backtracks, nothing linear tells.
    gate: Option<RegexSet>,
    /// How many lines the patterns see, at least 1.
    maxlines: usize,
}

impl Fail2ban {
    /// Compiles a definition, and says on which engine each of its regexes runs.
    pub(super) fn compile(
        definition: &Definition,
        choices: &mut Vec<Choice>,
    ) -> Result<Self, FilterError> {
        if definition.failregex.is_empty() {
            return Err(FilterError::Empty(definition.name.clone()));
        }
        if definition.failregex.len() > usize::from(u16::MAX) {
            return Err(FilterError::TooMany(definition.name.clone()));
        }
        let several = definition.maxlines > 1;
        let (whole, each) = if several {
            (Anchors::AllLines, Anchors::EachLine)
        } else {
            (Anchors::Line, Anchors::Line)
        };
        let mut names = Names::default();
        let mut compile = |place: Place, text: &str, anchors: Anchors| {
            let pattern = Pattern::compile(text, anchors, definition.usedns, &mut names)
                .map_err(|problem| refused(definition, place.clone(), text, problem))?;
            choices.push(pattern.regex.choice(place, text));
            Ok(pattern)
        };
        let prefregex = definition.prefregex.as_deref();
        let prefregex = prefregex.map(|text| compile(Place::Prefregex, text, whole)).transpose()?;
        let failregex = (1..).zip(&definition.failregex);
        let failregex: Vec<Pattern> = failregex
            .map(|(number, text)| compile(Place::Failregex(number), text, each))
            .collect::<Result<_, _>>()?;
        let ignoreregex = (1..).zip(&definition.ignoreregex);
        let ignoreregex = ignoreregex
            .map(|(number, text)| compile(Place::Ignoreregex(number), text, each))
            .collect::<Result<_, _>>()?;
        let identified = prefregex.as_ref().is_some_and(|prefix| prefix.identifies);
        for (number, pattern) in (1..).zip(&failregex) {
            if !(identified || pattern.identifies) {
                let place = Place::Failregex(number);
                return Err(refused(definition, place, &pattern.source, Problem::NoAddress));
            }
        }
        let shadows: Option<Vec<&str>> =
            failregex.iter().map(|pattern| pattern.regex.shadow()).collect();
        let gate = shadows.map(|shadows| any::set(shadows.into_iter(), Over::Text)).transpose();
        let gate = gate.map_err(|problem| {
            refused(definition, Place::Failregex(1), "(all of them)", problem)
        })?;
        let dates = Dates::compile(definition.datepattern.as_deref()).map_err(|problem| {
            let text = definition.datepattern.as_deref().unwrap_or_default();
            refused(definition, Place::Datepattern, text, problem)
        })?;
        let maxlines = usize::from(definition.maxlines.max(1));
        Ok(Self { names, dates, prefregex, failregex, ignoreregex, gate, maxlines })
    }

    /// The patterns as written, in order.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.failregex.iter().map(|pattern| pattern.source.as_str())
    }

    /// How a form of dates was written, by its number.
    pub(super) fn date_form(&self, number: u16) -> &str {
        self.dates.name(number)
    }
}

/// A pattern with tags as the regex that is compiled; `several_lines`: of a filter with `maxlines`.
pub(super) fn to_regex(
    pattern: &str,
    several_lines: bool,
    usedns: UseDns,
) -> Result<String, PythonError> {
    let anchors = if several_lines { Anchors::EachLine } else { Anchors::Line };
    python::translate(&tags::expand(pattern, usedns), anchors)
}

#[cfg(test)]
mod tests;
