//! What the listeners make of a run of records: findings and counts.
//!
//! The one place where sources meet filters. Reused from batch to batch; nothing is allocated for
//! a record that nobody recognises.

use std::sync::Arc;

use jiff::Timestamp;

use super::Listener;
use super::batch::{Finding, Findings, Overrun, Tally};
use super::excerpt::Excerpt;
use super::lent::Lent;
use crate::failure::Failure;
use crate::filter::matchers::{Matchers, Told};
use crate::filter::{Match, Outcome, Part};
use crate::jail::ban::JailName;
use crate::moment::Moment;
use crate::record::Record;

/// How many records of a batch are shown at which a budget was used up.
const OVERRUNS: usize = 4;

/// How a run of lines stands to a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// All of them are before it, as far as their dates can be read; and most can.
    Before,
    /// One of them is not.
    Since,
    /// A listener can read the dates of too few of them.
    Unknown,
}

/// The listeners' matchers, and what they have found since the last [`take`](Self::take).
#[derive(Debug)]
pub(super) struct Matching {
    names: Arc<[JailName]>,
    matchers: Matchers, // Invariant: for as many as names, in their order.
    found: Found,
    lent: Lent,
    /// How many lines of the chunk in hand were shown, and how many passed over.
    shown: (u64, u64),
}

/// What has been found and counted.
#[derive(Debug)]
struct Found {
    listeners: usize,
    findings: Findings,
    tally: Tally,
}

impl Matching {
    /// Matches for `listeners`.
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        let names: Arc<[JailName]> = listeners.iter().map(|l| l.jail.clone()).collect();
        let readers = listeners.into_iter().map(|listener| (listener.filter, listener.time_zone));
        let (matchers, found) = (Matchers::new(readers), Found::new(names.len()));
        Self { names, matchers, found, lent: Lent::default(), shown: (0, 0) }
    }

    /// The jails that listen.
    pub(super) fn names(&self) -> Arc<[JailName]> {
        Arc::clone(&self.names)
    }

    /// Counts to add to, for what is not a record's.
    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.found.tally
    }

    /// Shows every listener one record that counts no more, so that they know of the attempts it tells
    /// of.
    pub(super) fn recall(&mut self, record: Record<'_>, now: Timestamp) {
        self.matchers.read(record, false, now, |_| {});
    }

    /// Shows every listener one record, read at `read`.
    pub(super) fn read(&mut self, record: Record<'_>, read: Moment) {
        self.show(record, false, read);
    }

    /// The first byte from `from` on, where a line begins, of which the line is to be shown; `None`: all
    /// lines that follow are to be passed over.
    pub(super) fn next(&self, chunk: &[u8], from: usize) -> Option<usize> {
        self.matchers.next(chunk, from)
    }

    /// Shows every listener a line that [`next`](Self::next) has led to.
    pub(super) fn read_next(&mut self, text: &[u8], read: Moment) {
        self.shown.0 += 1;
        self.show(Record { time: None, text }, true, read);
    }

    /// Counts records that nobody makes anything of.
    pub(super) fn pass(&mut self, records: u64, bytes: u64) {
        self.shown.1 += records;
        self.found.tally.records += records;
        self.found.tally.bytes += bytes;
    }

    /// A chunk has been looked through.
    pub(super) fn looked_through(&mut self) {
        let (shown, passed) = std::mem::take(&mut self.shown);
        self.matchers.looked_through(shown, passed);
    }

    fn show(&mut self, record: Record<'_>, found: bool, read: Moment) {
        let tally = &mut self.found.tally;
        tally.records += 1;
        tally.bytes += record.text.len() as u64;
        tally.last_record = tally.last_record.max(record.time);
        let (matchers, mut one) = (&mut self.matchers, self.found.one(record.text, read));
        matchers.read(record, found, read.wall, |told| one.take(&told));
        one.end();
    }

    /// Shows every listener the head of a record that was too long, which counts as none.
    pub(super) fn read_head(&mut self, text: &[u8], read: Moment) {
        let (matchers, mut one) = (&mut self.matchers, self.found.one(text, read));
        matchers.read_head(text, read.wall, |told| one.take(&told));
        one.end();
    }

    /// How `lines` stand to `time`, by every listener's reading of their dates; `now` tells the year
    /// of those that have none. A listener's records that have no date keep all from being old.
    pub(super) fn age(&self, lines: &[&[u8]], time: Timestamp, now: Timestamp) -> Age {
        let mut age = if self.names.is_empty() { Age::Unknown } else { Age::Before };
        for matcher in self.matchers.each() {
            let mut dated = 0;
            for read in lines.iter().filter_map(|line| matcher.time(line, now)) {
                if time <= read {
                    return Age::Since;
                }
                dated += 1;
            }
            if dated == 0 || dated * 2 < lines.len() {
                age = Age::Unknown;
            }
        }
        age
    }

    /// Everything found and counted since the last time; whether there is `more` to come soon.
    pub(super) fn take(&mut self, more: bool) -> (Arc<Findings>, Tally) {
        let Found { findings, tally, .. } =
            std::mem::replace(&mut self.found, Found::new(self.names.len()));
        let lent = self.lent.lend(findings, more);
        self.found.findings = self.lent.room();
        (lent, tally)
    }

    /// Forgets everything found and counted since the last time.
    pub(super) fn discard(&mut self) {
        self.found = Found::new(self.names.len());
    }
}

/// What listeners make of one record.
struct One<'f, 't> {
    found: &'f mut Found,
    record: &'t [u8],
    /// The record's text, once it was copied, however many recognise it.
    text: Option<Excerpt>,
    read: Moment,
    /// How many findings there were before.
    before: usize,
}

impl Found {
    fn new(listeners: usize) -> Self {
        Self { listeners, findings: Findings::default(), tally: empty_tally(listeners) }
    }

    fn one<'f, 't>(&'f mut self, record: &'t [u8], read: Moment) -> One<'f, 't> {
        let before = self.findings.failures.len();
        One { found: self, record, text: None, read, before }
    }
}

impl One<'_, '_> {
    /// Takes what some of the listeners make of it.
    fn take(&mut self, told: &Told<'_, '_>) {
        for &listener in told.readers {
            let tally = &mut self.found.tally;
            match told.outcome {
                Outcome::Missed | Outcome::NoFail(..) | Outcome::Exceeded(_) => {}
                Outcome::Ignored => tally.ignored[listener] += 1,
                Outcome::Unattributed(_) => tally.unattributed[listener] += 1,
                Outcome::Failure(found) => self.fail(listener, found),
            }
            if let Some(part) = told.exceeded {
                self.exceed(listener, part);
            }
        }
    }

    fn fail(&mut self, listener: usize, found: &Match<'_>) {
        let (text, tally) = (self.text(), &mut self.found.tally);
        tally.date_errors[listener] += u64::from(found.time.is_none());
        tally.last_record = tally.last_record.max(found.time);
        let user = found.user.map(|user| self.found.findings.excerpts.user(user));
        self.found.findings.failures.push(finding(listener, found, self.read, (text, user)));
    }

    fn exceed(&mut self, listener: usize, part: Part) {
        let listeners = self.found.listeners;
        let overruns = self.found.tally.overruns.get_or_insert_default();
        overruns.counts.resize(listeners, Default::default());
        overruns.counts[listener][part.index()] += 1;
        if overruns.first.len() < OVERRUNS {
            let text = self.text();
            let overrun = Overrun { listener: number(listener), part, text };
            self.found.tally.overruns.get_or_insert_default().first.push(overrun);
        }
    }

    fn text(&mut self) -> Excerpt {
        *self.text.get_or_insert_with(|| self.found.findings.excerpts.text(self.record))
    }

    /// All have told: their findings come in the listeners' order.
    fn end(self) {
        let findings = &mut self.found.findings.failures[self.before..];
        if findings.len() > 1 {
            findings.sort_by_key(|finding| finding.listener);
        }
    }
}

fn finding(
    listener: usize,
    found: &Match<'_>,
    read: Moment,
    (text, user): (Excerpt, Option<Excerpt>),
) -> Finding {
    let listener = number(listener);
    let failure = Failure { address: found.address, time: found.time.unwrap_or(read.wall) };
    Finding { listener, pattern: found.pattern, failure, read, text, user }
}

fn number(listener: usize) -> u16 {
    u16::try_from(listener).expect("a source has fewer than 65,536 listeners")
}

fn empty_tally(listeners: usize) -> Tally {
    let zeros = || vec![0; listeners];
    Tally { ignored: zeros(), unattributed: zeros(), date_errors: zeros(), ..Tally::default() }
}

#[cfg(test)]
mod tests;
