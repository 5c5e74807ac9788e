//! Where a line says when, as fail2ban finds it: by a list of forms, of which the one that the log
//! has used last is tried first, and cut out at the form's first group.
//!
//! Source: jail.conf(5), `datepattern`. The forms are regexes in which words as strptime(3)'s stand
//! for a date's parts ([`words`]); those tried unless a filter says otherwise are [`defaults`].

mod bounds;
mod defaults;
mod detector;
mod stamp;
mod template;
mod words;
mod zones;

pub(super) use self::detector::{Detector, Found};

use std::sync::LazyLock;

use regex::bytes::RegexSet;

use self::template::Template;
use crate::filter::any;
use crate::filter::engine::Over;
use crate::filter::error::Problem;

/// The forms of a filter's dates, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    templates: Vec<Template>,
    /// All of them at once: which can match at all. `None`: one of them backtracks.
    gate: Option<RegexSet>,
}

impl Dates {
    /// Compiles a `datepattern`, a form a line; `None` is the default ones.
    pub(super) fn compile(datepattern: Option<&str>) -> Result<Self, Problem> {
        static ANCHORED: LazyLock<Result<Dates, Problem>> =
            LazyLock::new(|| Dates::of(Some(ANCHORED_DEFAULTS)));
        static DEFAULTS: LazyLock<Result<Dates, Problem>> = LazyLock::new(|| Dates::of(None));
        match datepattern.map(str::trim) {
            None | Some("") => DEFAULTS.clone(),
            // What most filters have.
            Some(ANCHORED_DEFAULTS) => ANCHORED.clone(),
            text => Self::of(text),
        }
    }

    fn of(datepattern: Option<&str>) -> Result<Self, Problem> {
        let lines = datepattern.unwrap_or_default().lines().map(str::trim);
        let mut templates: Vec<Template> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            for template in templates_of(line)? {
                if templates.iter().all(|other| other.name != template.name) {
                    templates.push(template);
                }
            }
        }
        if templates.is_empty() {
            templates = defaults::all().to_vec();
        }
        let shadows: Option<Vec<&str>> =
            templates.iter().map(|template| template.regex.shadow()).collect();
        let gate = shadows.map(|shadows| any::set(shadows.into_iter(), Over::Text)).transpose()?;
        Ok(Self { templates, gate })
    }

    /// How a form was written, by its number.
    pub(super) fn name(&self, number: u16) -> &str {
        self.templates.get(usize::from(number)).map_or("", |template| &template.name)
    }
}

/// What one line of a `datepattern` stands for.
fn templates_of(line: &str) -> Result<Vec<Template>, Problem> {
    let upper = line.to_uppercase();
    if !line.contains('%') {
        match upper.as_str() {
            "{DEFAULT}" => return Ok(defaults::all().to_vec()),
            ANCHORED_DEFAULTS => {
                let anchored = |template: &&Template| template.at_line_begin;
                return Ok(defaults::all().iter().filter(anchored).cloned().collect());
            }
            "{NONE}" => return Ok(vec![Template::compile("{UNB}^")?]),
            _ => {}
        }
    }
    match date_tag(line) {
        Some(at) => defaults::within(&line[..at], &line[at + DATE.len()..]),
        None => Ok(vec![Template::compile(line)?]),
    }
}

/// The default forms that stand where the line begins.
const ANCHORED_DEFAULTS: &str = "{^LN-BEG}";

const DATE: &str = "{DATE}";

/// Where a form has another within, `{DATE}`.
fn date_tag(line: &str) -> Option<usize> {
    let upper = line.to_ascii_uppercase();
    upper.match_indices(DATE).map(|(at, _)| at).find(|at| !upper[..*at].ends_with('\\'))
}

#[cfg(test)]
mod tests;
