//! The metrics there are, and which labels and label values they have.

use std::collections::{BTreeMap, BTreeSet};

use gaoler::telemetry::catalog::catalog;

use crate::script::started;

/// What any target has, and what Prometheus itself makes.
const TARGET: [&str; 2] = ["job", "instance"];

/// Labels whose values are a closed list, the same on every host.
const CLOSED: [&str; 5] = ["reason", "kind", "outcome", "origin", "family"];

/// What Prometheus itself makes for each target, and of each alert.
const PROMETHEUS: [(&str, &str, &[&str]); 4] = [
    ("up", "gauge", &[]),
    ("scrape_duration_seconds", "gauge", &[]),
    ("scrape_samples_scraped", "gauge", &[]),
    ("ALERTS", "gauge", &["alertname", "alertstate", "severity"]),
];

/// One metric.
#[derive(Clone, Debug, Default)]
pub struct Metric {
    /// `counter`, `gauge` or `histogram`; a histogram's series are `counter`s.
    pub kind: &'static str,
    /// Its labels, and those of its target.
    pub labels: BTreeSet<String>,
    /// The values of those labels that have a closed list of them.
    pub values: BTreeMap<String, BTreeSet<String>>,
}

/// Metrics by the name of their series.
pub type Metrics = BTreeMap<String, Metric>;

/// All that gaoler exposes, and what Prometheus adds.
pub fn metrics() -> Metrics {
    let families = started().metrics.families();
    let mut metrics = Metrics::new();
    for (entry, family) in catalog(&families).into_iter().zip(&families) {
        let mut metric = target(entry.kind);
        metric.labels.extend(entry.labels);
        for pair in family.metric.iter().flat_map(|series| &series.label) {
            if CLOSED.contains(&pair.name.as_str()) {
                metric.values.entry(pair.name.clone()).or_default().insert(pair.value.clone());
            }
        }
        if entry.kind == "histogram" {
            metric.kind = "counter";
            let mut bucket = metric.clone();
            bucket.labels.insert("le".to_owned());
            metrics.insert(format!("{}_bucket", entry.name), bucket);
            metrics.insert(format!("{}_sum", entry.name), metric.clone());
            metrics.insert(format!("{}_count", entry.name), metric);
        } else {
            metrics.insert(entry.name, metric);
        }
    }
    for (name, kind, labels) in &PROMETHEUS {
        let metric = metrics.entry((*name).to_owned()).or_insert_with(|| target(kind));
        metric.labels.extend(labels.iter().map(|label| (*label).to_owned()));
    }
    metrics
}

fn target(kind: &'static str) -> Metric {
    let labels = TARGET.map(str::to_owned).into();
    Metric { kind, labels, values: BTreeMap::new() }
}

#[test]
fn it_knows_what_the_rules_need_to_know() {
    let metrics = metrics();
    let withheld = &metrics["gaoler_bans_withheld_total"];
    assert_eq!(withheld.kind, "counter");
    assert_eq!(withheld.labels, ["instance", "jail", "job", "reason"].map(str::to_owned).into());
    assert!(withheld.values["reason"].contains("capacity"));
    assert!(metrics["gaoler_detection_delay_seconds_bucket"].labels.contains("le"));
    assert!(!metrics.contains_key("gaoler_detection_delay_seconds"));
    assert_eq!(metrics["gaoler_source_up"].kind, "gauge");
}
