//! Reads records with a filter: what one reader keeps between lines.
//!
//! No allocation a line: capture slots, regex caches and the buffer in which a line without its
//! date is put together are kept and used again.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::any::Any;
use super::date::{Dates, Form, Located};
use super::engine::{Exceeded, Locations};
use super::httpd::Request;
use super::httpd::rule::{Judgement, Rule};
use super::pattern::{Pattern, captured};
use super::prefix::{Prefix, PrefixLocations, Prefixed};
use super::session::Sessions;
use super::{Filter, Patterns, Recogniser};
use crate::record::Record;

/// A filter at work on one source's records. A jail's own, and a thread's own.
#[derive(Debug)]
pub struct Matcher {
    filter: Arc<Filter>,
    zone: TimeZone,
    state: State,
    ignoreregex: Option<Any>,
    /// The line without its date, where the date stood amid it.
    line: Vec<u8>,
    form: Option<Form>,
    exceeded: Option<Part>,
}

/// Which of a filter's regexes used up its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `prefregex`: what follows was not even looked at.
    Prefregex,
    /// This failregex, numbered as [`Match::pattern`].
    Failregex(u16),
    /// `ignoreregex`. It saves no line then.
    Ignoreregex,
    /// A regex of an httpd rule.
    Httpd,
}

#[derive(Debug)]
enum State {
    Patterns(Box<PatternState>),
    Httpd(Box<Rule>),
}

/// Clones of the filter's patterns, for caches of their own, and room for what they capture.
#[derive(Debug)]
struct PatternState {
    patterns: Patterns,
    prefix: Option<PrefixLocations>,
    captures: Vec<Locations>,
    sessions: Sessions,
}

/// What a record is to a filter.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// Nothing that the filter knows.
    Missed,
    /// An `ignoreregex` took it.
    Ignored,
    /// Recognised, but no failure: `<F-NOFAIL>`, or an attempt that has counted already
    /// (`<F-SESSION>`). `None`: and nobody's.
    NoFail(Option<Match<'a>>),
    /// A failure, and it cannot be told whose.
    Unattributed,
    /// Nobody knows: this regex used up its budget, and no other recognised the record.
    Exceeded(Part),
    /// A failure.
    Failure(Match<'a>),
}

/// What was recognised in a record.
#[derive(Debug)]
pub struct Match<'a> {
    /// Which pattern, from 0.
    pub pattern: u16,
    /// Whose it is; an IPv4-mapped IPv6 address already made IPv4.
    pub address: IpAddr,
    /// When; `None`: the line has no date that can be read.
    pub time: Option<Timestamp>,
    /// The user it names, as the peer wrote it.
    pub user: Option<&'a [u8]>,
    groups: Groups<'a>,
}

/// Where the named groups are, until somebody asks.
#[derive(Debug)]
enum Groups<'a> {
    Captured { prefix: Option<Captured<'a>>, pattern: Captured<'a> },
    Request(Request<'a>),
}

#[derive(Clone, Copy, Debug)]
struct Captured<'a> {
    pattern: &'a Pattern,
    locations: &'a Locations,
    text: &'a [u8],
}

impl Matcher {
    /// `zone` holds for dates that name none.
    #[must_use]
    pub fn new(filter: Arc<Filter>, zone: TimeZone) -> Self {
        let state = match &filter.recogniser {
            Recogniser::Patterns(patterns) => {
                State::Patterns(Box::new(PatternState::new(patterns)))
            }
            Recogniser::Httpd(rule) => State::Httpd(rule.clone()),
        };
        let ignoreregex = filter.ignoreregex.clone();
        Self { filter, zone, state, ignoreregex, line: Vec::new(), form: None, exceeded: None }
    }

    /// Says what a record is. `now` tells the year of dates that have none.
    pub fn read<'a>(&'a mut self, record: Record<'a>, now: Timestamp) -> Outcome<'a> {
        let Self { filter, zone, state, ignoreregex, line, form, exceeded } = self;
        *exceeded = None;
        let ignoreregex = ignoreregex.as_ref();
        let dates = &filter.dates;
        match state {
            State::Httpd(rule) if !ignored(ignoreregex, record.text, exceeded) => {
                let request = rule.parse(record.text);
                let (outcome, found) = judge_request(rule, dates, request, record, zone, now);
                *form = found;
                if matches!(outcome, Outcome::Exceeded(_)) {
                    exceeded.get_or_insert(Part::Httpd);
                }
                outcome
            }
            State::Httpd(_) => Outcome::Ignored,
            State::Patterns(patterns) => {
                let (text, date) = cut(dates, record, line);
                *form = date.as_ref().map(|date| date.form);
                if ignored(ignoreregex, text, exceeded) {
                    return Outcome::Ignored;
                }
                let time = || record.time.or_else(|| date.as_ref()?.stamp.resolve(zone, now));
                patterns.read(text, time, exceeded)
            }
        }
    }

    /// When a line of a file says it is, whether or not the filter knows the line. `None`: it has
    /// no date that can be read where this filter looks for one. `now` tells the year of dates that
    /// have none.
    #[must_use]
    pub fn time(&self, text: &[u8], now: Timestamp) -> Option<Timestamp> {
        let dated = match &self.state {
            State::Httpd(rule) => rule.parse(text)?.time,
            State::Patterns(_) => text,
        };
        self.filter.dates.locate(dated)?.stamp.resolve(&self.zone, now)
    }

    /// Says what a line is of which there is the head alone, since it was too long. Only an access
    /// log's tells: who asked for what stands before all that a peer can make long. Of any other the
    /// peer would choose where it is cut, and so what seems to stand at its end.
    pub fn read_head<'a>(&'a mut self, head: &'a [u8], now: Timestamp) -> Outcome<'a> {
        let Self { filter, zone, state, ignoreregex, form, exceeded, .. } = self;
        *exceeded = None;
        let State::Httpd(rule) = state else { return Outcome::Missed };
        if ignored(ignoreregex.as_ref(), head, exceeded) {
            return Outcome::Ignored;
        }
        let record = Record { time: None, text: head };
        let request = rule.parse_head(head);
        let (outcome, found) = judge_request(rule, &filter.dates, request, record, zone, now);
        *form = found;
        if matches!(outcome, Outcome::Exceeded(_)) {
            exceeded.get_or_insert(Part::Httpd);
        }
        outcome
    }

    /// Which regex used up its budget at the last record, whatever the record was found to be.
    #[must_use]
    pub fn exceeded(&self) -> Option<Part> {
        self.exceeded
    }

    /// The filter at work.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The form of the last record's date; `None`: it had none, or the source knew the time.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        self.form
    }

    /// Forgets the attempts told of so far, as if all that follows were another log.
    pub fn forget(&mut self) {
        if let State::Patterns(patterns) = &mut self.state {
            patterns.sessions = Sessions::default();
        }
    }
}

/// The record's text without its date, which fail2ban's patterns do not expect to see.
fn cut<'a>(
    dates: &Dates,
    record: Record<'a>,
    line: &'a mut Vec<u8>,
) -> (&'a [u8], Option<Located>) {
    let text = record.text;
    let located = if record.time.is_some() { None } else { dates.locate(text) };
    let Some(located) = located else { return (text, None) };
    let (before, after) = (&text[..located.span.start], &text[located.span.end..]);
    if before.is_empty() {
        return (after, Some(located));
    }
    line.clear();
    line.extend_from_slice(before);
    line.extend_from_slice(after);
    (line, Some(located))
}

/// Whether a line is one that is to be ignored. A regex that uses up its budget saves nobody.
fn ignored(ignoreregex: Option<&Any>, text: &[u8], exceeded: &mut Option<Part>) -> bool {
    match ignoreregex.map(|any| any.is_match(text)) {
        Some(Err(Exceeded)) => {
            *exceeded = Some(Part::Ignoreregex);
            false
        }
        told => told == Some(Ok(true)),
    }
}

fn judge_request<'a>(
    rule: &Rule,
    dates: &Dates,
    request: Option<Request<'a>>,
    record: Record<'a>,
    zone: &TimeZone,
    now: Timestamp,
) -> (Outcome<'a>, Option<Form>) {
    let Some(request) = request else { return (Outcome::Missed, None) };
    let date = dates.locate(request.time).filter(|_| record.time.is_none());
    let form = date.as_ref().map(|date| date.form);
    let address = match rule.judge(&request) {
        Judgement::Passes => return (Outcome::Missed, form),
        Judgement::Exceeded => return (Outcome::Exceeded(Part::Httpd), form),
        Judgement::Unattributed => return (Outcome::Unattributed, form),
        Judgement::Failure(address) => address,
    };
    let time = record.time.or_else(|| date?.stamp.resolve(zone, now));
    let user = request.user;
    let groups = Groups::Request(request);
    (Outcome::Failure(Match { pattern: 0, address, time, user, groups }), form)
}

impl PatternState {
    fn new(patterns: &Patterns) -> Self {
        let patterns = patterns.clone();
        let prefix = patterns.prefregex.as_ref().map(Prefix::locations);
        let captures = patterns.failregex.iter().map(|pattern| pattern.regex.locations()).collect();
        Self { patterns, prefix, captures, sessions: Sessions::default() }
    }

    fn read<'a>(
        &'a mut self,
        line: &'a [u8],
        time: impl Fn() -> Option<Timestamp>,
        exceeded: &mut Option<Part>,
    ) -> Outcome<'a> {
        let Self { patterns, prefix, captures, sessions } = self;
        let (prefix, text) = match read_prefix(patterns, prefix.as_mut(), line) {
            Ok(Some(found)) => found,
            Ok(None) => return missed(*exceeded),
            Err(Exceeded) => {
                *exceeded = Some(Part::Prefregex);
                return missed(*exceeded);
            }
        };
        if patterns.gate.as_ref().is_some_and(|gate| !gate.is_match(text)) {
            return missed(*exceeded);
        }
        for ((number, pattern), locations) in (0u16..).zip(&patterns.failregex).zip(captures) {
            match pattern.regex.read(locations, text) {
                Ok(Some(_)) => {}
                Ok(None) => continue,
                Err(Exceeded) => {
                    exceeded.get_or_insert(Part::Failregex(number));
                    continue;
                }
            }
            let own = Captured { pattern, locations, text };
            let informs = own.group(pattern.groups.nofail).is_some();
            let Some(address) = own.address().or_else(|| prefix?.address()) else {
                if informs {
                    return Outcome::NoFail(None);
                }
                continue;
            };
            let user = own.user().or_else(|| prefix?.user());
            let groups = Groups::Captured { prefix, pattern: own };
            let found = Match { pattern: number, address, time: time(), user, groups };
            let session = own.session().or_else(|| prefix?.session());
            let told = session.is_some_and(|text| sessions.told_again(address, text, number));
            let counts = !(informs || told);
            return if counts { Outcome::Failure(found) } else { Outcome::NoFail(Some(found)) };
        }
        missed(*exceeded)
    }
}

/// What a record is that nothing recognised.
fn missed<'a>(exceeded: Option<Part>) -> Outcome<'a> {
    exceeded.map_or(Outcome::Missed, Outcome::Exceeded)
}

/// What the prefregex captured, if there is one, and the text that the rest sees. `None`: it does
/// not match.
type Prefixing<'a> = Option<(Option<Captured<'a>>, &'a [u8])>;

fn read_prefix<'a>(
    patterns: &'a Patterns,
    locations: Option<&'a mut PrefixLocations>,
    line: &'a [u8],
) -> Result<Prefixing<'a>, Exceeded> {
    let (Some(prefix), Some(locations)) = (&patterns.prefregex, locations) else {
        return Ok(Some((None, line)));
    };
    let found = prefix.read(locations, line)?;
    Ok(found.map(|Prefixed { pattern, locations, content }| {
        (Some(Captured { pattern, locations, text: line }), content)
    }))
}

impl<'a> Captured<'a> {
    fn group(&self, group: Option<usize>) -> Option<&'a [u8]> {
        captured(group, self.locations, self.text)
    }

    fn address(&self) -> Option<IpAddr> {
        self.pattern.groups.address(self.locations, self.text)
    }

    fn user(&self) -> Option<&'a [u8]> {
        self.group(self.pattern.groups.user)
    }

    fn session(&self) -> Option<&'a [u8]> {
        self.group(self.pattern.groups.session)
    }

    /// The named groups that took part.
    fn groups(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let names = self.pattern.regex.capture_names().enumerate();
        names.filter_map(move |(number, name)| Some((name?, self.group(Some(number))?)))
    }
}

impl Part {
    /// Every [`word`](Self::word), by [`index`](Self::index).
    pub const WORDS: [&'static str; 4] = ["prefregex", "failregex", "ignoreregex", "httpd"];

    /// Its place among the [`WORDS`](Self::WORDS).
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Prefregex => 0,
            Self::Failregex(_) => 1,
            Self::Ignoreregex => 2,
            Self::Httpd => 3,
        }
    }

    /// Its name in filters and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[self.index()]
    }
}

impl fmt::Display for Part {
    /// With its number, counted from 1 as error messages do: `failregex 3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failregex(pattern) => write!(f, "failregex {}", u32::from(*pattern) + 1),
            part => f.write_str(part.word()),
        }
    }
}

impl<'a> Match<'a> {
    /// The named groups of the pattern, then those of the prefregex; for an access log, the fields
    /// of the request.
    pub fn groups(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let (captured, request) = match &self.groups {
            Groups::Captured { prefix, pattern } => ([Some(*pattern), *prefix], None),
            Groups::Request(request) => ([None, None], Some(request)),
        };
        let captured = captured.into_iter().flatten().flat_map(Captured::groups);
        let captured = captured.filter(|(name, _)| *name != "content");
        captured.chain(request.into_iter().flat_map(Request::fields))
    }
}
