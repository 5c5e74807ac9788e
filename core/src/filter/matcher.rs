//! Reads records with a filter: what one reader keeps between lines.
//!
//! No allocation a line: capture slots, regex caches and the buffer in which a line without its
//! date is put together are kept and used again.

mod captured;
mod found;
mod outcome;
mod part;
mod patterns;
mod request;
mod verdict;

pub use self::found::{Match, Name};
pub use self::outcome::Outcome;
pub use self::part::Part;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::patterns::PatternState;
use self::request::judge_request;
use self::verdict::judge;
use super::any::Any;
use super::date::stamp::Resolver;
use super::date::{Dates, Form, Located};
use super::engine::Exceeded;
use super::fail2ban::Reader;
use super::httpd::Request;
use super::httpd::combined::Middle;
use super::httpd::rule::Rule;
use super::{Filter, Recogniser};
use crate::record::Record;

/// A filter at work on one source's records. A jail's own, and a thread's own.
#[derive(Debug)]
pub struct Matcher {
    filter: Arc<Filter>,
    times: Resolver,
    state: State,
    ignoreregex: Option<Any>,
    /// The line without its date, where the date stood amid it.
    line: Vec<u8>,
    form: Option<Form>,
    exceeded: Option<Part>,
    pattern: Option<u16>,
}

#[derive(Debug)]
enum State {
    Patterns(Box<PatternState>),
    Httpd(Box<Rule>, Middle),
    Fail2ban(Box<Reader>),
}

impl Matcher {
    /// `zone` holds for dates that name none.
    #[must_use]
    pub fn new(filter: Arc<Filter>, zone: TimeZone) -> Self {
        let state = match &filter.recogniser {
            Recogniser::Patterns(patterns) => {
                State::Patterns(Box::new(PatternState::new(patterns)))
            }
            Recogniser::Httpd(rule) => State::Httpd(rule.clone(), Middle::default()),
            Recogniser::Fail2ban(filter) => State::Fail2ban(Box::new(Reader::new(filter))),
        };
        let ignoreregex = filter.ignoreregex.clone();
        let (line, times) = (Vec::new(), Resolver::new(zone));
        Self { filter, times, state, ignoreregex, line, form: None, exceeded: None, pattern: None }
    }

    /// Of what it reads, only what may match is shown to it: it need not look itself whether any pattern can.
    pub(super) fn sieved(&mut self) {
        if let State::Patterns(state) = &mut self.state {
            state.open();
        }
    }

    /// Whether a new one of these would tell the same of every record.
    pub(super) fn reads_as(&self, filter: &Arc<Filter>, zone: &TimeZone) -> bool {
        let same = Arc::ptr_eq(&self.filter, filter)
            || self.filter.definition == filter.definition && self.filter.mode == filter.mode;
        same && self.times.zone() == zone
    }

    /// Says what a record is. `now` tells the year of dates that have none.
    pub fn read<'a>(&'a mut self, record: Record<'a>, now: Timestamp) -> Outcome<'a> {
        self.read_telling(record, now).0
    }

    /// As [`read`](Self::read); says also which regex used up its budget.
    pub(super) fn read_telling<'a>(
        &'a mut self,
        record: Record<'a>,
        now: Timestamp,
    ) -> (Outcome<'a>, Option<Part>) {
        let Self { filter, times, state, ignoreregex, line, form, exceeded, pattern } = self;
        *exceeded = None;
        *pattern = None;
        let ignoreregex = ignoreregex.as_ref();
        let dates = &filter.dates;
        let outcome = match state {
            State::Httpd(rule, middle) if !ignored(ignoreregex, record.text, exceeded) => {
                let mut request = Request::default();
                let request = rule.read(record.text, middle, &mut request).then_some(&request);
                let (outcome, found) = judge_request(rule, dates, request, record, times, now);
                (*form, *pattern) = (found, outcome.pattern());
                if matches!(outcome, Outcome::Exceeded(_)) {
                    exceeded.get_or_insert(Part::Httpd);
                }
                outcome
            }
            State::Httpd(..) => Outcome::Ignored,
            State::Fail2ban(reader) => {
                let (verdict, at) = reader.read(record, times.zone(), now, exceeded);
                *form = at.form.map(Form::Pattern);
                *pattern = verdict.pattern();
                judge(&verdict, at.time, *exceeded)
            }
            State::Patterns(patterns) => {
                let (text, date) = cut(dates, record, times, line);
                *form = date.as_ref().map(|date| date.form);
                if ignored(ignoreregex, text, exceeded) {
                    return (Outcome::Ignored, *exceeded);
                }
                let time = || record.time.or_else(|| times.resolve(&date.as_ref()?.stamp, now));
                let outcome = patterns.read(text, time, exceeded);
                *pattern = outcome.pattern();
                outcome
            }
        };
        (outcome, *exceeded)
    }

    /// When a line of a file says it is, whether or not the filter knows the line. `None`: it has
    /// no date that can be read where this filter looks for one. `now` tells the year of dates that
    /// have none.
    #[must_use]
    pub fn time(&self, text: &[u8], now: Timestamp) -> Option<Timestamp> {
        let dated = match &self.state {
            State::Httpd(rule, _) => rule.parse(text)?.time,
            State::Patterns(_) => text,
            State::Fail2ban(reader) => return reader.time(text, self.times.zone(), now),
        };
        self.filter.dates.locate(dated)?.stamp.resolve(self.times.zone(), now)
    }

    /// Says what a line is of which there is the head alone, since it was too long. Only an access
    /// log's tells: who asked for what stands before all that a peer can make long. Of any other the
    /// peer would choose where it is cut, and so what seems to stand at its end.
    pub fn read_head<'a>(&'a mut self, head: &'a [u8], now: Timestamp) -> Outcome<'a> {
        self.read_head_telling(head, now).0
    }

    /// As [`read_head`](Self::read_head); says also which regex used up its budget.
    pub(super) fn read_head_telling<'a>(
        &'a mut self,
        head: &'a [u8],
        now: Timestamp,
    ) -> (Outcome<'a>, Option<Part>) {
        let Self { filter, times, state, ignoreregex, form, exceeded, .. } = self;
        *exceeded = None;
        let State::Httpd(rule, _) = state else { return (Outcome::Missed, None) };
        if ignored(ignoreregex.as_ref(), head, exceeded) {
            return (Outcome::Ignored, *exceeded);
        }
        let record = Record { time: None, text: head };
        let request = rule.parse_head(head);
        let request = request.as_ref();
        let (outcome, found) = judge_request(rule, &filter.dates, request, record, times, now);
        *form = found;
        if matches!(outcome, Outcome::Exceeded(_)) {
            exceeded.get_or_insert(Part::Httpd);
        }
        (outcome, *exceeded)
    }

    /// Which regex used up its budget at the last record, whatever the record was found to be.
    #[must_use]
    pub fn exceeded(&self) -> Option<Part> {
        self.exceeded
    }

    /// Which pattern matched the last record, also where nobody's failure came of it.
    #[must_use]
    pub fn pattern(&self) -> Option<u16> {
        self.pattern
    }

    /// The last line read, without its date, for reports: what its patterns saw. `text` is that line.
    #[must_use]
    pub fn without_date<'t>(&'t self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if let State::Fail2ban(reader) = &self.state {
            return Cow::Borrowed(reader.text().as_bytes());
        }
        let located = self.form.and_then(|_| self.filter.dates.locate(text));
        let Some(located) = located else { return Cow::Borrowed(text) };
        Cow::Owned([&text[..located.span.start], &text[located.span.end..]].concat())
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
        match &mut self.state {
            State::Patterns(patterns) => patterns.forget(),
            State::Fail2ban(reader) => reader.forget(),
            State::Httpd(..) => {}
        }
    }
}

/// The record's text without its date, which fail2ban's patterns do not expect to see.
fn cut<'a>(
    dates: &Dates,
    record: Record<'a>,
    times: &mut Resolver,
    line: &'a mut Vec<u8>,
) -> (&'a [u8], Option<Located>) {
    let text = record.text;
    let located = if record.time.is_some() { None } else { times.locate(dates, text) };
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
