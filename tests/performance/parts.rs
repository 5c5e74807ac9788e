//! The parts by themselves, each by what the library offers: `make bench BENCH=parts`.
//!
//! A part is timed on lines that the inputs' generators make, so a figure here can be multiplied into
//! one of `make bench`.
#![allow(clippy::disallowed_methods, reason = "shares the generators with what runs programs")]

#[allow(dead_code, reason = "its files are made elsewhere")]
mod inputs;
mod policy;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use divan::Bencher;
use divan::counter::ItemsCount;
use gaoler::config::filters::Filters;
use gaoler::failure::Failure;
use gaoler::filter::date::Dates;
use gaoler::filter::{Filter, Matcher, Outcome};
use gaoler::jail::Jail;
use gaoler::jail::ban::{Ban, BanKey, BanOrigin, JailName};
use gaoler::jail::ledger::Ledger;
use gaoler::jail::window::{FailureWindow, Threshold};
use gaoler::moment::{Boot, Moment};
use gaoler::record::Record;
use gaoler::telemetry::exposition::{Format, OpenMetricsVersion, render};
use gaoler::telemetry::metrics::Metrics;
use gaoler::telemetry::metrics::jail::Settings;
use gaoler::trace::TraceId;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use self::inputs::Kind;

fn main() {
    divan::main();
}

/// How many lines are read at a time.
const LINES: u64 = 1000;

/// A line of each of the usual forms of a date that logs have most.
const DATED: [(&str, &str); 3] = [
    ("syslog", "Nov 22 09:59:59 host1 sshd[2001]: Connection from 198.51.100.7 port 4242"),
    (
        "access log",
        "198.51.100.7 - - [22/Nov/2026:09:59:59 +0000] \"GET / HTTP/1.1\" 200 6 \"-\" \"-\"",
    ),
    ("ISO 8601", "2026-11-22T09:59:59.123456+00:00 host1 sshd[2001]: Connection from 198.51.100.7"),
];

fn dated(name: &str) -> &'static [u8] {
    DATED.iter().find(|(other, _)| *other == name).expect("it is listed").1.as_bytes()
}

fn at(second: i64) -> Moment {
    Moment {
        wall: Timestamp::from_second(inputs::END + second).expect("in range"),
        boot: Boot(SignedDuration::from_secs(second)),
    }
}

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from(0x2000_0000 + number).into()
}

/// Where a line says when.
#[divan::bench(args = DATED.map(|(name, _)| name))]
fn date_located(bencher: Bencher<'_, '_>, form: &str) {
    let line = dated(form);
    bencher.bench_local(|| Dates::Usual.locate(black_box(line)));
}

/// And what that means, with a year to be found and a zone to be minded.
#[divan::bench(args = DATED.map(|(name, _)| name))]
fn date_resolved(bencher: Bencher<'_, '_>, form: &str) {
    let located = Dates::Usual.locate(dated(form)).expect("a date");
    let now = at(0).wall;
    bencher.bench_local(|| black_box(&located.stamp).resolve(&TimeZone::UTC, now));
}

/// Lines of one input, of which a filter makes failures or nothing.
struct Lines {
    filter: &'static str,
    kind: Kind,
    failures: bool,
}

/// The prefilter ends the walk of a line that misses; a failure's line has its host captured.
const READ: [(&str, Lines); 6] = [
    ("sshd, failures", Lines { filter: "sshd", kind: Kind::Auth, failures: true }),
    ("sshd, other lines", Lines { filter: "sshd", kind: Kind::Auth, failures: false }),
    (
        "http-get-dos, failures",
        Lines { filter: "http-get-dos", kind: Kind::Access, failures: true },
    ),
    ("http-get-dos, others", Lines { filter: "http-get-dos", kind: Kind::Access, failures: false }),
    ("failregex, failures", Lines { filter: REQUESTS, kind: Kind::Access, failures: true }),
    ("failregex, others", Lines { filter: REQUESTS, kind: Kind::Access, failures: false }),
];

/// A filter with one failregex, for a log in which nearly every line counts.
const REQUESTS: &str = "requests";

#[divan::bench(args = READ.map(|(name, _)| name))]
fn line_read(bencher: Bencher<'_, '_>, name: &str) {
    let (_, lines) = READ.iter().find(|(other, _)| *other == name).expect("it is listed");
    let mut matcher = Matcher::new(filter(lines.filter), TimeZone::UTC);
    let now = at(0).wall;
    let mut is_failure = |line: &str| {
        let record = Record { time: None, text: line.as_bytes() };
        matches!(matcher.read(record, now), Outcome::Failure(_))
    };
    let mut text = Vec::new();
    inputs::write(lines.kind, LINES, LINES, &mut text).expect("a Vec takes it");
    let text = String::from_utf8(text).expect("text");
    let chosen: Vec<&str> =
        text.lines().filter(|line| is_failure(line) == lines.failures).collect();
    assert!(!chosen.is_empty(), "{name}: no such line");
    bencher.counter(ItemsCount::new(chosen.len())).bench_local(|| {
        for line in &chosen {
            black_box(is_failure(black_box(line)));
        }
    });
}

fn filter(name: &str) -> std::sync::Arc<Filter> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("requests.yaml");
    std::fs::write(&file, r#"failregex: ['^<HOST> -.*"(GET|HEAD).*']"#).expect("a file");
    let named: &Path = if name == REQUESTS { &file } else { name.as_ref() };
    let filters = Filters::new(directory.path().to_owned()).named(&named.to_string_lossy());
    filters.expect("a filter that works").1
}

/// One more failure of an address that has failed before.
#[divan::bench(args = [3, 5, 100])]
fn window_record(bencher: Bencher<'_, '_>, maxretry: usize) {
    let threshold = Threshold::new(maxretry, SignedDuration::from_secs(10)).expect("a threshold");
    let (mut window, mut second) = (FailureWindow::default(), 0);
    bencher.bench_local(|| {
        second += 7;
        window.record(threshold, at(second).wall)
    });
}

/// One more failure, to a jail that counts so many addresses, none of them banned.
#[divan::bench(args = [10, 10_000, 1_000_000])]
fn jail_failure(bencher: Bencher<'_, '_>, addresses: u32) {
    let mut jail = Jail::new(JailName::new("measured"), policy::counting(addresses as usize));
    let mut number: u32 = 0;
    let mut fail = || {
        number += 1;
        let now = at(i64::from(number));
        // Far from the one before, as attackers are.
        let address = address(number.wrapping_mul(7919) % addresses);
        jail.on_failure(Failure { address, time: now.wall }, now)
    };
    for _ in 0..addresses {
        fail();
    }
    bencher.bench_local(fail);
}

/// Whether an address is banned, of whom every other is.
#[divan::bench(args = [10, 10_000, 1_000_000])]
fn ledger_covering(bencher: Bencher<'_, '_>, bans: u32) {
    let ledger = ledger(bans);
    let mut number: u32 = 0;
    bencher.bench_local(|| {
        number = number.wrapping_add(7919);
        ledger.covering(address(number % (2 * bans))).is_some()
    });
}

/// A ban that begins, and ends again.
#[divan::bench(args = [10, 10_000, 1_000_000])]
fn ledger_ban_and_unban(bencher: Bencher<'_, '_>, bans: u32) {
    let mut ledger = ledger(bans);
    let one = ban(bans + 1);
    bencher.bench_local(|| {
        ledger.insert(one.clone(), at(0));
        ledger.remove(&one.key.address)
    });
}

fn ledger(bans: u32) -> Ledger {
    let mut ledger = Ledger::default();
    for number in 0..bans {
        ledger.insert(ban(2 * number), at(i64::from(number)));
    }
    ledger
}

fn ban(number: u32) -> Ban {
    Ban {
        key: BanKey { jail: JailName::new("measured"), address: IpNet::from(address(number)) },
        origin: BanOrigin::Detected,
        since: at(0).wall,
        bantime: Some(SignedDuration::from_hours(1)),
        failures: 5,
        trace: TraceId::new(1),
    }
}

const FORMATS: [(&str, Format); 3] = [
    ("text", Format::Text004),
    ("OpenMetrics", Format::OpenMetrics(OpenMetricsVersion::V100)),
    ("protobuf", Format::Protobuf),
];

/// The page of metrics of fifty jails.
#[divan::bench(args = FORMATS.map(|(name, _)| name))]
fn scrape(bencher: Bencher<'_, '_>, format: &str) {
    let (_, format) = FORMATS.iter().find(|(name, _)| *name == format).expect("it is listed");
    let metrics = Metrics::new("0", "none", at(0), PathBuf::from("/proc/self"));
    let settings = Settings {
        patterns: 20,
        findtime: SignedDuration::from_mins(10),
        maxretry: 5,
        bantime: Some(SignedDuration::from_mins(10)),
        backend: "firewalld".to_owned(),
    };
    let name = |number| JailName::new(&format!("jail-{number}"));
    let jails: Vec<_> =
        (0..50).map(|number| metrics.jail_appears(&name(number), &settings)).collect();
    bencher.bench_local(|| render(&metrics.families(), *format).len());
    drop(jails);
}
