//! fail2ban's filters find in gaoler what they find in fail2ban: Debian's package brings annotated
//! log lines along, and each is read with its own filter.d, with every set of options that its
//! annotations ask for.
//!
//! Compared are whether a line is a failure, whose, when, what was captured, and how many lines told
//! of it. What differs must be listed in `docs/conformance.md`, and what is listed must differ.

#![expect(clippy::disallowed_methods, reason = "reads what Debian's fail2ban package installs")]

#[path = "conformance/python.rs"]
mod python;
#[path = "conformance/samples.rs"]
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use gaoler::fail2ban::{self, Logtype};
use gaoler::filter::{Filter, Match, Matcher, NORMAL, Name, Outcome};
use gaoler::record::Record;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use self::samples::{Expected, Options, Sample};

/// Where `scripts/install-deps.sh` has Debian's package put them.
const FILTERS: &str = "/etc/fail2ban";
const LOGS: &str = "/usr/lib/python3/dist-packages/fail2ban/tests/files/logs";

/// When the samples are read, and where: fail2ban's own tests say so.
const NOW: &str = "2005-08-14T12:00:00+02:00";
const ZONE: &str = "Europe/Zurich";

/// What a line yielded.
#[derive(Debug, Default, PartialEq)]
struct Yield {
    failed: bool,
    whose: Option<String>,
    time: Option<Timestamp>,
    groups: BTreeMap<String, Value>,
    attempts: u32,
}

/// A fail2ban, and its samples.
struct Installed {
    filters: PathBuf,
    logs: PathBuf,
}

impl Installed {
    /// What `scripts/install-deps.sh` has installed.
    fn here() -> Self {
        Self { filters: FILTERS.into(), logs: LOGS.into() }
    }

    /// That of a newer Debian.
    fn of(suite: &str) -> Result<Self, String> {
        let script = Command::new("scripts/fetch-newer.sh").args([suite, "fail2ban"]).output();
        let ran = script.map_err(|error| error.to_string())?;
        if !ran.status.success() {
            return Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned());
        }
        let root = PathBuf::from(String::from_utf8_lossy(&ran.stdout).trim());
        let under = |path: &str| root.join(path.trim_start_matches('/'));
        Ok(Self { filters: under(FILTERS), logs: under(LOGS) })
    }

    /// Those that have a filter.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.logs)
            .expect("fail2ban's samples (scripts/install-deps.sh)")
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| self.filters.join(format!("filter.d/{name}.conf")).exists())
            .collect();
        names.sort();
        names
    }

    /// Asserts that every sample yields what it says, but for those listed; returns those of the list
    /// that differ.
    fn assert_read(&self, least: usize) -> BTreeSet<String> {
        let (mut checks, mut wrong) = (0, BTreeMap::new());
        let names = self.names();
        for name in &names {
            for (options, samples) in samples::read(&self.logs.join(name), name) {
                checks += samples.len();
                wrong.extend(self.differing(name, &options, &samples));
            }
        }
        assert!(names.len() > 80 && checks > least, "{} files, {checks} checks", names.len());
        let (listed, unlisted): (BTreeMap<String, String>, _) =
            wrong.into_iter().partition(|(place, _)| listed().contains(place));
        assert!(unlisted.is_empty(), "{} of {checks} differ:\n{unlisted:#?}", unlisted.len());
        listed.into_keys().collect()
    }
}

#[test]
fn every_sample_of_fail2bans_yields_what_it_does_there() {
    let differing = Installed::here().assert_read(1300);
    let gone: Vec<String> =
        listed().into_iter().filter(|place| !differing.contains(place)).collect();
    assert!(gone.is_empty(), "listed in docs/conformance.md, and do not differ: {gone:?}");
}

/// Filters and samples that this engine was not made by.
#[test]
fn newer_filters_are_read_as_well() {
    for suite in ["trixie", "sid"] {
        match Installed::of(suite) {
            Ok(newer) => drop(newer.assert_read(1400)),
            Err(why) if std::env::var_os("CI").is_none() => {
                eprintln!("NOT TRIED: fail2ban of {suite} can't be had: {why}");
            }
            Err(why) => panic!("fail2ban of {suite} can't be had: {why}"),
        }
    }
}

impl Installed {
    /// Lines that yield something else than they say: `file:line`, and how.
    fn differing(
        &self,
        name: &str,
        options: &Options,
        samples: &[Sample],
    ) -> Vec<(String, String)> {
        let spec = options.spec(name);
        let logtype = if options.journal() { Logtype::Journal } else { Logtype::File };
        let definition = fail2ban::filter(&self.filters, &spec, logtype)
            .unwrap_or_else(|error| panic!("{spec}: {error}"));
        let filter = Filter::compile(&definition, NORMAL).unwrap_or_else(|error| panic!("{error}"));
        let mut matcher = Matcher::new(Arc::new(filter), zone());
        let mut differing = Vec::new();
        for sample in samples {
            let text = format!("{}{}", options.prefix(), sample.line);
            let yielded = read(&mut matcher, text.as_bytes(), options.journal());
            if let Some(why) = difference(&yielded, &sample.expected, options.journal()) {
                let place = format!("{}:{}", sample.file, sample.number);
                let why = format!("{place} with {spec}: {why}\n{}", sample.line);
                differing.push((place, why));
            }
        }
        differing
    }
}

fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

fn read(matcher: &mut Matcher, text: &[u8], journal: bool) -> Yield {
    let now: Timestamp = NOW.parse().unwrap();
    let time = journal.then_some(now);
    match matcher.read(Record { time, text }, now) {
        Outcome::Failure(found) => told(&found, found.address.to_string()),
        Outcome::Unattributed(Some(found)) => {
            let (Name::Host(name) | Name::Id(name)) = found.address;
            told(&found, String::from_utf8(name.to_vec()).unwrap())
        }
        Outcome::Missed
        | Outcome::Ignored
        | Outcome::NoFail(_)
        | Outcome::Unattributed(None)
        | Outcome::Exceeded(_) => Yield::default(),
    }
}

fn told<Who>(found: &Match<'_, Who>, whose: String) -> Yield {
    let text = |text: &[u8]| Value::from(String::from_utf8_lossy(text).into_owned());
    let groups = found.groups().map(|(name, value)| (name.to_owned(), text(value)));
    let lists = found.lists().map(|(name, values)| (name.to_owned(), Value::from(values)));
    Yield {
        failed: true,
        whose: Some(whose),
        time: found.time,
        groups: groups.chain(lists).collect(),
        attempts: found.attempts(),
    }
}

/// How a line's yield differs from what is expected of it; `None`: it does not.
fn difference(yielded: &Yield, expected: &Expected, journal: bool) -> Option<String> {
    if yielded.failed != expected.failed {
        return Some(format!("a failure: {}, should be: {}", yielded.failed, expected.failed));
    }
    if !expected.failed {
        return None;
    }
    let time = expected.time.map(|time| zone().to_timestamp(time).unwrap());
    if time.is_some() && !journal && yielded.time != time {
        return Some(format!("time {:?}, should be {time:?}", yielded.time));
    }
    let told = |key: &str| match key {
        "host" => yielded.whose.clone().map(Value::from),
        "attempts" => Some(Value::from(yielded.attempts)),
        key => yielded.groups.get(key).cloned(),
    };
    expected.captures.iter().find_map(|(key, expected)| {
        let told = told(key).unwrap_or_default();
        let same = comparable(&told) == comparable(expected);
        (!same).then(|| format!("{key} {told}, should be {expected}"))
    })
}

/// Addresses are compared by what they mean, sets in whatever order.
fn comparable(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let address = text.parse::<IpAddr>().map(|address| address.to_canonical().to_string());
            Value::from(address.unwrap_or_else(|_| text.clone()))
        }
        Value::Array(values) => {
            let sorted: BTreeSet<String> = values.iter().map(Value::to_string).collect();
            sorted.into_iter().collect()
        }
        other => other.clone(),
    }
}

/// What `docs/conformance.md` lists: the first column of its table.
fn listed() -> BTreeSet<String> {
    let page = fs::read_to_string("docs/conformance.md").unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}
