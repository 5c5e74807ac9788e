//! Runs a filter over its own samples: real lines, and what each must yield.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::definition::Sample;
use super::{Filter, Matcher, Outcome};
use crate::printable::Printable;
use crate::record::Record;

/// A sample that yields something else than it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFailure {
    /// Which filter.
    pub filter: String,
    /// In which mode.
    pub mode: String,
    /// Which sample, from 1.
    pub number: usize,
    /// The sample.
    pub sample: Sample,
    /// What it yielded.
    pub yielded: Yield,
}

/// What a sample can say of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Yield {
    /// Whose failure; `None`: none.
    pub address: Option<IpAddr>,
    /// The user.
    pub user: Option<String>,
    /// When.
    pub time: Option<Timestamp>,
}

impl Filter {
    /// Runs the samples that hold in this filter's mode, each by itself: as of the end of 2026, in
    /// UTC. Returns those that fail; empty is good.
    #[must_use]
    pub fn run_samples(self: &Arc<Self>) -> Vec<SampleFailure> {
        let mut matcher = Matcher::new(Arc::clone(self), TimeZone::UTC);
        let samples = (1..).zip(&self.definition.samples);
        let held = samples
            .filter(|(_, sample)| sample.mode.is_empty() || sample.mode.contains(&self.mode));
        held.filter_map(|(number, sample)| {
            let yielded = match self.adapted(sample) {
                None => run(&mut matcher, sample),
                Some(filter) => run(&mut Matcher::new(Arc::new(filter), TimeZone::UTC), sample),
            };
            (!sample.holds(&yielded)).then(|| SampleFailure {
                filter: self.definition.name.clone(),
                mode: self.mode.clone(),
                number,
                sample: sample.clone(),
                yielded,
            })
        })
        .collect()
    }
}

impl Filter {
    /// The filter as a jail would have it that says what the sample says; `None`: as it is. A format
    /// that the filter cannot judge by leaves it so, and the sample will not hold.
    fn adapted(&self, sample: &Sample) -> Option<Self> {
        let mut definition = self.definition.clone();
        let rule = definition.httpd.as_mut()?;
        let same_format = sample.logformat.as_ref().is_none_or(|format| *format == rule.format);
        if same_format && sample.trusted_proxies == rule.trusted_proxies {
            return None;
        }
        rule.trusted_proxies.clone_from(&sample.trusted_proxies);
        if let Some(format) = &sample.logformat {
            rule.format = format.clone();
        }
        Self::compile(&definition, &self.mode).ok()
    }
}

/// When samples are read: 31 December 2026, 23:59:59 UTC.
const NOW: Timestamp = Timestamp::constant(1_798_761_599, 0);

fn run(matcher: &mut Matcher, sample: &Sample) -> Yield {
    matcher.forget();
    let time = sample.journal.then_some(NOW);
    match matcher.read(Record { time, text: sample.line.as_bytes() }, NOW) {
        Outcome::Failure(found) => Yield {
            address: Some(found.address),
            user: found.user.map(|user| String::from_utf8_lossy(user).into_owned()),
            time: found.time,
        },
        Outcome::Missed
        | Outcome::Ignored
        | Outcome::NoFail(_)
        | Outcome::Unattributed(_)
        | Outcome::Exceeded(_) => Yield::default(),
    }
}

impl Sample {
    /// Whether the line yielded what the sample says. A user or time that it does not say may be
    /// any.
    fn holds(&self, yielded: &Yield) -> bool {
        let time = self.time.as_deref().map(str::parse::<Timestamp>);
        self.address == yielded.address
            && (self.user.is_none() || self.user == yielded.user)
            && time.is_none_or(|time| time.is_ok_and(|time| Some(time) == yielded.time))
    }
}

impl fmt::Display for SampleFailure {
    /// In one line, for an operator, without the filter's name; control bytes of the sample escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, sample, yielded, .. } = self;
        let line = Printable(sample.line.as_bytes());
        write!(f, "sample {number} ({}): `{line}` ", sample.why)?;
        let time = yielded.time.map(|time| time.to_string());
        write!(f, "yields {}", shown(yielded.address, yielded.user.as_deref(), time.as_deref()))?;
        let expected = shown(sample.address, sample.user.as_deref(), sample.time.as_deref());
        write!(f, " and should yield {expected}")
    }
}

fn shown(address: Option<IpAddr>, user: Option<&str>, time: Option<&str>) -> String {
    let Some(address) = address else { return "nothing".to_owned() };
    let field = |name: &str, value: Option<&str>| {
        value
            .map_or_else(String::new, |value| format!(", {name} `{}`", Printable(value.as_bytes())))
    };
    format!("{address}{}{}", field("user", user), field("time", time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Definition;

    /// Runs a filter of `^Failed from <ADDR> by <F-USER/>$` over one sample.
    #[track_caller]
    fn check(sample: Sample, failure: Option<&str>) {
        let definition = Definition {
            name: "x".into(),
            failregex: vec!["^ ?Failed from <ADDR> by <F-USER/>$".into()],
            samples: vec![sample],
            ..Definition::default()
        };
        let filter = Arc::new(Filter::compile(&definition, "normal").unwrap());
        let failures: Vec<String> = filter.run_samples().iter().map(ToString::to_string).collect();
        assert_eq!(failures.first().map(String::as_str), failure);
    }

    fn sample() -> Sample {
        Sample {
            line: "2026-11-22T10:00:00Z Failed from ::1 by bob".into(),
            address: Some("::1".parse().unwrap()),
            user: Some("bob".into()),
            time: Some("2026-11-22T10:00:00Z".into()),
            why: "w".into(),
            ..Sample::default()
        }
    }

    #[test]
    fn a_sample_that_holds_is_not_told_of() {
        check(sample(), None);
        check(Sample { user: None, time: None, ..sample() }, None);
        check(
            Sample { line: "x\n".into(), address: None, user: None, time: None, ..sample() },
            None,
        );
        check(Sample { mode: vec!["ddos".into()], line: "x".into(), ..sample() }, None);
    }

    #[test]
    fn one_that_does_not_is_told_of_in_full() {
        check(
            Sample { line: "\x1bx".into(), ..sample() },
            Some(
                "sample 1 (w): `\\u{1b}x` yields nothing and should yield \
                 ::1, user `bob`, time `2026-11-22T10:00:00Z`",
            ),
        );
        check(
            Sample { user: Some("eve".into()), time: None, ..sample() },
            Some(
                "sample 1 (w): `2026-11-22T10:00:00Z Failed from ::1 by \
                 bob` yields ::1, user `bob`, time `2026-11-22T10:00:00Z` and should yield ::1, \
                 user `eve`",
            ),
        );
        check(
            Sample { time: Some("2026-11-22T10:00:01Z".into()), user: None, ..sample() },
            Some(
                "sample 1 (w): `2026-11-22T10:00:00Z Failed from ::1 by \
                 bob` yields ::1, user `bob`, time `2026-11-22T10:00:00Z` and should yield ::1, \
                 time `2026-11-22T10:00:01Z`",
            ),
        );
    }
}
