//! The whole page of the scripted hour, as it was when somebody last looked at it.
//!
//! `UPDATE=1 cargo test --test telemetry` writes it anew; then look at the difference.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use gaoler::jail::ban::JailName;
use gaoler::telemetry::exposition::{Format, OpenMetricsVersion, render};
use gaoler::telemetry::metrics::Metrics;
use gaoler::telemetry::metrics::room::SERIES;

use crate::script::{played, sshd_settings, started};

/// Compares `actual` with the file, or writes it if `UPDATE` is set.
#[track_caller]
pub fn check(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let lines = || expected.lines().zip(actual.lines()).enumerate();
    let differ = lines().find(|(_, (expected, actual))| expected != actual);
    assert!(
        expected == actual,
        "{file} is not what comes out now; first difference (line, (then, now)): {differ:?}; \
         lines then and now: {} and {}; UPDATE=1 accepts it",
        expected.lines().count(),
        actual.lines().count()
    );
}

/// The page as text 0.0.4.
pub fn text(metrics: &Metrics) -> String {
    String::from_utf8(render(&metrics.families(), Format::Text004)).unwrap()
}

/// The page as OpenMetrics 1.0.
pub fn openmetrics(metrics: &Metrics) -> String {
    let format = Format::OpenMetrics(OpenMetricsVersion::V100);
    String::from_utf8(render(&metrics.families(), format)).unwrap()
}

/// The names and labels of all series.
fn series(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[test]
fn golden_text() {
    check("tests/golden/metrics/page.txt", &text(&played().metrics));
}

#[test]
fn golden_openmetrics() {
    check("tests/golden/metrics/page.openmetrics", &openmetrics(&played().metrics));
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs: it is in Debian's package prometheus");
    promtool.stdin.take().unwrap().write_all(text(&played().metrics).as_bytes()).unwrap();
    let told = promtool.wait_with_output().unwrap();
    let complaints = [told.stdout, told.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(told.status.success(), "{complaints:?}");
    assert_eq!(complaints, ["", ""]);
}

/// `increase()` cannot see the first increment of a series that comes with it.
#[test]
fn every_series_is_there_before_anything_happens() {
    let page = |host: crate::script::Host| series(&text(&host.metrics));
    assert_eq!(page(started()), page(played()));
}

#[test]
fn a_start_counts_nothing() {
    let page = text(&started().metrics);
    let ours = page.lines().filter(|line| line.starts_with("gaoler_") && !line.ends_with(" 0"));
    let names: BTreeSet<&str> = ours.map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let expected = [
        "gaoler_build_info",
        "gaoler_config_last_reload_success_timestamp_seconds",
        "gaoler_config_last_reload_successful",
        "gaoler_jail_bantime_seconds",
        "gaoler_jail_findtime_seconds",
        "gaoler_jail_maxretry",
    ];
    assert_eq!(names, BTreeSet::from(expected));
}

#[test]
fn what_leaves_takes_its_series_along() {
    let host = played();
    let before = text(&host.metrics);
    let jail = host.metrics.jail_appears(&JailName::new("gone"), &sshd_settings(5));
    let source = host.metrics.source_appears("/gone");
    assert!(series(&text(&host.metrics)).len() > series(&before).len() + 50);
    host.metrics.jail_leaves(&jail);
    host.metrics.source_leaves(&source);
    assert_eq!(text(&host.metrics), before);
}

/// Jails beyond what a scrape bears are counted and not shown; each is shown whole or not at all.
#[test]
fn there_are_only_so_many_series() {
    let host = started();
    let lines = |page: &str| page.lines().filter(|line| !line.starts_with('#')).count();
    let before = lines(&text(&host.metrics));
    let name = |nth: usize| JailName::new(&format!("jail{nth}"));
    let first = host.metrics.jail_appears(&name(0), &sshd_settings(3));
    let each = lines(&text(&host.metrics)) - before;
    let _others: Vec<_> =
        (1..1_000).map(|nth| host.metrics.jail_appears(&name(nth), &sshd_settings(3))).collect();
    let page = text(&host.metrics);
    let shown = (lines(&page) - before) / each;
    assert_eq!(lines(&page), before + shown * each);
    assert!(lines(&page) <= SERIES + before && SERIES < lines(&page) + each, "{shown} of {each}");
    let dropped = format!("gaoler_series_dropped_total {}\n", (1_000 - shown) * each);
    assert!(page.contains(&dropped), "{dropped}");

    host.metrics.jail_leaves(&first);
    let _late = host.metrics.jail_appears(&name(1_000), &sshd_settings(3));
    assert!(text(&host.metrics).contains("gaoler_failures_total{jail=\"jail1000\"} 0\n"));
}

#[test]
fn a_reload_keeps_counts_and_drops_patterns_that_are_gone() {
    let host = played();
    let _jail = host.metrics.jail_appears(&JailName::new("sshd"), &sshd_settings(1));
    let page = text(&host.metrics);
    let matches = |page: &str| {
        let matches = |line: &&str| line.starts_with("gaoler_filter_matches_total{jail=\"sshd\"");
        page.lines().filter(matches).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(matches(&page), ["gaoler_filter_matches_total{jail=\"sshd\",pattern=\"0\"} 1"]);
    assert!(page.contains("gaoler_failures_total{jail=\"sshd\"} 2\n"), "{page}");
}
