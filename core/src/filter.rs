//! From a record to a failure: which lines mean one, and whose it is.
//!
//! Pure: a filter meets no file and no clock. It never lets text that the peer chose (a user name,
//! a request line) choose the address.
//!
//! A [`Definition`] is what the file says, a [`Filter`] what it compiles to, a [`Matcher`] what one
//! reader keeps between lines. A line is read so: its date is found and cut out ([`date`]); an
//! `ignoreregex` may drop it; `prefregex` must match and says what the rest sees; then the patterns
//! are tried in order, behind one quick look whether any can match. Access logs are not matched but
//! parsed ([`httpd`]). Regexes run in linear time, all but those that cannot ([`engine`]).

mod address;
mod any;
pub mod date;
pub mod definition;
pub mod engine;
pub mod error;
pub mod fail2ban;
pub mod httpd;
pub mod lint;
pub mod literals;
pub mod matcher;
pub mod matchers;
mod pattern;
mod prefix;
pub mod probe;
pub mod samples;
mod session;
pub mod sieve;
mod split;
pub mod tags;

use std::collections::BTreeSet;
use std::net::IpAddr;

use regex::bytes::RegexSet;

pub use self::definition::{Definition, Language};
pub use self::error::FilterError;
pub use self::literals::Literals;
pub use self::matcher::{Match, Matcher, Name, Outcome, Part};
pub use self::matchers::Matchers;

use self::any::Any;
use self::date::{Dates, Form};
use self::engine::{Choice, Over};
use self::error::{Place, Problem};
use self::fail2ban::Fail2ban;
use self::httpd::rule::Rule;
use self::literals::Cuts;
use self::pattern::Pattern;
use self::prefix::Prefix;

/// A compiled filter. Immutable and shared; what changes from line to line is a [`Matcher`]'s.
#[derive(Debug)]
pub struct Filter {
    /// As its file has it.
    pub definition: Definition,
    /// The mode it was compiled for.
    pub mode: String,
    dates: Dates,
    recogniser: Recogniser,
    /// All of ignoreregex at once, if there is any.
    ignoreregex: Option<Any>,
    choices: Vec<Choice>,
    warnings: Vec<String>,
}

/// How failures are recognised.
#[derive(Clone, Debug)]
enum Recogniser {
    Patterns(Box<Patterns>),
    Httpd(Box<Rule>),
    Fail2ban(Box<Fail2ban>),
}

/// Patterns, in the order in which they are tried.
#[derive(Clone, Debug)]
struct Patterns {
    prefregex: Option<Prefix>,
    failregex: Vec<Pattern>,
    /// All of failregex at once: whether any of it can match. Most lines end here. `None`: of some
    /// pattern that backtracks, nothing linear tells; or there is but one.
    gate: Option<RegexSet>,
}

/// The mode of a jail that names none.
pub const NORMAL: &str = "normal";

impl Filter {
    /// Makes a definition work, with the patterns that `mode` adds to the filter's own. `normal`
    /// adds none unless the file says so.
    ///
    /// # Errors
    ///
    /// Says which pattern is wrong, how, and what to do; or which modes there are.
    pub fn compile(definition: &Definition, mode: &str) -> Result<Self, FilterError> {
        if definition.language == Language::Fail2ban {
            return Self::compile_fail2ban(definition, mode);
        }
        let sources = sources(definition, mode)?;
        let mut choices = Vec::new();
        let recogniser = match &definition.httpd {
            Some(_) if !sources.is_empty() || definition.prefregex.is_some() => {
                return Err(FilterError::Both(definition.name.clone()));
            }
            Some(rule) => {
                let compiled = Rule::compile(rule, &mut choices).map_err(|refusal| {
                    refused(definition, refusal.place, &refusal.pattern, refusal.problem)
                })?;
                Recogniser::Httpd(Box::new(compiled))
            }
            None => {
                let patterns = patterns(definition, &sources, &mut choices)?;
                Recogniser::Patterns(Box::new(patterns))
            }
        };
        let dates = match &definition.datepattern {
            None => Dates::Usual,
            Some(text) => Dates::parse(text)
                .map_err(|problem| refused(definition, Place::Datepattern, text, problem.into()))?,
        };
        let ignoreregex = ignoreregex(definition, &mut choices)?;
        let warnings = warnings(definition, &sources);
        let (definition, mode) = (definition.clone(), mode.to_owned());
        Ok(Self { definition, mode, dates, recogniser, ignoreregex, choices, warnings })
    }

    /// fail2ban has a filter's mode put into its patterns when its files are read.
    fn compile_fail2ban(definition: &Definition, mode: &str) -> Result<Self, FilterError> {
        let mut choices = Vec::new();
        let compiled = Fail2ban::compile(definition, &mut choices)?;
        Ok(Self {
            definition: definition.clone(),
            mode: mode.to_owned(),
            dates: Dates::Absent,
            recogniser: Recogniser::Fail2ban(Box::new(compiled)),
            ignoreregex: None,
            choices,
            warnings: Vec::new(),
        })
    }

    /// Its name: the file's, without `.yaml`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// How many patterns there are: a [`Match::pattern`] is below it. Never 0.
    #[must_use]
    pub fn pattern_count(&self) -> u16 {
        match &self.recogniser {
            Recogniser::Httpd(_) => 1,
            _ => u16::try_from(self.patterns().count()).unwrap_or(u16::MAX),
        }
    }

    /// The patterns as written, in order; none for an httpd rule.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        let (ours, fail2bans) = match &self.recogniser {
            Recogniser::Httpd(_) => (None, None),
            Recogniser::Patterns(patterns) => (Some(&patterns.failregex), None),
            Recogniser::Fail2ban(filter) => (None, Some(filter.patterns())),
        };
        let ours = ours.into_iter().flatten().map(|pattern| pattern.source.as_str());
        ours.chain(fail2bans.into_iter().flatten())
    }

    /// What recognises failures, by [`Match::pattern`], for people: the patterns as written, or the
    /// conditions of an httpd rule.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match &self.definition.httpd {
            Some(rule) => vec![rule.to_string()],
            None => self.patterns().map(str::to_owned).collect(),
        }
    }

    /// Which engine each of its regexes runs on.
    #[must_use]
    pub fn engines(&self) -> &[Choice] {
        &self.choices
    }

    /// Whether its log may tell of a client beside the peer; `None`: it is no filter of access logs.
    #[must_use]
    pub fn tells_of_clients(&self) -> Option<bool> {
        match &self.recogniser {
            Recogniser::Httpd(rule) => Some(rule.tells_of_clients()),
            Recogniser::Patterns(_) | Recogniser::Fail2ban(_) => None,
        }
    }

    /// Who connected, of a line of an access log.
    #[must_use]
    pub fn peer(&self, line: &[u8]) -> Option<IpAddr> {
        let Recogniser::Httpd(rule) = &self.recogniser else { return None };
        rule.parse(line)?.peer()
    }

    /// How a date's form is written, for reports.
    #[must_use]
    pub fn date_form(&self, form: Form) -> &str {
        match (&self.recogniser, form) {
            (Recogniser::Fail2ban(filter), Form::Pattern(number)) => filter.date_form(number),
            _ => form.describe(),
        }
    }

    /// What a record's text holds unless the filter misses it: no failure, nothing ignored, no budget used
    /// up, and nothing kept of it.
    #[must_use]
    pub fn literals(&self) -> Literals {
        let (cuts, recognised) = match &self.recogniser {
            // Which form its dates have, and what a line without one is given, depends on all lines.
            Recogniser::Fail2ban(_) => return Literals::Unknown,
            Recogniser::Httpd(rule) => (Cuts::Nowhere, rule.literals()),
            Recogniser::Patterns(patterns) => {
                let cuts = self.dates.cuts();
                (cuts, patterns.literals(cuts))
            }
        };
        match &self.ignoreregex {
            None => recognised,
            Some(any) => recognised.either(of_any(any.shadows(), cuts)),
        }
    }

    /// What a careful reader should know, such as a pattern in which the peer might choose the
    /// address.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Patterns {
    /// What a text holds that is not missed: what the prefregex needs, and what one of the patterns does.
    /// A prefregex that may use up its budget on a text tells of it, whatever else the text holds.
    fn literals(&self, cuts: Cuts) -> Literals {
        let first = self.prefregex.as_ref().map(|prefix| {
            (prefix.backtracks(), of_any(prefix.shadow().map(|shadow| vec![shadow]), cuts))
        });
        let shadows = self.failregex.iter().map(|pattern| pattern.regex.shadow()).collect();
        match first {
            Some((true, first)) => first,
            Some((false, first)) => of_any(shadows, cuts).or_rather(first),
            None => of_any(shadows, cuts),
        }
    }
}

/// The literals of texts that one of several regexes matches; `None`: nothing is known of one.
fn of_any(shadows: Option<Vec<&str>>, cuts: Cuts) -> Literals {
    let Some(shadows) = shadows else { return Literals::Unknown };
    let each = shadows.into_iter().map(|shadow| Literals::of(shadow, cuts));
    each.fold(Literals::Any(Vec::new()), Literals::either)
}

/// One failregex as written, and where.
struct Source<'d> {
    place: Place,
    text: &'d str,
}

/// The filter's own patterns, then those of the modes that `mode` includes, then the mode's own.
fn sources<'d>(definition: &'d Definition, mode: &str) -> Result<Vec<Source<'d>>, FilterError> {
    let own = (1..).zip(&definition.failregex);
    let mut sources: Vec<Source<'d>> =
        own.map(|(number, text)| Source { place: Place::Failregex(number), text }).collect();
    add_mode(definition, mode, &mut BTreeSet::new(), &mut sources)?;
    if sources.is_empty() && definition.httpd.is_none() {
        return Err(FilterError::Empty(definition.name.clone()));
    }
    if sources.len() > usize::from(u16::MAX) {
        return Err(FilterError::TooMany(definition.name.clone()));
    }
    Ok(sources)
}

fn add_mode<'d>(
    definition: &'d Definition,
    name: &str,
    seen: &mut BTreeSet<&'d str>,
    sources: &mut Vec<Source<'d>>,
) -> Result<(), FilterError> {
    let Some(mode) = definition.modes.iter().find(|mode| mode.name == name) else {
        return if name == NORMAL { Ok(()) } else { Err(unknown_mode(definition, name)) };
    };
    // Each mode is taken once, also where two include it, or each other.
    if !seen.insert(&mode.name) {
        return Ok(());
    }
    for included in &mode.include {
        add_mode(definition, included, seen, sources)?;
    }
    sources.extend((1..).zip(&mode.failregex).map(|(number, text)| Source {
        place: Place::ModeFailregex(mode.name.clone(), number),
        text,
    }));
    Ok(())
}

fn unknown_mode(definition: &Definition, mode: &str) -> FilterError {
    FilterError::UnknownMode {
        filter: definition.name.clone(),
        mode: mode.to_owned(),
        known: definition.mode_names().map(str::to_owned).collect(),
    }
}

fn patterns(
    definition: &Definition,
    sources: &[Source<'_>],
    choices: &mut Vec<Choice>,
) -> Result<Patterns, FilterError> {
    let compile = |place: &Place, text: &str| {
        Pattern::compile(text).map_err(|problem| refused(definition, place.clone(), text, problem))
    };
    let prefregex = match &definition.prefregex {
        Some(text) => Some(
            Prefix::compile(text)
                .map_err(|problem| refused(definition, Place::Prefregex, text, problem))?,
        ),
        None => None,
    };
    if let Some(prefix) = &prefregex {
        choices.push(prefix.choice());
    }
    let address_before = prefregex.as_ref().is_some_and(Prefix::has_address);
    let mut failregex = Vec::with_capacity(sources.len());
    for Source { place, text } in sources {
        let pattern = compile(place, text)?;
        let informs = pattern.groups.nofail.is_some();
        if !(pattern.groups.has_address() || address_before || informs) {
            return Err(refused(definition, place.clone(), text, Problem::NoAddress));
        }
        choices.push(pattern.regex.choice(place.clone(), text));
        failregex.push(pattern);
    }
    let gate = gate(&failregex)
        .map_err(|problem| refused(definition, Place::Failregex(1), "(all of them)", problem))?;
    Ok(Patterns { prefregex, failregex, gate })
}

fn ignoreregex(
    definition: &Definition,
    choices: &mut Vec<Choice>,
) -> Result<Option<Any>, FilterError> {
    let mut regexes = Vec::with_capacity(definition.ignoreregex.len());
    for (number, text) in (1..).zip(&definition.ignoreregex) {
        let place = Place::Ignoreregex(number);
        let pattern = Pattern::compile(text)
            .map_err(|problem| refused(definition, place.clone(), text, problem))?;
        choices.push(pattern.regex.choice(place, text));
        regexes.push(pattern.regex);
    }
    if regexes.is_empty() {
        return Ok(None);
    }
    let place = Place::Ignoreregex(1);
    let any = Any::new(regexes);
    any.map(Some).map_err(|problem| refused(definition, place, "(all of them)", problem))
}

/// What tells at once whether any of them can match, if that can be told.
fn gate(patterns: &[Pattern]) -> Result<Option<RegexSet>, Problem> {
    if patterns.len() == 1 {
        // It tells of itself as fast.
        return Ok(None);
    }
    let shadows: Option<Vec<&str>> =
        patterns.iter().map(|pattern| pattern.regex.shadow()).collect();
    shadows.map(|shadows| any::set(shadows.into_iter(), Over::Bytes)).transpose()
}

fn refused(definition: &Definition, place: Place, pattern: &str, problem: Problem) -> FilterError {
    let (filter, pattern) = (definition.name.clone(), pattern.to_owned());
    FilterError::Pattern { filter, place, pattern, problem }
}

fn warnings(definition: &Definition, sources: &[Source<'_>]) -> Vec<String> {
    let unsafe_patterns = sources.iter().filter_map(|Source { place, text }| {
        let problem = lint::warning(text)?;
        Some(format!("filter {}, {place} `{text}`: {problem}", definition.name))
    });
    let prefix = definition.prefregex.as_deref().and_then(|text| {
        let problem = lint::warning(text)?;
        Some(format!("filter {}, prefregex `{text}`: {problem}", definition.name))
    });
    prefix.into_iter().chain(unsafe_patterns).collect()
}

#[cfg(test)]
mod tests;
