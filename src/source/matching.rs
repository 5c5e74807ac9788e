//! What the listeners make of a run of records: findings and counts.
//!
//! The one place where sources meet filters. Reused from batch to batch; nothing is allocated for
//! a record that nobody recognises.

use std::sync::Arc;

use jiff::Timestamp;

use super::Listener;
use super::batch::{Finding, Overrun, Tally};
use super::excerpt::{Excerpt, Excerpts};
use crate::failure::Failure;
use crate::filter::{Match, Matcher, Outcome};
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
    matchers: Vec<Matcher>, // Invariant: as many as names, in their order.
    findings: Vec<Finding>,
    excerpts: Excerpts,
    tally: Tally,
}

impl Matching {
    /// Matches for `listeners`.
    pub(super) fn new(listeners: Vec<Listener>) -> Self {
        let names: Arc<[JailName]> = listeners.iter().map(|l| l.jail.clone()).collect();
        let matchers = listeners.into_iter().map(|l| Matcher::new(l.filter, l.time_zone)).collect();
        let tally = empty_tally(names.len());
        Self { names, matchers, findings: Vec::new(), excerpts: Excerpts::default(), tally }
    }

    /// The jails that listen.
    pub(super) fn names(&self) -> Arc<[JailName]> {
        Arc::clone(&self.names)
    }

    /// Counts to add to, for what is not a record's.
    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Shows every listener one record that counts no more, so that they know of the attempts it tells
    /// of.
    pub(super) fn recall(&mut self, record: Record<'_>, now: Timestamp) {
        for matcher in &mut self.matchers {
            let _ = matcher.read(record, now);
        }
    }

    /// Shows every listener one record, read at `read`.
    pub(super) fn read(&mut self, record: Record<'_>, read: Moment) {
        self.tally.records += 1;
        self.tally.bytes += record.text.len() as u64;
        self.tally.last_record = self.tally.last_record.max(record.time);
        self.show(record, read, |matcher, record| matcher.read(record, read.wall));
    }

    /// Shows every listener the head of a record that was too long, which counts as none.
    pub(super) fn read_head(&mut self, text: &[u8], read: Moment) {
        let head = Record { time: None, text };
        self.show(head, read, |matcher, head| matcher.read_head(head.text, read.wall));
    }

    fn show(
        &mut self,
        record: Record<'_>,
        read: Moment,
        ask: impl for<'m> Fn(&'m mut Matcher, Record<'m>) -> Outcome<'m>,
    ) {
        let mut text = None;
        for (listener, matcher) in self.matchers.iter_mut().enumerate() {
            match ask(matcher, record) {
                Outcome::Missed | Outcome::NoFail(..) | Outcome::Exceeded(_) => {}
                Outcome::Ignored => self.tally.ignored[listener] += 1,
                Outcome::Unattributed(_) => self.tally.unattributed[listener] += 1,
                Outcome::Failure(found) => {
                    if found.time.is_none() {
                        self.tally.date_errors[listener] += 1;
                    }
                    self.tally.last_record = self.tally.last_record.max(found.time);
                    // Copied once, however many recognise it.
                    let text = *text.get_or_insert_with(|| self.excerpts.text(record.text));
                    let user = found.user.map(|user| self.excerpts.user(user));
                    self.findings.push(finding(listener, &found, read, (text, user)));
                }
            }
            if let Some(part) = matcher.exceeded() {
                let overruns = self.tally.overruns.get_or_insert_default();
                overruns.counts.resize(self.names.len(), Default::default());
                overruns.counts[listener][part.index()] += 1;
                if overruns.first.len() < OVERRUNS {
                    let text = *text.get_or_insert_with(|| self.excerpts.text(record.text));
                    overruns.first.push(Overrun { listener: number(listener), part, text });
                }
            }
        }
    }

    /// How `lines` stand to `time`, by every listener's reading of their dates; `now` tells the year
    /// of those that have none. A listener's records that have no date keep all from being old.
    pub(super) fn age(&self, lines: &[&[u8]], time: Timestamp, now: Timestamp) -> Age {
        let mut age = if self.matchers.is_empty() { Age::Unknown } else { Age::Before };
        for matcher in &self.matchers {
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

    /// Everything found and counted since the last time.
    pub(super) fn take(&mut self) -> (Vec<Finding>, Excerpts, Tally) {
        let tally = std::mem::replace(&mut self.tally, empty_tally(self.names.len()));
        let findings = std::mem::take(&mut self.findings);
        (findings, std::mem::take(&mut self.excerpts), tally)
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
