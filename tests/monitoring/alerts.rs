//! The rules in particular: every metric exists, every alert says what somebody who is woken by it
//! needs, and has its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::catalog::{Metric, Metrics, metrics};
use crate::query::{complaints, names};
use crate::rules::{alerts, expectations, rules, seconds};

/// How often a target is scraped at the least: the rules say so in their head.
const SCRAPE: Duration = Duration::from_secs(30);

const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];
const ANNOTATIONS: [&str; 3] = ["description", "runbook_url", "summary"];
const RUNBOOKS: &str = "https://github.com/gaoler/gaoler/blob/main/docs/runbooks/";

/// What rules can select: metrics, and what earlier rules record.
fn selectable() -> Metrics {
    let mut all = metrics();
    for rule in rules() {
        let Some(name) = rule.record else { continue };
        let level = name.split(':').next().unwrap();
        let labels = level.split('_').chain(["job"]).map(str::to_owned).collect();
        let metric = Metric { kind: "gauge", labels, values: BTreeMap::new() };
        assert!(all.insert(name.clone(), metric).is_none(), "{name} is there twice");
    }
    all
}

#[test]
fn rules_select_what_exists() {
    let selectable = selectable();
    for rule in rules() {
        let complaints = complaints(&rule.expr, &selectable, SCRAPE);
        assert_eq!(complaints, [""; 0], "{:?}{:?}", rule.alert, rule.record);
    }
}

#[test]
fn names_are_the_fields_own() {
    let mut seen = BTreeSet::new();
    for (name, _) in alerts() {
        let camel = name.chars().all(|c| c.is_ascii_alphabetic());
        assert!(camel && name.starts_with("Gaoler"), "{name}");
        assert!(seen.insert(name.clone()), "{name} is there twice");
    }
    let recorded: Vec<_> = rules().into_iter().filter_map(|rule| rule.record).collect();
    for name in &recorded {
        assert_eq!(name.split(':').count(), 3, "{name} is not level:metric:operation");
        let used = rules().iter().any(|rule| names(&rule.expr).contains(name));
        assert!(used, "nothing uses {name}");
    }
    assert!(!recorded.is_empty());
}

#[test]
fn alerts_say_what_somebody_needs_to_know() {
    for (name, rule) in alerts() {
        let keys: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(keys, ANNOTATIONS, "{name}");
        let summary = &rule.annotations["summary"];
        assert!(!summary.contains("{{"), "{name}: a summary groups alerts, so it has no values");
        for text in [summary, &rule.annotations["description"]] {
            assert!(text.ends_with('.'), "{name}: {text}");
        }
        assert_eq!(rule.annotations["runbook_url"], format!("{RUNBOOKS}{name}.md"), "{name}");
        let labels: Vec<_> = rule.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, ["severity"], "{name}");
        assert!(SEVERITIES.contains(&rule.labels["severity"].as_str()), "{name}");
    }
}

/// A label that the description names is one that the alert has.
#[test]
fn descriptions_name_labels_that_are_there() {
    let selectable = selectable();
    for (name, rule) in alerts() {
        let description = &rule.annotations["description"];
        let said = description.split("$labels.").skip(1);
        for label in said.map(|rest| rest.split(' ').next().unwrap()) {
            let has = |series: &String| selectable[series].labels.contains(label);
            assert!(names(&rule.expr).iter().any(has), "{name}: which {label}?");
        }
        assert!(description.contains("$labels."), "{name}: where?");
    }
}

#[test]
fn one_scrape_alone_alerts_nobody() {
    for (name, rule) in alerts() {
        let pending = rule.pending.unwrap_or_else(|| panic!("{name} has no `for`"));
        assert!(seconds(&pending) >= 2 * SCRAPE.as_secs(), "{name}: for {pending}");
        if let Some(keep) = rule.keep_firing_for {
            assert!(seconds(&keep) >= 2 * SCRAPE.as_secs(), "{name}: keep_firing_for {keep}");
        }
    }
}

/// An alert whose expression counts within a window ends when the window is over: who looks then must
/// find it still firing.
#[test]
fn what_comes_in_bursts_keeps_firing() {
    for (name, rule) in alerts() {
        let bursts = rule.expr.contains("increase(") || rule.expr.contains("changes(");
        assert!(!bursts || rule.keep_firing_for.is_some(), "{name} has no keep_firing_for");
    }
}

#[test]
fn every_alert_compares_with_something() {
    for (name, rule) in alerts() {
        let compares = ["==", ">", "<", "absent("].iter().any(|sign| rule.expr.contains(sign));
        assert!(compares, "{name} fires always");
    }
}

#[test]
fn every_alert_is_tested_firing_and_not_firing() {
    let names: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let expectations = expectations();
    let having = |fires: bool| -> BTreeSet<String> {
        let of = expectations.iter().filter(|expected| expected.exp_alerts.is_empty() != fires);
        of.map(|expected| expected.alertname.clone()).collect()
    };
    assert_eq!(having(true), names, "tested firing");
    assert_eq!(having(false), names, "tested not firing");
}
