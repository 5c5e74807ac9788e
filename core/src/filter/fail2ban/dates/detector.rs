//! Finds the date of one line after the other.
//!
//! A log writes its dates in one form, at one place. So the form that was used last is tried first,
//! and holds if it is where it was; else all are tried, and the one that stands first wins, of
//! several the one listed first.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Dates;
use super::stamp::Parts;
use super::template::{Kind, Template};
use crate::filter::engine::Locations;

/// A filter's forms at work on one log.
#[derive(Debug)]
pub(in crate::filter::fail2ban) struct Detector {
    dates: Dates,
    locations: Vec<Locations>,
    last: Option<Place>,
}

/// Where a form matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    template: usize,
    start: usize,
    end: usize,
}

/// A line's date.
#[derive(Clone, Copy, Debug)]
pub(in crate::filter::fail2ban) struct Found {
    /// What is cut out; empty where a form says that there is none.
    pub(in crate::filter::fail2ban) start: usize,
    /// Its end.
    pub(in crate::filter::fail2ban) end: usize,
    /// Which form.
    pub(in crate::filter::fail2ban) template: u16,
    parts: Said,
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Nothing,
    Instant(Timestamp),
    Civil(Parts),
}

impl Detector {
    pub(in crate::filter::fail2ban) fn new(dates: &Dates) -> Self {
        let dates = dates.clone();
        let locations = dates.templates.iter().map(|template| template.regex.locations()).collect();
        Self { dates, locations, last: None }
    }

    /// Finds a line's date.
    pub(in crate::filter::fail2ban) fn locate(&mut self, line: &str) -> Option<Found> {
        let place = self.place(line)?;
        self.last = Some(place);
        self.found(place, line)
    }

    fn place(&mut self, line: &str) -> Option<Place> {
        let last = self.last.and_then(|last| self.read(last.template, line));
        if let Some(place) = last
            && (self.dates.templates[place.template].anchored
                || self.dates.templates.len() == 1
                || self.last == Some(place))
        {
            return Some(place);
        }
        let can_match = self.dates.gate.as_ref().map(|gate| gate.matches(line.as_bytes()));
        let mut best = last;
        let near = self.last.map_or(1, |last| last.start.max(1));
        for template in 0..self.dates.templates.len() {
            if can_match.as_ref().is_some_and(|can| !can.matched(template)) {
                continue;
            }
            let Some(place) = self.read(template, line) else { continue };
            if self.dates.templates[template].anchored || place.start <= near {
                best = Some(place);
                break;
            }
            if best.is_none_or(|best| place.start < best.start) {
                best = Some(place);
            }
        }
        // Where it matched last, its captures are.
        best.and_then(|best| self.read(best.template, line))
    }

    /// A form that uses up its budget is not this line's.
    fn read(&mut self, template: usize, line: &str) -> Option<Place> {
        let found = self.dates.templates[template]
            .read(&mut self.locations[template], line.as_bytes())
            .unwrap_or(None)?;
        Some(Place { template, start: found.0, end: found.1 })
    }

    fn found(&self, place: Place, line: &str) -> Option<Found> {
        let template = &self.dates.templates[place.template];
        let locations = &self.locations[place.template];
        let (start, end) = locations.get(1)?;
        let parts = said(template, locations, line).unwrap_or(Said::Nothing);
        let parts = if start == end { Said::Nothing } else { parts };
        Some(Found {
            start,
            end,
            template: u16::try_from(place.template).unwrap_or(u16::MAX),
            parts,
        })
    }
}

impl Found {
    /// The instant; `None`: it says none, or one that cannot be.
    pub(in crate::filter::fail2ban) fn resolve(
        &self,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match &self.parts {
            Said::Nothing => None,
            Said::Instant(instant) => Some(*instant),
            Said::Civil(parts) => parts.resolve(zone, now),
        }
    }
}

fn said(template: &Template, locations: &Locations, line: &str) -> Option<Said> {
    let text = |group| locations.get(group).map(|(start, end)| &line[start..end]);
    match template.kind {
        Kind::Epoch { group, long } => epoch(text(group)?, long).map(Said::Instant),
        Kind::Tai64n => {
            // The first digit after the `@` is 2^62 and no more.
            let seconds = i64::from_str_radix(text(1)?.get(2..17)?, 16).ok()?;
            Timestamp::from_second(seconds).ok().map(Said::Instant)
        }
        Kind::Civil => {
            let mut parts = Parts::default();
            for (field, group) in &template.fields {
                if let Some(text) = text(*group) {
                    parts.set(*field, text)?;
                }
            }
            Some(Said::Civil(parts))
        }
    }
}

/// `1795341600`, `1795341600.25`; if they may be longer, 13 digits are milliseconds, 16 microseconds.
fn epoch(text: &str, long: bool) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unit = match text.len() {
        16.. if long && fraction.is_empty() => 6,
        13.. if long => 3,
        _ => 0,
    };
    let (seconds, finer) = whole.split_at(whole.len().checked_sub(unit)?);
    let digits = finer.bytes().chain(fraction.bytes()).chain(std::iter::repeat(b'0'));
    let nanosecond = digits.take(9).fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    Timestamp::new(seconds.parse().ok()?, nanosecond).ok()
}
