//! Reads one line after the other with a filter in fail2ban's language.

use std::net::IpAddr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::dates::{Detector, Found};
use super::lines::{self, Lines, Spanned};
use super::pattern::Pattern;
use super::sessions::{Attempt, Kept, Sessions};
use super::values::{CIDR, CONTENT, DNS, FID, IP4, IP6, MLFID, NOFAIL, Values};
use super::{Fail2ban, Names};
use crate::filter::address::parse;
use crate::filter::engine::{Exceeded, Locations};
use crate::filter::matcher::Part;
use crate::record::Record;

/// How long a time that one line told holds for lines that tell none.
const RECENTLY: SignedDuration = SignedDuration::from_mins(1);

/// What one source's reader keeps between lines.
#[derive(Debug)]
pub(in crate::filter) struct Reader {
    filter: Fail2ban,
    detector: Detector,
    prefix: Option<Locations>,
    captures: Vec<Locations>,
    ignore: Vec<Locations>,
    sessions: Sessions,
    lines: Option<Lines>,
    /// The last time that a line told: that of those that follow at once and tell none.
    last: Option<Timestamp>,
    /// What the prefregex captured.
    before: Values,
    /// What the pattern did, too.
    found: Attempt,
    /// The line without its date, a line break at its end; or several.
    text: String,
    /// What the patterns see, if that is less.
    content: String,
}

/// What a line is.
#[derive(Debug)]
pub(in crate::filter) enum Verdict<'a> {
    Missed,
    Ignored,
    /// A failure, and the line names several addresses whose it could be.
    Disputed {
        pattern: u16,
    },
    /// Recognised, and no failure, or nobody's yet.
    NoFail {
        pattern: u16,
        whose: Option<Whose<'a>>,
        attempt: &'a Attempt,
        names: &'a Names,
    },
    Failure {
        pattern: u16,
        whose: Whose<'a>,
        attempt: &'a Attempt,
        names: &'a Names,
    },
}

impl Verdict<'_> {
    /// Which pattern matched.
    pub(in crate::filter) fn pattern(&self) -> Option<u16> {
        match self {
            Self::Missed | Self::Ignored => None,
            Self::NoFail { pattern, .. }
            | Self::Failure { pattern, .. }
            | Self::Disputed { pattern } => Some(*pattern),
        }
    }
}

/// Whose failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filter) enum Whose<'a> {
    Address(IpAddr),
    /// A host's name.
    Host(&'a str),
    /// Something else by which fail2ban would count.
    Id(&'a str),
}

/// When it was, and the date's form.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::filter) struct Dated {
    pub(in crate::filter) time: Option<Timestamp>,
    pub(in crate::filter) form: Option<u16>,
}

impl Reader {
    pub(in crate::filter) fn new(filter: &Fail2ban) -> Self {
        let filter = filter.clone();
        let room = |patterns: &[Pattern]| -> Vec<Locations> {
            patterns.iter().map(|pattern| pattern.regex.locations()).collect()
        };
        Self {
            detector: Detector::new(&filter.dates),
            prefix: filter.prefregex.as_ref().map(|prefix| prefix.regex.locations()),
            captures: room(&filter.failregex),
            ignore: room(&filter.ignoreregex),
            sessions: Sessions::default(),
            lines: (filter.maxlines > 1).then(|| Lines::new(filter.maxlines)),
            last: None,
            before: Values::new(&filter.names),
            found: Attempt::new(&filter.names),
            text: String::new(),
            content: String::new(),
            filter,
        }
    }

    /// Forgets the connections and lines seen so far.
    pub(in crate::filter) fn forget(&mut self) {
        self.sessions = Sessions::default();
        self.last = None;
        self.lines = (self.filter.maxlines > 1).then(|| Lines::new(self.filter.maxlines));
    }

    /// What was read last, without its date: one line, or several.
    pub(in crate::filter) fn text(&self) -> &str {
        &self.text
    }

    /// When a line says it is.
    pub(in crate::filter) fn time(
        &self,
        text: &[u8],
        zone: &TimeZone,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut detector = Detector::new(&self.filter.dates);
        detector.locate(&String::from_utf8_lossy(text))?.resolve(zone, now)
    }

    /// Says what a record is, and when it was.
    pub(in crate::filter) fn read(
        &mut self,
        record: Record<'_>,
        zone: &TimeZone,
        now: Timestamp,
        exceeded: &mut Option<Part>,
    ) -> (Verdict<'_>, Dated) {
        let date = self.cut(record);
        let told = record.time.or_else(|| date.as_ref()?.resolve(zone, now));
        self.last = told.or(self.last);
        let recently = now.saturating_sub(RECENTLY).unwrap_or(Timestamp::MIN);
        let time = told.or(self.last.filter(|last| *last > recently));
        let dated = Dated { time, form: date.map(|date| date.template) };
        (self.judge(now, exceeded), dated)
    }

    /// Puts the text that the patterns see together: the line without its date.
    fn cut(&mut self, record: Record<'_>) -> Option<Found> {
        let line = String::from_utf8_lossy(record.text);
        let date = if record.time.is_some() { None } else { self.detector.locate(&line) };
        let (before, after) = match &date {
            Some(date) => (&line[..date.start], &line[date.end..]),
            None => (&line[..], ""),
        };
        self.text.clear();
        self.content.clear();
        for part in [before, after] {
            push_line(&mut self.text, part);
        }
        match &mut self.lines {
            Some(lines) => {
                let line = std::mem::take(&mut self.text);
                lines.push(&line, &mut self.text);
            }
            None => self.text.push('\n'),
        }
        date
    }

    fn judge(&mut self, now: Timestamp, exceeded: &mut Option<Part>) -> Verdict<'_> {
        // As fail2ban: what is to be ignored is looked for first only where that is less work.
        let few = self.filter.ignoreregex.len() + 2 < self.filter.failregex.len();
        if few && self.ignores(None, exceeded) {
            return Verdict::Ignored;
        }
        let original: Vec<String> =
            self.lines.as_ref().map(|lines| lines.kept().to_vec()).unwrap_or_default();
        match self.prefixed() {
            Ok(true) => {}
            Ok(false) => return Verdict::Missed,
            Err(Exceeded) => {
                *exceeded = Some(Part::Prefregex);
                return Verdict::Missed;
            }
        }
        let Some(pattern) = self.matching(exceeded) else { return Verdict::Missed };
        let number = usize::from(pattern);
        let spanned = self.spanned(number, &original);
        if self.ignores(spanned.as_ref(), exceeded) {
            if let (Some(lines), Some(spanned)) = (&mut self.lines, spanned) {
                lines.keep(spanned);
            }
            return Verdict::Ignored;
        }
        let count = spanned.as_ref().map_or(1, |spanned| spanned.count);
        if let (Some(lines), Some(spanned)) = (&mut self.lines, spanned) {
            lines.keep(spanned);
        }
        self.found.clear();
        self.found.values.update(&self.before);
        let text = if self.content.is_empty() { &self.text } else { &self.content };
        let captured = &self.filter.failregex[number];
        let disputed = captured.capture(&self.captures[number], text, &mut self.found.values);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match self.attribute(pattern, count, now) {
            Verdict::NoFail { whose: None, .. } if disputed => Verdict::Disputed { pattern },
            verdict => verdict,
        }
    }

    /// Whether an ignoreregex takes what the patterns see, or the lines that a match spans. One
    /// that uses up its budget takes nothing.
    fn ignores(&mut self, spanned: Option<&Spanned>, exceeded: &mut Option<Part>) -> bool {
        let seen = if self.content.is_empty() { &self.text } else { &self.content };
        let text = spanned.map_or(seen, |spanned| &spanned.text);
        let patterns = self.filter.ignoreregex.iter().zip(&mut self.ignore);
        for (pattern, locations) in patterns {
            match pattern.regex.read(locations, text.as_bytes()) {
                Ok(Some(_)) => return true,
                Ok(None) => {}
                Err(Exceeded) => *exceeded = Some(Part::Ignoreregex),
            }
        }
        false
    }

    /// Whether the prefregex lets the line through; then it says what the patterns see.
    fn prefixed(&mut self) -> Result<bool, Exceeded> {
        self.before.clear();
        let (Some(prefix), Some(locations)) = (&self.filter.prefregex, &mut self.prefix) else {
            return Ok(true);
        };
        if prefix.regex.read(locations, self.text.as_bytes())?.is_none() {
            return Ok(false);
        }
        prefix.capture(locations, &self.text, &mut self.before);
        if let Some(content) = self.before.some(CONTENT) {
            self.content.push_str(content);
            self.content.push('\n');
            if let Some(lines) = &mut self.lines {
                lines.narrow(content);
            }
        }
        self.before.set(CONTENT, None);
        Ok(true)
    }

    /// The first pattern that matches.
    fn matching(&mut self, exceeded: &mut Option<Part>) -> Option<u16> {
        let text = if self.content.is_empty() { &self.text } else { &self.content };
        // Most lines end here, at no allocation.
        if self.filter.gate.as_ref().is_some_and(|gate| !gate.is_match(text.as_bytes())) {
            return None;
        }
        let can_match = self.filter.gate.as_ref().map(|gate| gate.matches(text.as_bytes()));
        let patterns = self.filter.failregex.iter().zip(&mut self.captures);
        for (number, (pattern, locations)) in (0u16..).zip(patterns) {
            if can_match.as_ref().is_some_and(|can| !can.matched(usize::from(number))) {
                continue;
            }
            match pattern.regex.read(locations, text.as_bytes()) {
                Ok(Some(_)) => return Some(number),
                Ok(None) => {}
                Err(Exceeded) => {
                    exceeded.get_or_insert(Part::Failregex(number));
                }
            }
        }
        None
    }

    /// The lines that the match spans, if patterns see several.
    fn spanned(&self, pattern: usize, original: &[String]) -> Option<Spanned> {
        self.lines.as_ref()?;
        let text = if self.content.is_empty() { &self.text } else { &self.content };
        let locations = &self.captures[pattern];
        let skips = self.filter.failregex[pattern].skips.iter();
        let skipped: String = skips
            .filter_map(|group| locations.get(*group))
            .map(|(start, end)| &text[start..end])
            .collect();
        Some(lines::spanned(original, text, locations.get(0)?, &skipped))
    }

    /// Puts what was found to what is known, and says whose it is.
    fn attribute(&mut self, pattern: u16, lines: u32, now: Timestamp) -> Verdict<'_> {
        let in_session = self.found.values.get(MLFID).is_some();
        let kept = if in_session {
            self.sessions.merge(&mut self.found, lines, now)
        } else {
            self.found.told(lines);
            Kept::Here
        };
        let attempt = self.sessions.attempt(kept, &mut self.found);
        let informs = attempt.values.some(NOFAIL).is_some();
        attempt.pending |= !informs && whose(&attempt.values).is_none();
        let attempt = &*attempt;
        let names = &self.filter.names;
        match whose(&attempt.values) {
            Some(whose) if !informs => Verdict::Failure { pattern, whose, attempt, names },
            whose => Verdict::NoFail { pattern, whose, attempt, names },
        }
    }
}

/// Whose a failure is: the address that a line names, though fail2ban may count by another ID.
fn whose(values: &Values) -> Option<Whose<'_>> {
    let address = values.get(IP4).or_else(|| values.get(IP6));
    let network = values.get(CIDR).is_some_and(|bits| bits != "32" && bits != "128");
    let other = values.get(DNS).map(Whose::Host).or_else(|| values.get(FID).map(Whose::Id));
    let found = address.map(Whose::Id).or(other)?;
    let (Whose::Id(text) | Whose::Host(text)) = found else { return Some(found) };
    match parse(text.as_bytes()) {
        Some(address) if !network => Some(Whose::Address(address)),
        _ => Some(found),
    }
}

/// Writes text of one line. A source lets no line break through; should it, the patterns would see two
/// lines.
fn push_line(out: &mut String, text: &str) {
    for (number, part) in text.split('\n').enumerate() {
        if number > 0 {
            out.push_str(r"\n");
        }
        out.push_str(part);
    }
}
