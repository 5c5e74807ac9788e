//! What a run counted: of lines, patterns, dates, and whose failures.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::filter::date::Form;
use crate::filter::probe::{NearMiss, Probes};
use crate::filter::{Filter, Matcher, Name, Outcome};

/// The counts of a run. Every line is one of ignored, missed, oversized, exceeded, or matched.
pub(super) struct Tally<'f> {
    pub(super) filter: &'f Filter,
    pub(super) lines: u64,
    pub(super) ignored: u64,
    pub(super) missed: u64,
    /// Matched, and no failure.
    pub(super) nofail: u64,
    /// Failures of nobody who has an address.
    pub(super) unattributed: u64,
    pub(super) oversized: u64,
    pub(super) exceeded: u64,
    /// Failures without a date that can be read.
    pub(super) undated: u64,
    /// By pattern.
    pub(super) hits: Vec<u64>,
    pub(super) ignore_hits: Vec<u64>,
    pub(super) dates: BTreeMap<Form, u64>,
    pub(super) addresses: FxHashMap<IpAddr, u64>,
    /// Hosts and IDs that are no addresses.
    pub(super) names: FxHashMap<Vec<u8>, u64>,
    pub(super) times: Vec<Duration>,
    /// How many lines the times are of.
    pub(super) timed: u32,
    probes: Option<Probes>,
    last_ignored: bool,
}

/// How many lines each pattern is timed on.
const TIMED: u32 = 256;

/// How many names are counted one by one.
const NAMES: usize = 100_000;

impl<'f> Tally<'f> {
    pub(super) fn new(filter: &'f Filter) -> Self {
        let patterns = usize::from(filter.pattern_count());
        Self {
            filter,
            lines: 0,
            ignored: 0,
            missed: 0,
            nofail: 0,
            unattributed: 0,
            oversized: 0,
            exceeded: 0,
            undated: 0,
            hits: vec![0; patterns],
            ignore_hits: vec![0; filter.definition.ignoreregex.len()],
            dates: BTreeMap::new(),
            addresses: FxHashMap::default(),
            names: FxHashMap::default(),
            times: vec![Duration::ZERO; patterns],
            timed: 0,
            probes: None,
            last_ignored: false,
        }
    }

    /// Lines in which some pattern matched.
    pub(super) fn matched(&self) -> u64 {
        self.lines - self.ignored - self.missed - self.oversized - self.exceeded
    }

    /// One line.
    pub(super) fn line(&mut self, outcome: &Outcome<'_>) {
        self.lines += 1;
        self.last_ignored = matches!(outcome, Outcome::Ignored);
        match outcome {
            Outcome::Missed => self.missed += 1,
            Outcome::Ignored => self.ignored += 1,
            Outcome::Exceeded(_) => self.exceeded += 1,
            Outcome::NoFail(_) => self.nofail += 1,
            Outcome::Unattributed(found) => {
                self.unattributed += 1;
                if let Some(Name::Host(name) | Name::Id(name)) = found.as_ref().map(|f| f.address)
                    && (self.names.len() < NAMES || self.names.contains_key(name))
                {
                    *self.names.entry(name.to_vec()).or_default() += 1;
                }
            }
            Outcome::Failure(found) => {
                *self.addresses.entry(found.address).or_default() += 1;
                self.undated += u64::from(found.time.is_none());
            }
        }
    }

    /// What the matcher knows of the line just told, whose text this is.
    pub(super) fn after(&mut self, matcher: &Matcher, text: &[u8], timing: bool) {
        if let Some(form) = matcher.form() {
            *self.dates.entry(form).or_default() += 1;
        }
        if let Some(hits) = matcher.pattern().and_then(|at| self.hits.get_mut(usize::from(at))) {
            *hits += 1;
        }
        if self.last_ignored && !self.ignore_hits.is_empty() {
            let text = matcher.without_date(text);
            if let Some(place) = self.probes().ignoring(&text) {
                self.ignore_hits[place] += 1;
            }
        }
        if timing && self.timed < TIMED {
            self.time(&matcher.without_date(text));
        }
    }

    /// Where the line just told parts from the pattern that fits it best.
    pub(super) fn nearest(
        &mut self,
        matcher: &Matcher,
        text: &[u8],
    ) -> Option<(NearMiss, Vec<u8>)> {
        let text = matcher.without_date(text);
        let miss = self.probes().nearest(&text)?;
        let rest = text[miss.at.min(text.len())..].trim_ascii_end().to_vec();
        Some((miss, rest))
    }

    /// How long each pattern takes a line, by itself.
    pub(super) fn time_of(&self, pattern: usize) -> Duration {
        let total = self.times.get(pattern).copied().unwrap_or_default();
        total.checked_div(self.timed).unwrap_or_default()
    }

    fn time(&mut self, text: &[u8]) {
        self.timed += 1;
        let probes = self.probes.get_or_insert_with(|| Probes::new(self.filter));
        let Some(content) = probes.content(text) else { return };
        for (pattern, time) in self.times.iter_mut().enumerate() {
            let started = Instant::now();
            probes.matches(pattern, content);
            *time += started.elapsed();
        }
    }

    fn probes(&mut self) -> &mut Probes {
        self.probes.get_or_insert_with(|| Probes::new(self.filter))
    }
}
